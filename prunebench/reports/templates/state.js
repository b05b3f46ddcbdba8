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
