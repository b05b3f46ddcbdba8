// The columns there are. Of each: `by` what it is sorted by, null where there is nothing; `text` what it says; `cell` what the
// table has if that is more than the text; `fields` what a CSV file has if that is more than what it is sorted by; `from` the
// width in pixels from which it is shown where nobody picked columns; `better` whether low (1) or high (-1) is good.

const PHONE = 0, TABLET = 672, LAPTOP = 960, DESKTOP = 1312;

const columns = perView(() => {
  const metric = data.metrics[state.metric];
  const better = metric.lower ? 1 : -1;
  const targets = Object.keys(data.targets);
  return [
    {key: "rank", title: "Rank", from: PHONE, numeric: true, by: entry => entry.score?.[RANK] ?? null, text: rankText, cell: rankCell,
      fields: [["rank", entry => entry.score?.[RANK]], ["rank_best", entry => entry.score?.[BEST]], ["rank_worst", entry => entry.score?.[WORST]]]},
    {key: "method", title: "Method", from: PHONE, by: entry => entry.title.toLowerCase(), text: entry => entry.title, cell: methodCell,
      fields: [["method", entry => entry.cell.method], ["title", entry => entry.title]]},
    {key: "target", title: "Target", from: PHONE, needed: () => state.target === ALL, by: entry => targets.indexOf(entry.cell.target),
      text: entry => data.targets[entry.cell.target]?.label ?? "dense", fields: [["target", entry => entry.cell.target]]},
    {key: "seed", title: "Seed", from: PHONE, needed: severalSeeds, numeric: true, by: entry => entry.cell.seed, text: entry => String(entry.cell.seed)},
    {key: "value", title: `${metric.title}${metric.unit ? ` (${metric.unit})` : ""}`, from: PHONE, numeric: true, better, by: entry => entry.value,
      text: valueText, cell: valueCell, fields: scoreFields(state.metric)},
    {key: "interval", title: "Interval", from: TABLET, kind: "plotted", by: entry => entry.value === null || entry.score[LOW] === null ? null :
      metric.log ? entry.score[HIGH] / entry.score[LOW] : entry.score[HIGH] - entry.score[LOW],
    text: entry => entry.value === null ? "" : interval(entry.score), cell: plotCell, fields: []},
    {key: "dense", title: "vs dense", from: TABLET, numeric: true, better, by: entry => entry.value,
      text: entry => isDense(entry.cell) ? "" : change(entry.value, denseValue(), metric), fields: [["vs_dense", entry => versusDense(entry, metric)]]},
    {key: "family", title: "Family", from: LAPTOP, by: entry => entry.cell.family, text: entry => entry.cell.family},
    {key: "origin", title: "Origin", from: DESKTOP, by: entry => entry.cell.origin, text: entry => origin(entry.cell)},
    costColumn("sparsity", "sparsity", "Sparsity", DESKTOP),
    costColumn("seconds", "prune_seconds", "Pruning", LAPTOP),
    costColumn("memory", "peak_memory_gb/prune", "Memory", Infinity),
    {key: "coverage", title: "Coverage", from: LAPTOP, numeric: true, better: -1, by: entry => coverage(entry) && coverage(entry)[0] / coverage(entry)[1],
      text: entry => coverage(entry)?.join("/") ?? "", fields: [["targets_finished", entry => coverage(entry)?.[0]], ["targets_attempted", entry => coverage(entry)?.[1]]]},
    ...available("metric", state).filter(key => key !== state.metric).map(scoreColumn),
    ...costNames().map(name => costColumn(`cost:${name}`, name, cost(name).title, Infinity)),
  ];
});

const costNames = perView(() => [...new Set(cellsInView().flatMap(cell => Object.keys(cell.costs)))]
  .filter(name => !["sparsity", "prune_seconds", "peak_memory_gb/prune"].includes(name)));

const everyCost = new Set(data.cells.flatMap(cell => Object.keys(cell.costs).map(name => `cost:${name}`)));
const fixedKeys = ["rank", "method", "target", "seed", "value", "interval", "dense", "family", "origin", "sparsity", "seconds", "memory", "coverage"];
const isColumn = key => fixedKeys.includes(key) || everyCost.has(key) || key.startsWith("score:") && Object.hasOwn(data.metrics, key.slice(6));

const fits = column => (column.needed?.() ?? true) && matchMedia(`(min-width: ${column.from}px)`).matches;

function shownColumns() {
  const picked = state.columns && state.columns.split(",");
  return columns().filter(column => picked ? picked.includes(column.key) || column.key === "method" : Number.isFinite(column.from) && fits(column));
}

function costColumn(key, name, title, from) {
  const of = entry => entry.cell.costs[name] ?? null;
  return {key, title, from, numeric: true, by: of, text: entry => of(entry) === null ? "–" : cost(name).shown(of(entry)), fields: [[name, of]]};
}

