function draw() {
  drawCards();
  drawTable();
  for (const id of ["model", "metric", "family", "origin", "pattern", "status", "query", "size"]) find(id).value = state[id];
  for (const figure of document.querySelectorAll("figure[data-model]")) figure.hidden = figure.dataset.model !== state.model;
  const changed = Object.entries(state).filter(([key, value]) => value !== start[key]);
  history.replaceState(null, "", location.href.split("#")[0] + (changed.length ? `#${new URLSearchParams(changed)}` : ""));
  document.dispatchEvent(new Event("viewchange")); // for whatever else on the page shows the same view
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
