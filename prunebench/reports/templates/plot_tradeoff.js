// Quality against what it costs, measured speed or size, with the points that no other one beats.

const GREY = 400; // so many points are drawn of methods that have no look of their own

const over = (found, cost) => mean(found.map(({cell}) => cell.costs[cost] ?? null));
const speedup = (name, label) => ({
  label, title: `speed-up in ${label}`, lower: false, dense: 1, suffix: "×", digits: 2, x: ({found}) => over(found, name),
  ends: ({found}) => [0, 1].map(end => mean(found.map(({cell}) => cell.spans[name]?.[end] ?? null))),
});
const MEASURES = {
  prefill_speedup: speedup("prefill_speedup", "reading a prompt"), decode_speedup: speedup("decode_speedup", "writing"),
  nonzero: {
    label: "weights that are not zero", title: "weights that are not zero", lower: true, dense: 100, suffix: "%", digits: 1,
    x: ({found}) => { const gone = over(found, "sparsity"); return gone === null ? null : 100 * (1 - gone); },
  },
  stored: {
    label: "parameters stored", title: "parameters stored", lower: true, dense: 100, suffix: "%", digits: 1,
    // Only models whose shapes changed have their parameters counted: a zero is stored like any other weight.
    x: ({found, target}) => {
      const [left, whole] = [over(found, "parameters"), over(denseRows(), "parameters")];
      return left !== null && whole ? 100 * left / whole : data.targets[target].pattern === "structured" ? null : 100;
    },
  },
};

function tradeoffPlot(colors, name, against, remark) {
  const metric = data.metrics[state.metric], measure = MEASURES[name];
  const measured = points(candidates(ALL).filter(matches)).filter(point => point.value !== null);
  // As exact as it is shown: whole groups or units leave some weights more or less, which is no advantage.
  const shown = x => x === null ? null : Number(x.toFixed(measure.digits));
  const placed = measured.map(point => ({...point, x: shown(measure.x(point)), y: scaled(point.value)})).filter(point => point.x !== null);
  const dense = denseOf() && {...denseOf(), x: measure.dense, y: scaled(denseOf().value)};
  const unbeaten = new Set(front([...placed, ...(dense ? [dense] : [])], measure.lower, metric.lower));
  const {drawn, note} = leading(placed);
  const plain = placed.filter(point => !drawn.includes(point.method)).sort((a, b) => metric.lower ? a.y - b.y : b.y - a.y)
    .filter((point, i) => i < GREY || unbeaten.has(point));
  const named = placed.filter(point => drawn.includes(point.method));
  const {range, end} = valueRange([...named, ...plain], dense);
  const traces = [
    frontLine([...unbeaten], measure, colors),
    ...(plain.length ? [{...plotted(plain, measure), name: "other methods", marker: {color: colors.quiet, size: 5, opacity: 0.6}}] : []),
    // The legend shows the look of the first point.
    ...drawn.map(method => methodPoints(named.filter(point => point.method === method).sort((a, b) => isChosen(b) - isChosen(a)), measure, colors)),
    ...(dense ? [{...plotted([dense], measure), name: clipped(dense.title), marker: {color: colors.ink, symbol: "diamond", size: 10}}] : []),
    frontRings([...unbeaten], colors),
  ];
  const left = measured.length - placed.length;
  return {
    traces: placed.length ? traces : [], title: `${metric.title} against ${against}`,
    layout: {
      xaxis: axisOf(colors, {title: {text: measure.title, standoff: 10}, ticksuffix: measure.suffix}), yaxis: valueAxis(colors, range),
      ...spaced(400, traces.filter(trace => trace.name).length),
    },
    note: [
      remark, measured.length ? "" : "No value is left by the filters.",
      placed.length ? "Ringed: by their values alone no other point, nor the dense model, is as good in both and better in one. Intervals and ties are left out of that: points close by may be as good." : "",
      note && `${note} have looks of their own, the others are grey${plain.length < placed.length - named.length ? ` and the best ${GREY} points of them are drawn` : ""}.`,
      left && placed.length ? `${left} point${left === 1 ? " has" : "s have"} no such measure.` : "",
      end === null ? "" : `The axis ends at ${data.ceiling} times the dense perplexity.`,
    ].filter(Boolean).join(" "),
  };
}

const plotted = (own, measure) => ({
  type: "scatter", mode: "markers", x: own.map(point => point.x), y: own.map(point => point.y),
  ...withTexts(own, own.map(point => hoverText(point, `<b>${point.x.toFixed(measure.digits)}${measure.suffix}</b> ${measure.title}`))),
});

const isChosen = point => state.target === ALL || point.target === state.target;

// The points of the chosen target stand out.
function methodPoints(own, measure, colors) {
  const [{method}] = own, {color} = look(method);
  const chosen = own.map(isChosen);
  const spans = measure.ends ? own.map(measure.ends) : [];
  const known = spans.length && spans.every(([low]) => low !== null);
  return {
    ...plotted(own, measure), name: clipped(data.methods[method]),
    marker: {...markerOf(method, colors), size: chosen.map(is => is ? 10 : 7), opacity: chosen.map(is => is ? 1 : 0.5)},
    ...(known ? {error_x: {...whiskers(own.map((point, i) => [point.x, ...spans[i]]), ([x]) => x, ([, low]) => low, ([,, high]) => high), color: shade(color, 0.5)}} : {}),
  };
}

// Steps, not slopes: nothing was measured between two points.
const frontLine = (unbeaten, {lower}, colors) => ({
  type: "scatter", mode: "lines", name: "not beaten, by value", x: unbeaten.map(point => point.x), y: unbeaten.map(point => point.y), hoverinfo: "skip",
  line: {color: colors.quiet, width: 1.5, dash: "dot", shape: lower ? "hv" : "vh"},
});

const frontRings = (unbeaten, colors) => ({
  type: "scatter", mode: "markers+text", showlegend: false, hoverinfo: "skip", x: unbeaten.map(point => point.x), y: unbeaten.map(point => point.y),
  text: unbeaten.map(point => data.targets[point.target]?.label.replace(" structured", "") ?? ""), textposition: "top center", textfont: {size: 11, color: colors.quiet},
  marker: {symbol: "circle-open", size: 17, color: colors.accent, line: {width: 1.5}},
});

const UNMEASURED = "No speed was measured: a run measures it where speed is in evaluate of its config.";

function speedPlot(colors) {
  const known = cellsInView().some(cell => cell.costs[state.speedup] !== undefined);
  find("speedup").closest("label").hidden = !known;
  return tradeoffPlot(colors, state.speedup, "measured speed", known ? "One sequence at a time, beside the dense model on the same machine; whiskers are 95% intervals of the median within one process. How memory happens to lie moves a process by some per cent, the dense model beside itself, too." : UNMEASURED);
}

function sizePlot(colors) {
  return tradeoffPlot(colors, state.room, "size", state.room === "stored"
    ? "Share of the dense model's parameters. A zero in a dense tensor is stored like any other weight, so masks alone make no file smaller." : "Share of the weights in decoder blocks, as the benchmark counts them. Zeros save room only in a sparse format.");
}

const PLOTS = {curves: curvesPlot, ranks: ranksPlot, speed: speedPlot, size: sizePlot};
