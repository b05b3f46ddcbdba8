// A metric against sparsity: one curve per method, N:M and structured targets beside them.

const HEADINGS = {unstructured: "unstructured sparsity", "n:m": "N:M", structured: "structured"};
const BRIEF = {unstructured: "unstruct.", "n:m": "N:M", structured: "struct."}; // on a phone
const BANDED = 3; // methods with a band: more lie over each other

function curvesPlot(colors) {
  const metric = data.metrics[state.metric];
  const everything = points(candidates(ALL).filter(matches));
  const {drawn, note} = leading(everything);
  const all = everything.filter(point => drawn.includes(point.method));
  const dense = denseOf();
  const {range, end} = valueRange(all, dense);
  const banded = new Set(placed(drawn).slice(0, BANDED));
  const panels = panelsOf(all);
  const traces = [], layout = {yaxis: valueAxis(colors, range), shapes: []}, named = new Set();
  panels.forEach(({pattern, tokens, curve, domain}, i) => {
    const at = i ? String(i + 1) : "", xaxis = `x${at}`;
    const percents = tokens.map(token => 100 * data.targets[token].sparsity);
    const place = token => curve ? percents[tokens.indexOf(token)] : tokens.indexOf(token);
    const pad = curve ? 0.06 * (percents.at(-1) - percents[0]) : 0.5;
    const ends = curve ? [percents[0] - pad, percents.at(-1) + pad] : [-pad, tokens.length - 1 + pad];
    layout[`xaxis${at}`] = axisOf(colors, {
      domain, anchor: "y", range: ends, tickvals: tokens.map(place), showgrid: curve, title: {text: (narrow.matches && panels.length > 1 ? BRIEF : HEADINGS)[pattern], standoff: 10},
      ticktext: tokens.map(token => data.targets[token].label.replace(" structured", "")),
    });
    if (tokens.includes(state.target)) {
      const [middle, half] = [place(state.target), curve ? 0.025 * (ends[1] - ends[0]) : 0.5];
      layout.shapes.push({type: "rect", xref: xaxis, yref: "paper", x0: middle - half, x1: middle + half, y0: 0, y1: 1, fillcolor: colors.mark, line: {width: 0}, layer: "below"});
    }
    const step = 0.6 / Math.max(1, drawn.length - 1);
    drawn.forEach((method, number) => {
      const own = tokens.map(token => all.find(point => point.method === method && point.target === token)).filter(Boolean);
      if (!own.some(point => point.value !== null)) return;
      const x = point => curve ? place(point.target) : place(point.target) + number * step - 0.3;
      const common = {type: "scatter", xaxis, yaxis: "y", legendgroup: method, name: clipped(data.methods[method])};
      if (curve && banded.has(method)) traces.unshift(...bands(own, x, method, common));
      traces.push({
        ...common, showlegend: !named.has(method), mode: curve ? "lines+markers" : "markers", x: own.map(x), y: own.map(point => scaled(point.value)),
        marker: markerOf(method, colors), line: {color: look(method).color, dash: look(method).dash, width: 1.7}, ...withTexts(own, own.map(point => hoverText(point))),
        ...(curve ? {} : {error_y: {...whiskers(own, point => scaled(point.value), point => scaled(point.low), point => scaled(point.high)), color: look(method).color}}),
      }, ...arrows(own, end, x, method, {xaxis}));
      named.add(method);
    });
    if (dense) traces.push({
      type: "scatter", mode: "lines", xaxis, yaxis: "y", x: ends, y: ends.map(() => scaled(dense.value)), line: {color: colors.ink, width: 1.5},
      legendgroup: "dense", name: clipped(dense.title), showlegend: !named.has("dense"), ...withTexts([dense, dense], [hoverText(dense), hoverText(dense)]),
    });
    named.add("dense");
  });
  const missing = all.filter(point => point.value === null);
  return {
    traces: all.length ? traces : [], title: `${metric.title} against sparsity`,
    layout: {...layout, ...spaced(narrow.matches ? 400 : 470, named.size)},
    note: [
      all.length ? "" : "No row is left by the filters.", note && `${note} are drawn; search or filters bring others.`,
      panels.some(({curve}) => curve) ? `Bands are the ${percentage(data.confidence)} intervals of the ${banded.size < drawn.length ? `first ${banded.size} methods; a point tells those of the others` : "methods"}.` : "",
      missing.length ? `Not drawn: ${missing.slice(0, 6).map(point => `${point.title} ${data.targets[point.target].label} (${data.statuses[point.status].word})`).join(", ")}${missing.length > 6 ? ` and ${missing.length - 6} more` : ""}.` : "",
      end === null ? "" : `The axis ends at ${data.ceiling} times the dense perplexity; arrows are above it.`,
    ].filter(Boolean).join(" "),
  };
}

// Side by side, as wide as they need: a curve of targets that differ in sparsity alone, or one place per target.
function panelsOf(all) {
  const tokens = Object.keys(data.targets).filter(token => all.some(point => point.target === token));
  const patterns = [...new Set(tokens.map(token => data.targets[token].pattern))].map(pattern => {
    const own = tokens.filter(token => data.targets[token].pattern === pattern);
    const curve = own.length > 1 && pattern !== "n:m";
    return {pattern, tokens: own, curve, width: curve ? 3.2 : 0.6 + 0.6 * own.length};
  });
  const gap = 0.03, total = patterns.reduce((sum, {width}) => sum + width, 0);
  let from = 0;
  return patterns.map(panel => {
    const share = panel.width / total * (1 - gap * (patterns.length - 1));
    const domain = [from, Math.min(1, from + share)];
    from += share + gap;
    return {...panel, domain};
  });
}

// The intervals of neighbours as one area; a target without a value parts it.
function bands(own, x, method, common) {
  const runs = [[]];
  for (const point of own) point.low === null ? runs.push([]) : runs.at(-1).push(point);
  return runs.filter(run => run.length > 1).map(run => ({
    ...common, mode: "lines", line: {width: 0}, fill: "toself", fillcolor: shade(look(method).color, 0.12), hoverinfo: "skip", showlegend: false,
    x: [...run, ...run.toReversed()].map(x), y: [...run.map(point => scaled(point.high)), ...run.toReversed().map(point => scaled(point.low))],
  }));
}
