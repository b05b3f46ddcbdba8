// ---- the page -------------------------------------------------------------------------------------------

function details(entry, width) {
  const {cell} = entry;
  const texts = cell.texts.map(([prompt, text]) => make("p", {class: "text"},
    make("bdi", {}, text.startsWith(prompt) ? [make("span", {class: "quiet"}, prompt), text.slice(prompt.length)] : text)));
  const measured = Object.entries(data.metrics).map(([key, metric]) => {
    const other = row(cell, key);
    const shown = other.status !== "ok" ? chip(other.status) : other.score ? [make("strong", {}, number(other.score[VALUE], metric)), " ",
      small(interval(other.score, metric))] : "–";
    const rank = other.score?.[RANK] ? `rank ${other.score[RANK]}` : "";
    const items = other.score?.[ITEMS] ? `${other.score[ITEMS]} items` : "";
    return make("tr", {}, make("th", {scope: "row"}, `${metric.title}, ${metric.dataset}${isFlattered(cell, key) ? " †" : ""}`), make("td", {class: "number"}, shown),
      make("td", {}, small([rank, items].filter(Boolean).join(", "))));
  });
  const costs = Object.entries(cell.costs).map(([name, value]) => {
    const [metric, part] = name.split("/");
    const [title, shown] = {
      sparsity: ["Measured sparsity", percent], prune_seconds: ["Pruning time", duration],
      evaluate_seconds: ["Evaluation time", duration], peak_memory_gb: ["Peak memory", gigabytes => `${gigabytes.toFixed(2)} GB`],
    }[metric] ?? [metric, String];
    return make("tr", {}, make("th", {scope: "row"}, part ? `${title}, ${part}` : title), make("td", {class: "number"}, shown(value)), make("td"));
  });
  return make("tr", {class: "details"}, make("td", {colspan: width}, make("div", {class: "inside"},
    make("div", {}, make("p", {}, small(`${cell.family || "unknown family"}, origin ${cell.origin || "unknown"}, seed ${cell.seed}, protocol ${cell.protocol}`)),
      cell.note && make("p", {}, "Note: ", make("bdi", {}, cell.note)),
      entry.reason && make("p", {}, "Reason: ", make("bdi", {}, entry.reason)),
      texts.length ? make("h3", {}, "Generated text") : null, texts),
    make("table", {class: "facts"}, make("tbody", {}, measured, costs)))));
}

function compare(column, descending) {
  return (a, b) => {
    const [x, y] = [column.by(a), column.by(b)];
    // What has no value stays at the end whichever way the others are sorted.
    if (x === null || y === null) return (x === null) - (y === null) || a.title.localeCompare(b.title);
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return (descending ? -order : order) || best(a, b) || a.title.localeCompare(b.title);
  };
}

function best(a, b) {
  if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
  return data.metrics[state.metric].lower ? a.value - b.value : b.value - a.value;
}

function drawHead(shown) {
  find("head").replaceChildren(...shown.map(column => {
    const sorted = column.key === state.sort;
    const label = column.unsortable ? column.title : make("button", {type: "button", on: {click: () => sortBy(column)}}, column.title,
      make("span", {class: "arrow", "aria-hidden": "true"}, sorted ? (state.descending ? "▼" : "▲") : ""));
    return make("th", {scope: "col", class: classes(column), "data-key": column.key,
      "aria-sort": column.unsortable ? null : sorted ? (state.descending ? "descending" : "ascending") : "none"}, label);
  }));
}

const classes = column => [column.kind, column.numeric && "number", column.wide && `wide${column.wide}`].filter(Boolean).join(" ") || null;

function sortBy(column) {
  const same = state.sort === column.key;
  state.descending = same ? (state.descending ? "" : "1") : column.better === -1 ? "1" : "";
  state.sort = column.key;
  state.page = "1";
  draw();
  document.querySelector(`th[data-key="${column.key}"] button`).focus();
}

let printing = false; // paper has no pager

