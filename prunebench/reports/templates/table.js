// The table: the dense model first, then what the filters leave, sorted, a page of it at a time.

const sortColumn = () => columns().find(column => column.key === state.sort) ?? columns().find(column => column.key === "value");
const descends = column => (column.better === -1) !== (state.reversed === "1");

const {compare: collate} = new Intl.Collator("en"); // localeCompare makes a new one for each pair

function sorted(entries, column) {
  const keys = new Map(entries.map(entry => [entry, column.by(entry)]));
  const sign = descends(column) ? -1 : 1;
  // A ranking is of one seed: one below the other at one target.
  const seeds = severalSeeds() && state.target !== ALL && ["rank", "value"].includes(column.key);
  return entries.sort((a, b) => {
    if (seeds && a.cell.seed !== b.cell.seed) return a.cell.seed - b.cell.seed;
    const [x, y] = [keys.get(a), keys.get(b)];
    // What has no value stays at the end whichever way the others are sorted.
    if (x === null || y === null) return (x === null) - (y === null) || byValue(a, b) || collate(a.title, b.title);
    const order = typeof x === "string" ? collate(x, y) : x - y;
    return sign * order || byValue(a, b) || collate(a.title, b.title);
  });
}

function byValue(a, b) {
  if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
  return data.metrics[state.metric].lower ? a.value - b.value : b.value - a.value;
}

// Those that the filters leave, in order, whatever page of the table they are on.
const ordered = entries => sorted(entries.filter(matches), sortColumn());

function drawHead(shown) {
  find("head").replaceChildren(...shown.map(column => {
    const chosen = column === sortColumn();
    const label = make("button", {type: "button", on: {click: () => sortBy(column)}}, column.title,
      make("span", {class: "arrow", "aria-hidden": "true"}, chosen ? (descends(column) ? "▼" : "▲") : ""));
    return make("th", {scope: "col", class: classes(column), "data-key": column.key,
      "aria-sort": chosen ? (descends(column) ? "descending" : "ascending") : "none"}, label);
  }));
}

const classes = column => [column.kind, column.numeric && "number"].filter(Boolean).join(" ") || null;

function sortBy(column) {
  choose({sort: column.key, reversed: column === sortColumn() && state.reversed === "" ? "1" : ""}, "replaceState");
  document.querySelector(`th[data-key="${CSS.escape(column.key)}"] button`).focus();
}

function toggleRow(name) {
  if (!opened.delete(name)) opened.add(name);
  drawTable();
  writeAddress("replaceState"); // who comes back from a method's page finds it as it was
  focusToggle(name);
}

const focusToggle = name => [...document.querySelectorAll("button.method")].find(button => button.dataset.cell === name)?.focus();

let printing = false; // paper has no pager

function drawTable() {
  const shown = shownColumns(), entries = ordered(candidates()), pinned = denseRows();
  const size = Number(state.size), pages = Math.max(1, Math.ceil(entries.length / size));
  state.page = String(Math.min(Number(state.page), pages));
  const page = Number(state.page), before = printing ? 0 : (page - 1) * size;
  const visible = printing ? entries : entries.slice(before, before + size);
  setAxis([...pinned, ...entries]);
  drawHead(shown);
  find("table").setAttribute("aria-rowcount", 1 + pinned.length + entries.length); // the head is a row
  find("body").replaceChildren(...[...pinned, ...visible].flatMap((entry, i, all) => {
    const line = make("tr", {class: looks(entry, all[i - 1], all[i + 1]), "aria-rowindex": 2 + i + (i < pinned.length ? 0 : before),
      "data-method": entry.cell.method, "data-target": entry.cell.target, "data-cell": keyOf(entry.cell)},
    shown.map(item => make(item.key === "method" ? "th" : "td", {scope: item.key === "method" ? "row" : null, class: classes(item)},
      (item.cell ?? item.text)(entry))));
    return opened.has(keyOf(entry.cell)) ? [line, details(entry, shown.length)] : [line];
  }), ...(entries.length ? [] : [nothing(shown.length)]));
  drawCaption();
  drawSummary(entries, visible.length, before);
  drawPager(page, pages, entries.length);
}

