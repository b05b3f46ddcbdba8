// Numbers as people write them.

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

// Of a dataset's name not how large the whole is, but how much of it was measured.
const named = metricKey => data.metrics[metricKey].dataset.replace(/\s*\(\d+ \w+\)$/, "");

function sampled(metricKey) {
  const name = named(metricKey), items = denseItems(metricKey);
  if (!items) return name;
  const counted = `${items} ${data.metrics[metricKey].log ? "windows" : "questions"}`;
  return name.endsWith(")") ? `${name.slice(0, -1)}, ${counted})` : `${name} (${counted})`;
}

const percentage = share => `${Math.round(100 * share)}%`;
const percent = value => `${(100 * value).toFixed(1)}%`;
const duration = seconds => seconds < 100 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
const gigabytes = value => `${value.toFixed(2)} GB`;
const factor = value => `×${value.toFixed(2)}`;
const large = value => value.toLocaleString("en", {notation: "compact", maximumSignificantDigits: 3});

function change(value, dense, metric) {
  if (value === null || dense === null) return "–";
  if (metric.scale !== 1) return `${value < dense ? "−" : "+"}${Math.abs(100 * (value - dense)).toFixed(1)}`;
  const ratio = value / dense;
  return ratio < 100 ? factor(ratio) : `×${number(ratio, {scale: 1})}`;
}

// What is measured of a cell besides its scores; of other names the page shows the number as it is.
const COSTS = {
  sparsity: ["Measured sparsity", percent], effective_sparsity: ["Parameters removed", percent], parameters: ["Parameters", large],
  prune_seconds: ["Pruning time", duration], evaluate_seconds: ["Evaluation time", duration],
  peak_memory_gb: ["Peak memory", gigabytes], inference_memory_gb: ["Memory at inference", gigabytes],
  prefill_speedup: ["Prefill speed-up", factor], decode_speedup: ["Decoding speed-up", factor],
};

const sentence = name => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

function cost(name) {
  const [metric, part] = name.split("/");
  const [title, shown] = Object.hasOwn(COSTS, metric) ? COSTS[metric] : [sentence(metric), value => String(Number(value.toPrecision(4)))];
  return {title: part ? `${title}, ${part}` : title, shown};
}
