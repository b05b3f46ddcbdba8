// Axes, points and lines as all plots have them.

const shade = (color, share) => color + Math.round(255 * share).toString(16).padStart(2, "0");

function look(method) {
  const [color, symbol, dash] = data.plots.looks[method];
  return {color, symbol, dash};
}

const markerOf = (method, colors) => {
  const {color, symbol} = look(method);
  // Open symbols are nothing but their line; the line around the others lets pale colours stand out.
  return {color, symbol, size: 8, line: symbol.endsWith("-open") ? {color, width: 2} : {color: shade(colors.ink, 0.6), width: 0.8}};
};

// Plain settings of an axis; the plots add what is theirs.
const axisOf = (colors, more) => ({
  gridcolor: colors.line, linecolor: colors.quiet, zeroline: false, showline: true, ticks: "outside", ticklen: 4,
  tickcolor: colors.quiet, automargin: true, ...more,
});

function valueAxis(colors, range, more) {
  const metric = data.metrics[state.metric];
  const title = metric.log ? `${metric.title} (log scale)` : `${metric.title}${metric.unit ? ` (${metric.unit})` : ""}`;
  return axisOf(colors, {
    title: {text: title, standoff: 10}, range, ...(metric.log ? {type: "log", tickformat: ",~g", dtick: range[1] - range[0] < 5 ? "D2" : 1} : {}), ...more,
  });
}

// What pops up is the text of each point, and a click on it finds its row.
const withTexts = (points, texts) => ({
  text: texts, customdata: points.map(point => keyOf(point.cell)), hovertemplate: "%{text}<extra></extra>", hoverinfo: "text",
});

const scaled = value => value === null ? null : value * data.metrics[state.metric].scale;

// The lengths of both whiskers. Rounded ends may pass the mean.
const whiskers = (points, middle, low, high) => ({
  type: "data", symmetric: false, visible: true, thickness: 1, width: 3,
  array: points.map(point => Math.max(0, high(point) - middle(point)) || 0),
  arrayminus: points.map(point => Math.max(0, middle(point) - low(point)) || 0),
});

// Values above the end of the axis are arrows at it.
function arrows(points, end, x, method, more) {
  const above = end === null ? [] : points.filter(point => point.value > end);
  return above.length ? [{
    type: "scatter", mode: "markers", x: above.map(x), y: above.map(() => scaled(end) * 0.93), legendgroup: method, showlegend: false,
    marker: {color: look(method).color, symbol: "arrow-up", size: 11}, ...withTexts(above, above.map(point => hoverText(point, "above the end of the axis"))), ...more,
  }] : [];
}

function denseOf() {
  const [point] = points(denseRows());
  return point?.value == null ? null : point;
}

// Room for the title of the axis, and on a narrow screen for the legend in two columns below it.
function spaced(height, named) {
  const legend = narrow.matches ? 21 * Math.ceil(named / 2) + 10 : 0;
  return {height: height + legend, margin: {l: 60, r: 10, t: 30, b: 60 + legend}};
}
