"use strict";
// Everything shown comes from the JSON in the page and enters the document as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
data.cells = unpacked(data.cells);
const find = id => document.getElementById(id);
const VALUE = 0, LOW = 1, HIGH = 2, ITEMS = 3, RANK = 4, BEST = 5, WORST = 6;
const ALL = "all";
const SIZES = ["100", "500"]; // rows on a page of the table

const first = names => names.includes("u50") ? "u50" : names[0] ?? ALL;
const start = {
  model: Object.keys(data.models)[0], metric: Object.keys(data.metrics).find(key => data.metrics[key].lower) ??
    Object.keys(data.metrics)[0], target: first(Object.keys(data.targets)),
  query: "", family: "", origin: "", pattern: "", status: "", sort: "value", descending: "",
  page: "1", size: SIZES[0],
};
const state = {...start, ...fromAddress()};
const opened = new Set();

function fromAddress() {
  const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const known = {
    model: name => Object.hasOwn(data.models, name), metric: name => Object.hasOwn(data.metrics, name),
    target: name => name === ALL || Object.hasOwn(data.targets, name),
    page: text => /^[1-9]\d*$/.test(text), size: text => SIZES.includes(text),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => Object.hasOwn(start, key) && (known[key]?.(value) ?? true)));
}

// The cells come as columns, as `packed` in packing.py made them.
function unpacked({words, seed, texts, values, failures, costs}) {
  const one = (columns, pick) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, pick(column)])
    .filter(([, value]) => value !== null && value !== undefined));
  return seed.map((_, i) => ({
    ...one(words, ([different, numbers]) => different[numbers[i]]), seed: seed[i], texts: texts[i],
    values: one(values, columns => columns.some(column => column[i] !== null) ? columns.map(column => column[i]) : null),
    failures: one(failures, ([different, numbers]) => different[numbers[i]]),
    costs: one(costs, column => column[i]),
  }));
}

// ---- elements -------------------------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

const chip = status => make("span", {class: `chip ${status}`, title: data.statuses[status].meaning}, data.statuses[status].word);
const small = text => text ? make("small", {class: "quiet"}, text) : null;

// ---- numbers as people write them -----------------------------------------------------------------------

const superscript = power => String(power).replace(/./g, digit => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻");

function number(value, metric = data.metrics[state.metric]) {
  if (value === null) return "–";
  const shown = value * metric.scale;
  if (metric.scale !== 1) return shown.toFixed(1);
  if (Math.abs(shown) < 999.995) return shown.toFixed(2);
  const [mantissa, power] = shown.toExponential(2).split("e");
  return `${mantissa}×10${superscript(Number(power))}`;
}

const interval = (score, metric) => score[LOW] === null ? "" : `${number(score[LOW], metric)} – ${number(score[HIGH], metric)}`;
const places = score => score[BEST] === null || score[BEST] === score[WORST] ? "" : `${score[BEST]}–${score[WORST]}`;
const percent = value => value === undefined ? "–" : `${(100 * value).toFixed(1)}%`;
const duration = seconds => seconds === undefined ? "–" : seconds < 100 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;

function change(value, dense, metric) {
  if (value === null || dense === null) return "–";
  if (metric.scale !== 1) return `${value < dense ? "−" : "+"}${Math.abs(100 * (value - dense)).toFixed(1)}`;
  const ratio = value / dense;
  return ratio < 100 ? `×${ratio.toFixed(2)}` : `×${number(ratio, {scale: 1})}`;
}

// ---- rows -----------------------------------------------------------------------------------------------

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

// Whether the note on a text's domain is about this cell; `all` are the methods it is about where it names none.
function isFlattered(cell, metricKey, all = [cell.method]) {
  const name = `${cell.model}/${metricKey}`;
  return Object.hasOwn(data.overlaps, name) && (data.flattered[name] ?? all).includes(cell.method);
}

const keyOf = cell => [cell.protocol, cell.model, cell.method, cell.target, cell.seed].join("/");

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
