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
