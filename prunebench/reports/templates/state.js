"use strict";
// The page's data, and the view of it that is shown. The view is in the address, so that it can be sent and gone back to.
// Everything shown comes from the JSON in the page and enters the document as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
data.cells = unpacked(data.cells);
const find = id => document.getElementById(id);
const VALUE = 0, LOW = 1, HIGH = 2, ITEMS = 3, RANK = 4, BEST = 5, WORST = 6;
const ALL = "all";
const SIZES = ["100", "500"]; // rows on a page of the table

const isDense = cell => !Object.hasOwn(data.targets, cell.target);
const distinct = pick => [...new Set(data.cells.filter(cell => !isDense(cell)).map(pick))].sort();

// What the selects of the page may be set to; `measured` narrows the first four to what there is.
const options = {
  protocol: [...new Set(data.cells.map(cell => cell.protocol))].sort(),
  model: Object.keys(data.models),
  metric: Object.keys(data.metrics),
  target: [...Object.keys(data.targets), ALL],
  family: ["", ...distinct(cell => cell.family)],
  origin: ["", ...distinct(cell => cell.origin)],
  pattern: ["", ...new Set(Object.values(data.targets).map(target => target.pattern))],
  status: ["", ...Object.keys(data.statuses)],
  seed: ["", ...new Set(data.cells.filter(cell => !isDense(cell)).map(cell => String(cell.seed)))],
  size: SIZES,
  speedup: ["prefill_speedup", "decode_speedup"],
  room: ["nonzero", "stored"],
};
const FILTERS = {query: "", family: "", origin: "", pattern: "", seed: "", status: ""};

const measured = new Map(); // by protocol, by model: the metrics and the targets of its cells
for (const cell of data.cells) {
  const models = measured.get(cell.protocol) ?? measured.set(cell.protocol, new Map()).get(cell.protocol);
  const found = models.get(cell.model) ?? models.set(cell.model, {metric: new Set(), target: new Set([ALL])}).get(cell.model);
  found.target.add(cell.target);
  for (const key in cell.values) found.metric.add(key);
  for (const key in cell.failures) found.metric.add(key);
}

// What can be chosen beside the rest of the view: numbers of one protocol, of a model it was run on, of what was measured.
function available(key, view) {
  const models = measured.get(view.protocol);
  if (key === "model") return options.model.filter(name => models.has(name));
  if (key === "metric" || key === "target") return options[key].filter(name => models.get(view.model)[key].has(name));
  return options[key];
}

const preferred = {
  metric: names => names.find(name => data.metrics[name].lower) ?? names[0],
  target: names => names.includes("u50") ? "u50" : names[0],
};

function settled(view) {
  for (const key of ["protocol", "model", "metric", "target"]) {
    const names = available(key, view);
    if (!names.includes(view[key])) view[key] = preferred[key]?.(names) ?? names[0];
  }
  return view;
}

// `columns` empty: those that the screen has room for. `reversed`: other than best first, or from the first on.
const start = data.cells.length && options.metric.length ? settled({
  protocol: options.protocol[0], model: "", metric: "", target: "", ...FILTERS, sort: "value", reversed: "", columns: "", open: "",
  page: "1", size: SIZES[0], speedup: options.speedup[0], room: options.room[0],
}) : {};
const state = {...start};
const opened = new Set();
let keys = null;
const everyKey = () => keys ??= new Set(data.cells.map(keyOf));

function readAddress() {
  const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const valid = {
    query: () => true, sort: isColumn, columns: text => text.split(",").every(isColumn), reversed: text => text === "1",
    open: text => text.split("\n").every(name => everyKey().has(name)), page: text => /^[1-9]\d{0,8}$/.test(text),
  };
  const believed = Object.entries(wanted).filter(([key, value]) =>
    Object.hasOwn(start, key) && (valid[key] ? valid[key](value) : options[key].includes(value)));
  settled(Object.assign(state, start, Object.fromEntries(believed)));
  opened.clear();
  for (const name of state.open.split("\n").filter(Boolean)) opened.add(name);
}

function writeAddress(how) {
  state.open = [...opened].join("\n");
  const changed = new URLSearchParams(Object.entries(state).filter(([key, value]) => value !== start[key]));
  if (String(changed) === location.hash.slice(1)) return;
  history[how](null, "", location.href.split("#")[0] + (String(changed) && `#${changed}`));
}

// The cells come as columns, as `packed` in packing.py made them.
function unpacked({words, seed, texts, values, failures, costs, spans}) {
  const one = (columns, pick) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, pick(column)])
    .filter(([, value]) => value !== null && value !== undefined));
  return seed.map((_, i) => ({
    ...one(words, ([different, numbers]) => different[numbers[i]]), seed: seed[i], texts: texts[i],
    values: one(values, columns => columns.some(column => column[i] !== null) ? columns.map(column => column[i]) : null),
    failures: one(failures, ([different, numbers]) => different[numbers[i]]),
    costs: one(costs, column => column[i]),
    spans: one(spans, ends => ends[0][i] === null ? null : ends.map(column => column[i])),
  }));
}
