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
