// The answer in one card per target: what wins, by how much, and how sure that is.

// For each target the best mean over seeds, and which methods no comparison rules out as the best.
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
  return {best: whole[0], rivals: whole.slice(1).filter(unbeaten), compared: whole.length, failed: groups.size - whole.length};
}

// Of a text or of a set of tasks as a whole, not of each task: what else somebody who chooses by one metric would look at.
const headlines = perView(() => {
  const keys = available("metric", state).filter(key => !key.startsWith("acc_norm/"));
  const means = keys.filter(key => key.endsWith("/mean"));
  return keys.filter(key => !means.length || data.metrics[key].log || means.includes(key));
});

const brief = metricKey => data.metrics[metricKey].dataset.replace(/\s*\(.*\)$/s, "");

// Where another metric has the same winner, or cannot separate it from its own; where it has another; where it tells none apart.
function elsewhere(target, best) {
  const agreeing = [], silent = [], differing = new Map();
  for (const key of headlines()) {
    const other = key === state.metric ? {} : answer(target, key);
    if (!other.best || other.compared < 2) continue;
    const unbeaten = [other.best, ...other.rivals];
    if (unbeaten.length === other.compared) silent.push(brief(key));
    else if (unbeaten.some(group => group.method === best.method)) agreeing.push(brief(key));
    else differing.set(other.best.title, [...(differing.get(other.best.title) ?? []), brief(key)]);
  }
  return [
    agreeing.length ? `also unbeaten on ${agreeing.join(", ")}` : "",
    ...[...differing].map(([title, names]) => `${title} on ${names.join(", ")}`),
    silent.length ? `no separable difference on ${silent.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

// Where others are "20% structured", "50%" alone would say too little.
const patterned = target => `${data.targets[target].label}${data.targets[target].pattern === "unstructured" ? " unstructured" : ""}`;

const answers = perView(() => available("target", state).filter(target => target !== ALL).map(target => {
  const found = answer(target);
  return {target, ...found, elsewhere: found.best ? elsewhere(target, found.best) : ""};
}));

function certainty({rivals, compared}) {
  if (compared === 1) return ["unsure", "nothing to compare with"];
  if (!rivals.length) return ["sure", "separated from all others"];
  const named = rivals.slice(0, 3).map(rival => rival.title).join(", ");
  return ["unsure", `not separable from ${named}${rivals.length > 3 ? ` and ${rivals.length - 3} more` : ""}`];
}

function card(found) {
  const {target, best, rivals, compared, failed} = found;
  const metric = data.metrics[state.metric];
  const lines = [make("span", {class: "target"}, patterned(target), best && compared > 1 ?
    make("span", {class: `verdict ${rivals.length ? "unsure" : "sure"}`}, rivals.length ? `${rivals.length + 1} tied` : "clear") : null)];
  if (best) {
    const change_ = change(best.mean, denseValue(), metric);
    const [sure, words] = certainty(found);
    lines.push(make("bdi", {class: "winner"}, best.title),
      make("span", {class: "measure"}, make("strong", {}, number(best.mean), metric.unit), " ",
        small(best.entries.length === 1 ? interval(best.entries[0].score) : `mean of ${best.entries.length} seeds`)),
      make("span", {class: "quiet factor"}, metric.scale === 1 ? `${change_} vs dense` : `${change_} points vs dense`),
      make("span", {class: "quiet compared"}, `best of ${compared} compared${failed ? `; ${failed} of ${compared + failed} failed` : ""}`),
      make("bdi", {class: sure}, words));
    if (found.elsewhere) lines.push(make("bdi", {class: "quiet elsewhere"}, found.elsewhere));
  } else lines.push(make("span", {class: "winner quiet"}, "no method finished"), failed ? make("span", {class: "quiet"}, `${failed} of ${failed} failed`) : null);
  return pressable(target, lines);
}

const pressable = (target, lines) => make("button", {type: "button", class: target === ALL ? "card all" : "card", "aria-pressed": String(state.target === target),
  "data-target": target, on: {click: () => choose({target})}}, lines);

function drawCards() {
  find("cards").replaceChildren(...answers().map(card));
  find("every").replaceChildren(pressable(ALL, [make("span", {class: "target"}, "All"), make("span", {class: "quiet"}, "every target in one table")]));
}
