function columns() {
  const metric = data.metrics[state.metric] ?? {};
  const targets = Object.keys(data.targets);
  return [
    {key: "rank", title: "Rank", numeric: true, by: entry => entry.score?.[RANK] ?? null,
      cell: entry => entry.score?.[RANK] ? [String(entry.score[RANK]), " ", small(places(entry.score))] : "–"},
    {key: "method", title: "Method", head: true, by: entry => entry.title.toLowerCase(), cell: methodCell},
    {key: "target", title: "Target", hidden: state.target !== ALL, by: entry => targets.indexOf(entry.cell.target),
      cell: entry => data.targets[entry.cell.target]?.label ?? "dense"},
    {key: "seed", title: "Seed", hidden: !several, numeric: true, by: entry => entry.cell.seed, cell: entry => String(entry.cell.seed)},
    {key: "value", title: `${metric.title}${metric.unit ? ` (${metric.unit})` : ""}`, numeric: true,
      by: entry => entry.value, better: metric.lower ? 1 : -1, cell: valueCell},
    {key: "plot", title: "Interval", wide: 1, unsortable: true, kind: "plotted", cell: plotCell},
    {key: "dense", title: "vs dense", numeric: true, better: metric.lower ? 1 : -1,
      by: entry => entry.value, cell: entry => isDense(entry.cell) ? "" : change(entry.value, denseValue(), metric)},
    {key: "family", title: "Family", wide: 2, by: entry => entry.cell.family, cell: entry => entry.cell.family},
    {key: "origin", title: "Origin", wide: 3, by: entry => entry.cell.origin, cell: entry => entry.cell.origin},
    {key: "sparsity", title: "Sparsity", wide: 3, numeric: true, by: entry => entry.cell.costs.sparsity ?? null,
      cell: entry => percent(entry.cell.costs.sparsity)},
    {key: "seconds", title: "Pruning", wide: 2, numeric: true, by: entry => entry.cell.costs.prune_seconds ?? null,
      cell: entry => isDense(entry.cell) ? "" : duration(entry.cell.costs.prune_seconds)},
    {key: "coverage", title: "Coverage", wide: 2, numeric: true, by: entry => coverage(entry.cell)[0] / coverage(entry.cell)[1],
      cell: entry => isDense(entry.cell) ? "" : coverage(entry.cell).join("/")},
  ].filter(column => !column.hidden);
}

function methodCell(entry) {
  const name = keyOf(entry.cell);
  const code = entry.title === entry.cell.method ? null : make("code", {class: "quiet"}, entry.cell.method);
  const toggle = make("button", {
    type: "button", class: "method", "aria-expanded": String(opened.has(name)),
    on: {click: () => { opened.has(name) ? opened.delete(name) : opened.add(name); drawTable(); focusToggle(name); }},
    "data-cell": name,
  }, make("span", {class: "arrow", "aria-hidden": "true"}, "▸"), make("bdi", {}, entry.title));
  return [toggle, code, isFlattered(entry.cell, state.metric, []) ? " †" : null];
}

function focusToggle(name) {
  for (const button of document.querySelectorAll("button.method")) if (button.dataset.cell === name) button.focus();
}

function valueCell(entry) {
  if (entry.status === "ok") return [make("strong", {}, number(entry.score[VALUE])), " ", small(interval(entry.score))];
  const measured = entry.score && entry.score[VALUE] !== null ? small(number(entry.score[VALUE])) : null;
  return [chip(entry.status), " ", measured, make("bdi", {class: "reason"}, entry.reason)];
}

// The visible intervals on one axis; the dense model is a line through all rows.
let axis = null;

function setAxis(entries) {
  const metric = data.metrics[state.metric];
  const ends = entries.filter(entry => entry.value !== null)
    .flatMap(entry => entry.score[LOW] === null ? [entry.value] : [entry.score[LOW], entry.score[HIGH]]);
  const bend = metric.log ? Math.log : value => value;
  // Not Math.min(...ends): a function takes no hundred thousand arguments.
  const low = bend(ends.reduce((a, b) => Math.min(a, b), Infinity)), span = bend(ends.reduce((a, b) => Math.max(a, b), -Infinity)) - low || 1;
  axis = value => 2 + 96 * (bend(value) - low) / span;
  const dense = denseValue();
  find("table").style.setProperty("--dense", dense === null ? "-100%" : `${axis(dense)}%`);
}

function plotCell(entry) {
  if (entry.value === null) return "";
  const marks = [make("i", {class: "dot", style: {left: `${axis(entry.value)}%`}})];
  if (entry.score[LOW] !== null) {
    const left = axis(entry.score[LOW]);
    marks.unshift(make("i", {class: "bar", style: {left: `${left}%`, width: `${axis(entry.score[HIGH]) - left}%`}}));
  }
  return make("div", {class: "plot", "aria-hidden": "true"}, marks);
}