function drawTable() {
  const shown = columns();
  const column = shown.find(candidate => candidate.key === state.sort) ?? shown.find(candidate => candidate.key === "value");
  const all = candidates();
  const entries = all.filter(matches).sort(compare(column, state.descending));
  const pinned = denseRows();
  const size = Number(state.size), pages = Math.max(1, Math.ceil(entries.length / size));
  state.page = String(Math.min(Number(state.page), pages));
  const page = Number(state.page), before = printing ? 0 : (page - 1) * size;
  const visible = printing ? entries : entries.slice(before, before + size);
  setAxis([...pinned, ...entries]);
  drawHead(shown);
  const lines = [...pinned.map(entry => [entry, "dense"]), ...visible.map(entry => [entry, entry.score?.[RANK] === 1 && entry.status === "ok" ? "first" : null])];
  find("table").setAttribute("aria-rowcount", 1 + pinned.length + entries.length); // the head is a row
  find("body").replaceChildren(...lines.flatMap(([entry, kind], i) => {
    const line = make("tr", {class: kind, "aria-rowindex": 2 + i + (i < pinned.length ? 0 : before), "data-method": entry.cell.method, "data-target": entry.cell.target},
      shown.map(item => make(item.head ? "th" : "td", {scope: item.head ? "row" : null, class: classes(item)}, item.cell(entry))));
    return opened.has(keyOf(entry.cell)) ? [line, details(entry, shown.length)] : [line];
  }));
  const metric = data.metrics[state.metric];
  const where = state.target === ALL ? "all targets" : data.targets[state.target].label;
  const overlap = data.overlaps[`${state.model}/${state.metric}`];
  find("caption").textContent = `${metric.title} of ${data.models[state.model]} on ${metric.dataset}${overlap ? " †" : ""}, ${where}`;
  find("overlap").textContent = overlap ? `† ${overlap}.` : "";
  find("overlap").hidden = !overlap;
  const items = pinned[0]?.score?.[ITEMS];
  const failed = entries.filter(entry => entry.status !== "ok").length;
  find("summary").textContent = `${entries.length} of ${all.length} rows${visible.length < entries.length ? `, here ${before + 1} to ${before + visible.length}` : ""}${failed ? `, ${failed} without a valid value` : ""}; ${metric.lower ? "lower" : "higher"} is better${items ? `; each a mean over ${items} ${metric.log ? "windows" : "questions"}` : ""}`;
  drawPager(page, pages, entries.length);
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

// For each target the best mean over seeds, and which methods no comparison rules out as the best.
function answer(target) {
  const groups = new Map();
  for (const cell of data.cells) {
    if (cell.model === state.model && cell.target === target) groups.set(cell.method, [...(groups.get(cell.method) ?? []), row(cell)]);
  }
  const metric = data.metrics[state.metric];
  const whole = [...groups.values()].filter(entries => entries.every(entry => entry.value !== null))
    .map(entries => ({entries, title: entries[0].title, mean: entries.reduce((sum, entry) => sum + entry.value, 0) / entries.length}))
    .sort((a, b) => metric.lower ? a.mean - b.mean : b.mean - a.mean);
  const rivals = whole.slice(1).filter(group => group.entries.some(entry => entry.score[BEST] === 1));
  return {best: whole[0], rivals, finished: whole.length, failed: groups.size - whole.length};
}

function drawCards() {
  const metric = data.metrics[state.metric];
  const cards = Object.entries(data.targets).map(([target, {label}]) => {
    const {best, rivals, finished, failed} = answer(target);
    const lines = [make("span", {class: "target"}, label)];
    if (best) {
      const score = best.entries[0].score;
      const change_ = change(best.mean, denseValue(), metric);
      const names = rivals.length > 3 ? `${rivals.length} others` : rivals.map(rival => rival.title).join(", ");
      lines.push(make("bdi", {class: "winner"}, best.title),
        make("span", {}, make("strong", {}, number(best.mean), metric.unit), " ", small(best.entries.length === 1 ? interval(score) : `mean of ${best.entries.length} seeds`)),
        make("span", {class: "quiet"}, metric.scale === 1 ? `${change_} vs dense` : `${change_} points vs dense`),
        make("span", {class: rivals.length ? "unsure" : "sure"}, rivals.length ? `not separable from ${names}` : finished > 1 ? "separated from all others" : "nothing to compare with"));
    } else lines.push(make("span", {class: "winner quiet"}, "no method finished"));
    if (failed) lines.push(make("span", {class: "quiet"}, `${failed} of ${finished + failed} failed`));
    return make("button", {type: "button", class: "card", "aria-pressed": String(state.target === target), "data-target": target,
      on: {click: () => choose({target})}}, lines);
  });
  cards.push(make("button", {type: "button", class: "card all", "aria-pressed": String(state.target === ALL), "data-target": ALL,
    on: {click: () => choose({target: ALL})}}, make("span", {class: "target"}, "All"), make("span", {class: "quiet"}, "every target in one table")));
  find("cards").replaceChildren(...cards);
}

function draw() {
  drawCards();
  drawTable();
  for (const id of ["model", "metric", "family", "origin", "pattern", "status", "query", "size"]) find(id).value = state[id];
  for (const figure of document.querySelectorAll("figure[data-model]")) figure.hidden = figure.dataset.model !== state.model;
  const changed = Object.entries(state).filter(([key, value]) => value !== start[key]);
  history.replaceState(null, "", location.href.split("#")[0] + (changed.length ? `#${new URLSearchParams(changed)}` : ""));
}

function choose(changes) {
  const focused = document.activeElement?.closest?.(".card")?.dataset.target;
  if (changes.target) changes.sort = changes.target === ALL ? "target" : "value";
  Object.assign(state, {page: "1"}, changes); // what narrows or reorders the rows starts at the first page
  // A new metric or target starts with the best on top.
  if (changes.metric || changes.target) state.descending = state.sort === "value" && !data.metrics[state.metric].lower ? "1" : "";
  draw();
  if (focused) document.querySelector(`.card[data-target="${focused}"]`)?.focus();
}

function fill(id, options, any) {
  const entries = Object.entries(options).map(([value, label]) => make("option", {value}, label));
  find(id).replaceChildren(...(any ? [make("option", {value: ""}, any)] : []), ...entries);
  find(id).addEventListener("change", event => choose({[id]: event.target.value}));
}

const distinct = name => Object.fromEntries([...new Set(data.cells.filter(cell => !isDense(cell)).map(name))].sort().map(value => [value, value]));

if (data.cells.length && Object.keys(data.metrics).length) {
  fill("model", data.models);
  fill("metric", Object.fromEntries(Object.entries(data.metrics).map(([key, metric]) => [key, `${metric.title} on ${metric.dataset} ${metric.lower ? "↓" : "↑"}`])));
  fill("family", distinct(cell => cell.family), "all");
  fill("origin", distinct(cell => cell.origin), "all");
  fill("pattern", distinct(cell => data.targets[cell.target].pattern), "all");
  fill("status", Object.fromEntries(Object.entries(data.statuses).map(([key, {word}]) => [key, word])), "all");
  fill("size", Object.fromEntries(SIZES.map(size => [size, size])));
  find("page").addEventListener("change", event => turnTo(event.target.value));
  for (const id of ["previous", "next"]) find(id).addEventListener("click", event => {
    if (event.currentTarget.getAttribute("aria-disabled") === "false") turnTo(event.currentTarget.dataset.page);
  });
  find("query").addEventListener("input", event => choose({query: event.target.value}));
  find("reset").addEventListener("click", () => choose({query: "", family: "", origin: "", pattern: "", status: "", target: state.target}));
  for (const [event, starts] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => { printing = starts; drawTable(); });
  find("board").hidden = false;
  draw();
}
