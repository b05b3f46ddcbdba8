// The ranking at one target: rank and value, both with their range.

const RANKED = 40; // so many rows, from the best down

function ranksPlot(colors) {
  const metric = data.metrics[state.metric];
  const all = state.target === ALL ? [] : candidates().filter(matches)
    .map(entry => ({...points([entry])[0], rank: entry.value === null ? null : entry.score[RANK], best: entry.score?.[BEST] ?? null, worst: entry.score?.[WORST] ?? null}))
    .sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || (a.value === null) - (b.value === null) || (metric.lower ? a.value - b.value : b.value - a.value) || 0);
  const rows = all.slice(0, RANKED), failed = rows.filter(row => row.value === null);
  const line = new Map(rows.map((row, i) => [row, i]));
  const last = rows.reduce((most, row) => Math.max(most, row.rank ?? 1, row.worst ?? 1), 1);
  const ranked = rows.filter(row => row.rank !== null), valued = rows.filter(row => row.value !== null);
  const dense = denseOf(), {range, end} = valueRange(rows, dense);
  const above = end === null ? [] : rows.filter(row => row.value > end);
  const seed = row => severalSeeds() ? `, seed ${row.cell.seed}` : "";
  const looks = shown => {
    const own = shown.map(row => markerOf(row.method, colors));
    return {size: 10, color: own.map(({color}) => color), symbol: own.map(({symbol}) => symbol), line: {width: own.map(({line}) => line.width), color: own.map(({line}) => line.color)}};
  };
  const common = {type: "scatter", mode: "markers", showlegend: false};
  const traces = [
    // Not as whiskers: of a shared rank the places may begin behind it.
    {...common, name: "places", mode: "lines", hoverinfo: "skip", line: {color: colors.quiet, width: 2}, connectgaps: false,
      x: ranked.flatMap(row => [row.best, row.worst, null]), y: ranked.flatMap(row => [line.get(row), line.get(row), null])},
    {...common, name: "rank", x: ranked.map(row => row.rank), y: ranked.map(row => line.get(row)), marker: looks(ranked), ...withTexts(ranked, ranked.map(row => hoverText(row)))},
    {...common, name: "failed", mode: "markers+text", x: failed.map(() => last + 1), y: failed.map(row => line.get(row)), cliponaxis: false,
      marker: {symbol: "circle-x-open", size: 10, color: colors.quiet, line: {width: 1.5, color: colors.quiet}}, texttemplate: failed.map(row => literal(data.statuses[row.status].word)),
      textposition: "middle left", ...withTexts(failed, failed.map(row => hoverText(row)))},
    ...(narrow.matches ? [] : [{...common, name: "value", xaxis: "x2", x: valued.map(row => scaled(row.value)), y: valued.map(row => line.get(row)), marker: looks(valued),
      ...withTexts(valued, valued.map(row => hoverText(row))),
      error_x: {...whiskers(valued, row => scaled(row.value), row => scaled(row.low ?? row.value), row => scaled(row.high ?? row.value)), color: colors.quiet}},
    {...common, name: "above", xaxis: "x2", x: above.map(() => scaled(end) * 0.96), y: above.map(row => line.get(row)), ...withTexts(above, above.map(row => hoverText(row, "above the end of the axis"))),
      marker: {...looks(above), symbol: "triangle-right"}}]),
  ];
  return {
    traces: rows.length ? traces : [], title: `Rank at ${data.targets[state.target]?.label ?? "one target"}`,
    layout: {
      yaxis: axisOf(colors, {range: [rows.length - 0.5, -0.5], tickvals: rows.map((_, i) => i), ticktext: rows.map(row => clipped(`${row.title}${seed(row)}`)), showline: false, ticks: ""}),
      xaxis: axisOf(colors, {domain: narrow.matches ? [0, 1] : [0, 0.47], range: [0.5, last + (failed.length ? 1.5 : 0.5)], title: {text: "rank, best to worst place", standoff: 10}, ...(last < 15 ? {tickvals: Array.from({length: last}, (_, i) => i + 1)} : {tickformat: "d"})}),
      ...(narrow.matches ? {} : {xaxis2: valueAxis(colors, range, {domain: [0.53, 1], anchor: "y"})}),
      shapes: dense && !narrow.matches ? [{type: "line", xref: "x2", yref: "paper", x0: scaled(dense.value), x1: scaled(dense.value), y0: 0, y1: 1, line: {color: colors.ink, width: 1.5}, layer: "below"}] : [],
      height: 110 + (narrow.matches ? 26 : 28) * Math.max(2, rows.length), margin: {l: 10, r: 20, t: 30, b: 60},
    },
    note: [
      state.target === ALL ? "Methods are ranked at one target: press one of the cards above." : rows.length ? "" : "No row is left by the filters.",
      rows.length < all.length ? `The first ${rows.length} of ${all.length} rows.` : "",
      rows.length ? "The line reaches from the best to the worst place that the method's own comparisons allow. Methods whose comparisons form an unbroken chain share a rank, the point: it may lie beside the line, and the ends of a chain may be separated." : "",
      rows.length && dense && !narrow.matches ? "The upright line is the dense model." : "", failed.length ? "A crossed circle is a cell without a valid value." : "",
      end === null || narrow.matches ? "" : `The axis of values ends at ${data.ceiling} times the dense perplexity; arrows are above it.`,
    ].filter(Boolean).join(" "),
  };
}