function scoreColumn(metricKey) {
  const metric = data.metrics[metricKey];
  const of = entry => row(entry.cell, metricKey);
  return {
    key: `score:${metricKey}`, title: `${metric.title}${metric.unit ? ` (${metric.unit})` : ""}, ${named(metricKey)}`, from: Infinity, numeric: true,
    better: metric.lower ? 1 : -1, by: entry => of(entry).value, text: entry => valueText(of(entry), metric), cell: entry => {
      const other = of(entry);
      return other.status !== "ok" ? chip(other.status) : valueText(other, metric) + (isFlattered(entry.cell, metricKey) ? " †" : "");
    }, fields: scoreFields(metricKey),
  };
}

const scoreFields = metricKey => [
  [metricKey, entry => entry.cell.values[metricKey]?.[VALUE]], [`${metricKey} ci_low`, entry => entry.cell.values[metricKey]?.[LOW]],
  [`${metricKey} ci_high`, entry => entry.cell.values[metricKey]?.[HIGH]], [`${metricKey} status`, entry => row(entry.cell, metricKey).status],
  [`${metricKey} reason`, entry => row(entry.cell, metricKey).reason],
];

const versusDense = ({value}, metric) => value === null || denseValue() === null ? null : metric.scale === 1 ? value / denseValue() : value - denseValue();
const rankText = entry => entry.score?.[RANK] ? `${entry.score[RANK]}${isTied(entry) ? "=" : ""}` : "–";
const valueText = (entry, metric) => entry.status === "ok" ? entry.score ? number(entry.score[VALUE], metric) : "–" : data.statuses[entry.status].word;

function rankCell(entry) {
  return entry.score?.[RANK] ? [make("span", {title: isTied(entry) ? `shares rank ${entry.score[RANK]}` : null}, rankText(entry)), " ", small(places(entry.score))] : "–";
}

// The page of a method, made beside this one.
const pageOf = method => data.pages.includes(method) ? `methods/${encodeURIComponent(method.split("@")[0])}.html` : null;

function methodCell(entry) {
  const {cell} = entry, name = keyOf(cell), page = pageOf(cell.method);
  const toggle = make("button", {type: "button", class: "method", "aria-expanded": String(opened.has(name)), "aria-label": `Details of ${entry.title}`,
    "data-cell": name, on: {click: () => toggleRow(name)}}, make("span", {class: "arrow", "aria-hidden": "true"}, "▸"));
  return make("div", {class: "named"}, toggle, make("div", {},
    page ? make("a", {href: page, class: "name"}, make("bdi", {}, entry.title)) : make("bdi", {class: "name"}, entry.title),
    isFlattered(cell, state.metric, []) ? " †" : null, isControl(cell) ? make("span", {class: "tag"}, "control") : null,
    entry.title === cell.method ? null : make("code", {class: "quiet"}, cell.method)));
}

function valueCell(entry) {
  if (entry.status === "ok") return [make("strong", {}, number(entry.score[VALUE])), " ", small(interval(entry.score)), offTarget(entry.cell)];
  const measured = entry.score && entry.score[VALUE] !== null ? small(number(entry.score[VALUE])) : null;
  return [chip(entry.status), " ", measured, make("bdi", {class: "reason"}, entry.reason)];
}

// The visible intervals on one axis; the dense model is a line through all rows. Where a model is of no use any more the axis
// ends, as in the figures: random pruning would leave no room for the others.
let axis = null;

function setAxis(entries) {
  const metric = data.metrics[state.metric], dense = denseValue();
  const ends = entries.filter(entry => entry.value !== null)
    .flatMap(entry => entry.score[LOW] === null ? [entry.value] : [entry.score[LOW], entry.score[HIGH]]);
  const bend = metric.log ? Math.log : value => value;
  const ceiling = metric.log && dense !== null ? data.ceiling * dense : Infinity;
  // Not Math.min(...ends): a function takes no hundred thousand arguments.
  const low = ends.reduce((a, b) => Math.min(a, b), Infinity);
  const high = Math.max(low, Math.min(ceiling, ends.reduce((a, b) => Math.max(a, b), -Infinity)));
  const span = bend(high) - bend(low) || 1;
  axis = value => value > high ? null : 2 + 96 * (bend(value) - bend(low)) / span;
  find("table").style.setProperty("--dense", dense === null ? "-100%" : `${axis(dense)}%`);
}

function plotCell(entry) {
  if (entry.value === null) return "";
  const place = axis(entry.value), marks = [];
  if (entry.score[LOW] !== null && axis(entry.score[LOW]) !== null) {
    const left = axis(entry.score[LOW]);
    marks.push(make("i", {class: "bar", style: {left: `${left}%`, width: `${(axis(entry.score[HIGH]) ?? 100) - left}%`}}));
  }
  marks.push(place === null ? make("span", {class: "beyond"}, "→") : make("i", {class: "dot", style: {left: `${place}%`}}));
  return make("div", {class: "plot", "aria-hidden": "true"}, marks);
}
