// The plots: when they are drawn, in which colours, and what a click does.

const narrow = matchMedia("(max-width: 42rem)");
const touched = matchMedia("(pointer: coarse)");
const stale = new Set(), near = new Set();

// The library is 5 MB: it waits in the page as text, and runs when the first plot comes near the screen.
function load() {
  if (!window.Plotly) document.head.append(make("script", {}, find("plotly").textContent));
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["ink", "quiet", "paper", "panel", "line", "accent", "mark"].map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function drawPlot(id) {
  load();
  stale.delete(id);
  const figure = find(`${id}-plot`), box = figure.querySelector(".canvas");
  const colors = theme();
  const {traces, layout, title, note} = PLOTS[id](colors);
  figure.querySelector(".title").textContent = title;
  figure.querySelector(".about").textContent = about();
  figure.querySelector(".note").textContent = note;
  box.hidden = !traces.length;
  if (!traces.length) {
    Plotly.purge(box); // what is hidden cannot follow the size of the window
    return;
  }
  box.style.height = `${layout.height}px`;
  Plotly.react(box, traces, {
    font: {family: getComputedStyle(document.body).fontFamily, size: 13, color: colors.ink}, paper_bgcolor: colors.paper,
    plot_bgcolor: colors.paper, hoverlabel: {bgcolor: colors.panel, bordercolor: colors.line, font: {color: colors.ink}, align: "left", namelength: 0},
    hovermode: "closest", hoverdistance: 12, dragmode: touched.matches ? false : "zoom", // a finger scrolls the page
    legend: {tracegroupgap: 0, ...(narrow.matches ? {orientation: "h", entrywidth: 0.48, entrywidthmode: "fraction", x: 0, xref: "container", y: 0, yref: "container", yanchor: "bottom"} : {x: 1.02, y: 1})},
    uirevision: JSON.stringify([state.protocol, state.model, state.metric, id]), ...layout,
  }, configOf(id, box));
  // To who cannot see it a plot is one picture with a name; what is in it, the table and the note say.
  const [picture, ...others] = box.querySelectorAll(".main-svg");
  for (const [name, value] of [["role", "img"], ["aria-labelledby", `${id}-title`], ["aria-describedby", `${id}-note`]]) picture.setAttribute(name, value);
  for (const other of others) other.setAttribute("aria-hidden", "true");
  box.removeAllListeners("plotly_click");
  box.on("plotly_click", ({points: [point]}) => point.customdata && showRow(point.customdata));
}

// One for all drawings of a plot: with another one plotly begins anew, and forgets what was zoomed or hidden.
const configs = new Map();

function configOf(id, box) {
  const key = `${id} ${narrow.matches}`;
  const saving = format => ({
    name: format, title: `Save as ${format.toUpperCase()}`, icon: format === "png" ? Plotly.Icons.camera : Plotly.Icons.disk,
    click: () => Plotly.downloadImage(box, {format, filename: fileName(id), width: box.clientWidth, height: box.clientHeight, scale: format === "png" ? 2 : 1}),
  });
  if (!configs.has(key)) configs.set(key, {
    responsive: true, displaylogo: false, displayModeBar: !narrow.matches, showTips: false, doubleClick: "reset", typesetMath: false,
    modeBarButtons: [["zoom2d", "zoomIn2d", "zoomOut2d", "resetScale2d", saving("png"), saving("svg")]],
  });
  return configs.get(key);
}

function about() {
  const mark = Object.hasOwn(data.overlaps, `${state.model}/${state.metric}`) ? " †" : "";
  const protocol = options.protocol.length > 1 ? `, protocol ${state.protocol}` : "";
  return `${data.models[state.model]}, ${sampled(state.metric)}${mark}${protocol}`;
}

const fileName = id => [id, state.model, state.metric].join("-").replace(/[^\w.-]+/g, "-");

// What is not near the screen waits until it is.
function drawPlots() {
  for (const id of near) if (stale.has(id)) drawPlot(id);
}

function renewPlots() {
  for (const id of Object.keys(PLOTS)) stale.add(id);
  drawPlots();
}

function watchPlots() {
  const observer = new IntersectionObserver(changes => {
    for (const {target, isIntersecting} of changes) near[isIntersecting ? "add" : "delete"](target.dataset.plot);
    drawPlots();
  }, {rootMargin: "200px"});
  for (const id of Object.keys(PLOTS)) observer.observe(find(`${id}-plot`));
  find("plots").hidden = false;
  for (const event of ["viewchange", "themechange"]) document.addEventListener(event, renewPlots);
  for (const query of [narrow, touched]) query.addEventListener("change", renewPlots);
  addEventListener("beforeprint", () => [...stale].forEach(drawPlot));
  renewPlots();
}
