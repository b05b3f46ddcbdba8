// Rows: a cell as the chosen metric sees it, and which of them the filters leave.

function row(cell, metricKey = state.metric) {
  const score = cell.values[metricKey] ?? null;
  const failure = cell.failures[metricKey];
  return {
    cell, score, value: failure || score === null ? null : score[VALUE],
    status: failure ? failure[0] : "ok", reason: failure ? failure[1] : "",
    title: data.methods[cell.method],
  };
}

// A run for a paper measures each cell only by what its tables show.
const attempted = entry => entry.score !== null || entry.status !== "ok";

// What all rows of a view share is found once for it rather than for each row or key stroke.
function perView(compute) {
  let view = null, found;
  return () => {
    const now = JSON.stringify([state.protocol, state.model, state.metric]);
    if (now !== view) [view, found] = [now, compute()];
    return found;
  };
}

const cellsInView = perView(() => data.cells.filter(cell => cell.protocol === state.protocol && cell.model === state.model));
const rowsInView = perView(() => cellsInView().filter(cell => !isDense(cell)).map(cell => row(cell)).filter(attempted));
const denseRows = perView(() => cellsInView().filter(isDense).map(cell => row(cell)).filter(attempted));
const denseValue = () => denseRows()[0]?.value ?? null;
const denseItems = metricKey => denseRows()[0]?.cell.values[metricKey]?.[ITEMS] ?? null;
const severalSeeds = perView(() => new Set(rowsInView().map(entry => entry.cell.seed)).size > 1);

const candidates = (target = state.target) => rowsInView().filter(entry => target === ALL || entry.cell.target === target);

// By method, how many of the targets it tried it finished, at every seed.
const coverages = perView(() => {
  const found = new Map();
  for (const entry of rowsInView()) {
    if (entry.status === "na") continue;
    const targets = found.get(entry.cell.method) ?? found.set(entry.cell.method, new Map()).get(entry.cell.method);
    targets.set(entry.cell.target, (targets.get(entry.cell.target) ?? true) && entry.status === "ok");
  }
  return new Map([...found].map(([method, targets]) => [method, [[...targets.values()].filter(Boolean).length, targets.size]]));
});
const coverage = ({cell}) => coverages().get(cell.method) ?? null; // none of the dense model, and where it does not apply

// By target, seed and rank, how many methods share it.
const sharers = perView(() => {
  const found = new Map();
  for (const entry of rowsInView()) if (entry.score?.[RANK]) found.set(groupOf(entry), (found.get(groupOf(entry)) ?? 0) + 1);
  return found;
});
const groupOf = ({cell, score}) => [cell.target, cell.seed, score[RANK]].join("/");
const isUnbeaten = entry => entry.status === "ok" && entry.score?.[BEST] === 1;
const isTied = entry => entry.score?.[RANK] && sharers().get(groupOf(entry)) > 1;

// What is said of a cell that removes another share of the weights than its target asks for; as `off_target` in display.py.
function offTarget({target, costs: {sparsity}}) {
  const asked = data.targets[target]?.sparsity; // not of the dense model
  return Math.abs(sparsity - asked) > data.off_target ? make("span", {class: "tag", title: `its target is ${percent(asked)}`}, `removes ${percent(sparsity)}`) : null;
}

const isControl = cell => cell.family === "control";
const origin = cell => data.origins[cell.origin] ?? (cell.origin || "unknown");
const keyOf = cell => [cell.protocol, cell.model, cell.method, cell.target, cell.seed].join("/");

// Whether the note on a text's domain is about this cell; `all` are the methods it is about where it names none.
function isFlattered(cell, metricKey, all = [cell.method]) {
  const name = `${cell.model}/${metricKey}`;
  return Object.hasOwn(data.overlaps, name) && (data.flattered[name] ?? all).includes(cell.method);
}

const searched = new Map(); // by cell, the words it is found by whatever the metric

function wordsOf(cell) {
  if (!searched.has(cell)) {
    const words = [cell.method, data.methods[cell.method], cell.family, origin(cell), cell.target, data.targets[cell.target].label,
      data.targets[cell.target].pattern, cell.note, ...cell.texts.map(text => text[1])];
    searched.set(cell, words.join(" ").toLowerCase());
  }
  return searched.get(cell);
}

function matches(entry) {
  const {cell} = entry;
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  const outcome = words.length ? [entry.status, data.statuses[entry.status].word, entry.reason].join(" ").toLowerCase() : "";
  return (!state.family || cell.family === state.family) && (!state.origin || cell.origin === state.origin)
    && (!state.pattern || data.targets[cell.target].pattern === state.pattern)
    && (!state.status || entry.status === state.status) && (!state.seed || String(cell.seed) === state.seed)
    && words.every(word => wordsOf(cell).includes(word) || outcome.includes(word));
}
