// What is plotted: the table's rows as points, and which of them.

const DRAWN = 12; // so many methods, beside the grey of chance, can be told apart
const NAME = 36, LINE = 60; // characters of a name in a legend, and of a line that pops up
const RANDOM = "random";

// plotly reads some tags and all entities in whatever it draws, so these are told to stand for themselves.
const literal = text => text.replace(/\s+/g, " ").replace(/[&<>]/g, mark => ({"&": "&amp;", "<": "&lt;", ">": "&gt;"})[mark]);
const clipped = text => literal(text.length <= NAME ? text : `${text.slice(0, NAME - 1)}…`);
const wrapped = text => (text.match(new RegExp(`.{1,${LINE}}(?=\\s|$)|.{1,${LINE}}`, "gu")) ?? []).map(line => literal(line.trim())).join("<br>");

const mean = numbers => numbers.includes(null) ? null : numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

// One point per method and target: the mean over its seeds, and no value where one of them failed.
function points(entries) {
  const groups = new Map();
  for (const entry of entries) {
    const key = JSON.stringify([entry.cell.method, entry.cell.target]);
    groups.set(key, [...groups.get(key) ?? [], entry]);
  }
  return [...groups.values()].map(found => {
    const failed = found.find(entry => entry.value === null);
    const of = column => failed ? null : mean(found.map(entry => entry.score[column]));
    return {
      found, cell: found[0].cell, method: found[0].cell.method, title: found[0].title, target: found[0].cell.target,
      status: failed?.status ?? "ok", reason: failed?.reason ?? "", value: of(VALUE), low: of(LOW), high: of(HIGH),
    };
  });
}

// The points that no other one beats: as good in both and better in one. Equal points are all in it; by rising x.
function front(all, lowerX, lowerY) {
  const [x, y] = [point => lowerX ? point.x : -point.x, point => lowerY ? point.y : -point.y];
  const found = [];
  let best = Infinity, at = null; // the best y so far, and the x that had it first
  for (const point of [...all].sort((a, b) => x(a) - x(b) || y(a) - y(b))) {
    if (y(point) < best) [best, at] = [y(point), x(point)];
    if (y(point) === best && x(point) === at) found.push(point);
  }
  return lowerX ? found : found.reverse();
}

// Those of the methods that have a place, the best mean place over all targets first.
function placed(methods) {
  const shown = new Set(methods), order = data.plots.order[`${state.protocol}/${state.model}/${state.metric}`] ?? [];
  return order.map(number => data.plots.methods[number]).filter(method => shown.has(method));
}

// The methods that are told apart: those that come first over all targets, and random pruning; in the table's order.
function leading(all) {
  const shown = new Set(all.map(point => point.method));
  const best = new Set(placed(shown).slice(0, DRAWN));
  const drawn = Object.keys(data.methods).filter(method => best.has(method) || method === RANDOM && shown.has(method));
  const control = drawn.includes(RANDOM) ? " and random pruning" : "";
  const left = shown.size - drawn.length;
  return {drawn, note: left ? `Of ${shown.size} methods the ${best.size} of the best mean place over all targets${control}` : ""};
}

// What pops up at a point.
function hoverText(point, ...more) {
  const metric = data.metrics[state.metric];
  const {found} = point;
  const [{score}] = found;
  const value = point.value === null ? [data.statuses[point.status].word, wrapped(point.reason)]
    : [`${literal(metric.title)} <b>${number(point.value)}${metric.unit}</b>${point.low === null ? "" : ` (${number(point.low)} – ${number(point.high)})`}`];
  const one = found.length === 1 && point.value !== null;
  return [
    `<b>${wrapped(point.title)}</b>`, literal(data.targets[point.target]?.label ?? "unpruned"), ...value,
    one && score[RANK] ? `rank ${score[RANK]}${places(score) && ` (${places(score)})`}` : "",
    one && score[ITEMS] ? `${score[ITEMS]} ${metric.log ? "windows" : "questions"}` : "",
    found.length > 1 ? `mean over ${found.length} seeds` : "", one ? "ok" : "", ...more,
  ].filter(Boolean).join("<br>");
}

// From the axis' start to its end, in shown units; `end` is null where the axis ends with what is on it.
function valueRange(all, dense) {
  const metric = data.metrics[state.metric];
  const values = [...all.flatMap(point => [point.value, point.low, point.high]), dense?.value ?? null].filter(value => value !== null);
  const [least, most] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  if (!values.length) return {range: metric.log ? [1, 2] : [0, 100], end: null};
  const ends = metric.log && dense && dense.value !== null ? data.ceiling * dense.value : Infinity;
  const end = all.some(point => point.value > ends) ? ends : null;
  const bend = value => metric.log ? Math.log10(value) : value * metric.scale;
  const [low, high] = [bend(least), bend(Math.min(most, end ?? Infinity))];
  const margin = 0.06 * (high - low || 1);
  return {range: [low - margin, end ? high : high + margin], end};
}