// In place of rows where the filters leave none: where there are some.
function nothing(width) {
  const others = state.target === ALL ? 0 : candidates(ALL).filter(matches).length;
  return make("tr", {class: "details"}, make("td", {colspan: width}, make("div", {class: "controls"},
    make("span", {}, state.target === ALL ? "No row is left by the filters." : `No row at ${data.targets[state.target].label} is left by the filters; ${others} at other targets.`),
    others ? make("button", {type: "button", on: {click: () => choose({target: ALL})}}, "Show all targets") :
      make("button", {type: "button", on: {click: () => choose({...FILTERS})}}, "Reset the filters"))));
}

// Neighbours that share a rank are held together by a bracket.
function looks(entry, above, below) {
  if (isDense(entry.cell)) return "dense";
  const same = other => other && !isDense(other.cell) && other.score?.[RANK] && groupOf(other) === groupOf(entry);
  const tied = isTied(entry) && (same(above) || same(below));
  return [isUnbeaten(entry) && !isControl(entry.cell) && "first", tied && "tied", tied && !same(above) && "opens", tied && !same(below) && "closes"]
    .filter(Boolean).join(" ") || null;
}

function drawCaption() {
  const overlap = data.overlaps[`${state.model}/${state.metric}`];
  find("caption").textContent = caption(overlap ? " †" : "");
  find("overlap").textContent = overlap ? `† ${overlap}.` : "";
  find("overlap").hidden = !overlap;
}

function caption(mark = "") {
  const metric = data.metrics[state.metric];
  const where = state.target === ALL ? "all targets" : data.targets[state.target].label;
  const protocol = options.protocol.length > 1 ? `, protocol ${state.protocol}` : "";
  return `${metric.title} of ${data.models[state.model]} on ${sampled(state.metric)}${mark}, ${where}${protocol}`;
}

function drawSummary(entries, visible, before) {
  const metric = data.metrics[state.metric];
  const items = denseRows()[0]?.score?.[ITEMS];
  const failed = entries.filter(entry => entry.status !== "ok").length;
  const rows = `${entries.length} of ${candidates().length} rows${visible < entries.length ? `, here ${before + 1} to ${before + visible}` : ""}${failed ? `, ${failed} without a valid value` : ""}`;
  find("summary").textContent = [rows, `${metric.lower ? "lower" : "higher"} is better`,
    items ? `each a mean over ${items} ${metric.log ? "windows" : "questions"}` : ""].filter(Boolean).join("; ");
}

function drawPager(page, pages, count) {
  find("pager").hidden = count <= Number(SIZES[0]);
  if (find("page").length !== pages) find("page").replaceChildren(...Array.from({length: pages}, (_, i) => make("option", {value: i + 1}, `${i + 1} of ${pages}`)));
  find("page").value = page;
  // Not `disabled`, which would take the focus away from who steps through the pages by keyboard.
  for (const [id, to] of [["previous", page - 1], ["next", page + 1]]) {
    find(id).setAttribute("aria-disabled", to < 1 || to > pages);
    find(id).dataset.page = to;
  }
}

function turnTo(page) {
  choose({page: String(page)});
  find("caption").scrollIntoView({block: "nearest"});
}

// Brings the row of a cell before the eyes, opened.
function showRow(name) {
  const cell = data.cells.find(candidate => keyOf(candidate) === name);
  opened.add(name);
  const target = isDense(cell) || state.target === ALL ? state.target : cell.target;
  const place = isDense(cell) ? 0 : ordered(candidates(target)).findIndex(entry => entry.cell === cell);
  choose({...(target === state.target ? {} : {target}), page: String(1 + Math.floor(place / Number(state.size)))});
  focusToggle(name);
}
