// The answer in one card per target: what wins, by how much, and how sure that is.

const TWINS = ["wanda", "stade_nobias"]; // one criterion: what they differ by grew from rounding

// For each target the best mean over seeds, and which methods no comparison rules out as the best. A control is to compare
// with: it never wins. `level` is one that no method is separated from as better, `ahead` one that has the best value of all.
function answer(target, metricKey = state.metric) {
  const metric = data.metrics[metricKey];
  const groups = new Map();
  for (const cell of cellsInView()) {
    const entry = cell.target === target ? row(cell, metricKey) : null;
    if (entry && attempted(entry) && entry.status !== "na") groups.set(cell.method, [...(groups.get(cell.method) ?? []), entry]);
  }
  const whole = [...groups.values()].filter(entries => entries.every(entry => entry.value !== null))
    .map(entries => ({entries, method: entries[0].cell.method, title: entries[0].title, mean: entries.reduce((sum, entry) => sum + entry.value, 0) / entries.length}))
    .sort((a, b) => metric.lower ? a.mean - b.mean : b.mean - a.mean);
  const unbeaten = group => group.entries.some(entry => entry.score[BEST] === 1);
  const [controls, methods] = [true, false].map(wanted => whole.filter(({entries}) => isControl(entries[0].cell) === wanted));
  const attempts = [...groups.values()].filter(([{cell}]) => !isControl(cell)).length;
  const twins = TWINS.map(name => whole.find(({method}) => method === name)).filter(Boolean);
  return {
    best: methods[0], rivals: methods.slice(1).filter(unbeaten), compared: methods.length, failed: attempts - methods.length,
    level: controls.find(unbeaten), ahead: controls.find(group => group === whole[0]), controls, twins: twins.length === TWINS.length ? twins : [],
  };
}

// Of a text or of a set of tasks as a whole, not of each task: what else somebody who chooses by one metric would look at.
const headlines = perView(() => {
  const keys = available("metric", state).filter(key => !key.startsWith("acc_norm/"));
  const means = keys.filter(key => key.endsWith("/mean"));
  return keys.filter(key => !means.length || data.metrics[key].log || means.includes(key));
});

function brief(metricKey) {
  const [words] = data.metrics[metricKey].dataset.split(/\s*\(/);
  return metricKey.endsWith("/mean") ? `mean of ${words}` : words;
}

// Where another metric has the same winner, or cannot separate it from its own; where it has another; where it tells none apart.
function elsewhere(target, best) {
  const agreeing = [], silent = [], level = [], differing = new Map();
  for (const key of headlines()) {
    const other = key === state.metric ? {} : answer(target, key);
    if (!other.best || other.compared < 2) continue;
    const unbeaten = [other.best, ...other.rivals];
    const first = other.best.title + (other.rivals.length ? ` (first of ${unbeaten.length} tied)` : "");
    if (other.ahead) level.push(brief(key));
    else if (unbeaten.length === other.compared) silent.push(brief(key));
    else if (unbeaten.some(group => group.method === best.method)) agreeing.push(brief(key));
    else differing.set(first, [...(differing.get(first) ?? []), brief(key)]);
  }
  return [
    agreeing.length ? `also unbeaten on ${agreeing.join(", ")}` : "",
    ...[...differing].map(([title, names]) => `${title} on ${names.join(", ")}`),
    silent.length ? `no separable difference on ${silent.join(", ")}` : "",
    level.length ? `none better than random pruning on ${level.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

// Where others are "20% structured", "50%" alone would say too little.
const patterned = target => `${data.targets[target].label}${data.targets[target].pattern === "unstructured" ? " unstructured" : ""}`;

const answers = perView(() => available("target", state).filter(target => target !== ALL).map(target => {
  const found = answer(target);
  return {target, ...found, elsewhere: found.best ? elsewhere(target, found.best) : ""};
}));

// What the items say, and what one seed cannot. `sure` is for what holds at several seeds.
function certainty({best, rivals, compared, level, controls}) {
  const tied = rivals.map(({title}) => title), seeds = best.entries.length;
  if (compared + controls.length === 1) return {kind: "unsure", words: "nothing to compare with"};
  const others = tied.length ? `${tied.slice(0, 3).join(", ")}${tied.length > 3 ? ` and ${tied.length - 3} more` : ""}` : "";
  if (tied.length || level) return {
    kind: "unsure", verdict: tied.length ? `${tied.length + 1} tied` : `level with ${level.title}`,
    words: `not separable from ${[others, level && `${level.title} (control)`].filter(Boolean).join(", nor from ")}`,
  };
  return seeds > 1 ? {kind: "sure", verdict: `clear in ${seeds} seeds`, words: "separated from all others"} :
    {kind: "quiet", verdict: "clear (1 seed)", words: "separated from all others, for these models"};
}

function measure({entries, mean}, metric) {
  const spread = Math.sqrt(entries.reduce((sum, entry) => sum + (entry.value - mean) ** 2, 0) / (entries.length - 1));
  return make("span", {class: "measure"}, make("strong", {}, number(mean), metric.unit), " ",
    small(entries.length === 1 ? interval(entries[0].score) : `± ${number(spread)} sd, mean of ${entries.length} seeds`));
}

// How far two models are apart that differ by rounding alone.
function noise([a, b], metric) {
  const apart = metric.scale === 1 ? factor(Math.max(a.mean, b.mean) / Math.min(a.mean, b.mean)) : `${number(Math.abs(a.mean - b.mean))} points`;
  return make("bdi", {class: "quiet noise"}, `rounding alone: ${a.title} and ${b.title} ${apart} apart`);
}

function card(found) {
  const {target, best, compared, failed, ahead, twins} = found;
  const metric = data.metrics[state.metric];
  const failures = failed ? `${failed} of ${compared + failed} failed` : "";
  const heading = chip => make("span", {class: "target"}, patterned(target), chip);
  if (!best) return pressable(target, [heading(), make("span", {class: "winner quiet"}, failed ? "no method finished" : "not measured here"), failed ? make("span", {class: "quiet"}, failures) : null]);
  const {kind, verdict, words} = ahead ? {kind: "unsure", verdict: "no winner", words: `of the methods, ${best.title} has the best value`} : certainty(found);
  const change_ = change(best.mean, denseValue(), metric);
  return pressable(target, [
    heading(verdict ? make("span", {class: `verdict ${kind}`}, verdict) : null),
    make("bdi", {class: "winner"}, ahead ? `None better than ${ahead.title}` : best.title), measure(best, metric),
    make("span", {class: "quiet factor"}, metric.scale === 1 ? `${change_} vs dense` : `${change_} points vs dense`),
    make("span", {class: "quiet compared"}, [compared === 1 ? "the only method compared" : `best of ${compared} compared`, failures].filter(Boolean).join("; ")),
    make("bdi", {class: kind}, words), twins.length ? noise(twins, metric) : null,
    found.elsewhere ? make("bdi", {class: "quiet elsewhere"}, found.elsewhere) : null,
  ]);
}

const pressable = (target, lines) => make("button", {type: "button", class: target === ALL ? "card all" : "card", "aria-pressed": String(state.target === target),
  "data-target": target, on: {click: () => choose({target})}}, lines);

function drawCards() {
  find("cards").replaceChildren(...answers().map(card));
  find("every").replaceChildren(pressable(ALL, [make("span", {class: "target"}, "All"), make("span", {class: "quiet"}, "every target in one table")]));
}
