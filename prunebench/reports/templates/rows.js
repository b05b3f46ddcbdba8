const isDense = cell => !Object.hasOwn(data.targets, cell.target);
const several = new Set(data.cells.filter(cell => !isDense(cell)).map(cell => cell.seed)).size > 1;

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

// What rows are compared with is gone through once for each model and metric rather than for each row.
function perView(compute) {
  let view = null, found;
  return () => {
    const now = JSON.stringify([state.model, state.metric]);
    if (now !== view) [view, found] = [now, compute()];
    return found;
  };
}

const coverages = perView(() => {
  const found = new Map();
  for (const entry of data.cells.filter(cell => cell.model === state.model).map(cell => row(cell))) {
    if (entry.status === "na" || !attempted(entry)) continue;
    const key = JSON.stringify([entry.cell.protocol, entry.cell.method]);
    const [finished, tried] = found.get(key) ?? [0, 0];
    found.set(key, [finished + (entry.status === "ok"), tried + 1]);
  }
  return found;
});
const coverage = cell => coverages().get(JSON.stringify([cell.protocol, cell.method])) ?? [0, 0];

const denseRows = perView(() => data.cells.filter(cell => cell.model === state.model && isDense(cell)).map(cell => row(cell)).filter(attempted));
const denseValue = () => denseRows()[0]?.value ?? null;

function matches(entry) {
  const {cell} = entry;
  const words = [cell.method, entry.title, cell.family, cell.origin, cell.target, data.targets[cell.target].label,
    entry.status, data.statuses[entry.status].word, entry.reason, cell.note, ...cell.texts.map(text => text[1])]
    .join(" ").toLowerCase();
  return state.query.toLowerCase().split(/\s+/).every(word => words.includes(word))
    && (!state.family || cell.family === state.family) && (!state.origin || cell.origin === state.origin)
    && (!state.pattern || data.targets[cell.target].pattern === state.pattern)
    && (!state.status || entry.status === state.status);
}

const candidates = () => data.cells
  .filter(cell => cell.model === state.model && !isDense(cell) && (state.target === ALL || cell.target === state.target))
  .map(cell => row(cell)).filter(attempted);

// Whether the note on a text's domain is about this cell; `all` are the methods it is about where it names none.
function isFlattered(cell, metricKey, all = [cell.method]) {
  const name = `${cell.model}/${metricKey}`;
  return Object.hasOwn(data.overlaps, name) && (data.flattered[name] ?? all).includes(cell.method);
}

const keyOf = cell => [cell.protocol, cell.model, cell.method, cell.target, cell.seed].join("/");
