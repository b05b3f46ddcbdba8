// The page: what its controls do, and what is drawn after each change of the view.

function draw() {
  drawCards();
  drawTable();
  drawPicker();
  drawExample();
  drawControls();
  document.dispatchEvent(new Event("viewchange")); // for whatever else on the page shows the same view
}

const titles = {
  protocol: name => data.protocols[name] ? `${name}: ${data.protocols[name]}` : name,
  model: name => data.models[name],
  metric: name => `${data.metrics[name].title} on ${named(name)} ${data.metrics[name].lower ? "↓" : "↑"}`,
  target: name => name === ALL ? "all" : data.targets[name].label,
  origin: name => name === "" ? "all" : data.origins[name] ?? name,
  status: name => name === "" ? "all" : data.statuses[name].word,
  speedup: name => MEASURES[name].label,
  room: name => MEASURES[name].label,
};

function drawControls() {
  for (const key of Object.keys(options)) {
    const names = available(key, state), select = find(key);
    if (names.join("\n") !== [...select.options].map(option => option.value).join("\n")) {
      select.replaceChildren(...names.map(name => make("option", {value: name}, (titles[key] ?? (value => value || "all"))(name))));
    }
    select.value = state[key];
  }
  if (find("query").value !== state.query) find("query").value = state.query;
  find("protocol").closest("label").hidden = options.protocol.length < 2;
  find("seed").closest("label").hidden = !severalSeeds();
  const active = Object.entries(FILTERS).filter(([key, value]) => state[key] !== value).length;
  find("active").textContent = active ? ` (${active} in use)` : "";
}

function choose(changes, how = "pushState") {
  const focused = document.activeElement?.closest?.(".card")?.dataset.target;
  if (changes.target) changes = {sort: changes.target === ALL ? "target" : "value", ...changes};
  // A target at which a new filter leaves nothing would only hide what it was set to find.
  const filtered = ["family", "origin", "pattern", "seed", "status"].some(key => changes[key]);
  // A new metric or target starts with the best on top; what narrows or reorders the rows, at the first page.
  if (changes.metric || changes.target) changes = {reversed: "", ...changes};
  settled(Object.assign(state, {page: "1"}, changes));
  if (filtered && state.target !== ALL && !candidates().some(matches) && candidates(ALL).some(matches)) Object.assign(state, {target: ALL, sort: "target", reversed: ""});
  draw();
  writeAddress(how);
  if (focused) document.querySelector(`.card[data-target="${CSS.escape(focused)}"]`)?.focus();
}

function follow() {
  readAddress();
  draw();
  writeAddress("replaceState");
}

if (Object.keys(start).length) {
  for (const key of Object.keys(options)) find(key).addEventListener("change", event => choose({[key]: event.target.value}));
  find("query").addEventListener("input", event => choose({query: event.target.value}, "replaceState"));
  find("reset").addEventListener("click", () => choose({...FILTERS}));
  find("page").addEventListener("change", event => turnTo(event.target.value));
  for (const id of ["previous", "next"]) find(id).addEventListener("click", event => {
    if (event.currentTarget.getAttribute("aria-disabled") === "false") turnTo(event.currentTarget.dataset.page);
  });
  find("fitting").addEventListener("click", () => choose({columns: ""}));
  find("csv").addEventListener("click", () => save(csv(), "text/csv;charset=utf-8", "csv"));
  find("latex").addEventListener("click", () => save(latex(), "application/x-tex;charset=utf-8", "tex"));
  for (const width of [TABLET, LAPTOP, DESKTOP]) matchMedia(`(min-width: ${width}px)`).addEventListener("change", () => { drawTable(); drawPicker(); });
  const roomy = matchMedia(`(min-width: ${TABLET}px)`), unfold = () => { find("filters").open = roomy.matches; };
  roomy.addEventListener("change", unfold);
  unfold();
  for (const [event, starts] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => { printing = starts; drawTable(); });
  addEventListener("hashchange", () => {
    const before = state.open;
    follow();
    if (state.open && state.open !== before) focusToggle(state.open.split("\n").at(-1));
  });
  find("board").hidden = false;
  watchPlots();
  follow();
}
