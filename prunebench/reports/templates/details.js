// What an opened row has: the reason, the generated texts, and all that was measured of the cell.

// What the page of a method calls a cell.
const anchor = ({protocol, model, method, seed, target}) => `${protocol}/${model}/${method}/seed${seed}/${target}`;

function details(entry, width) {
  const {cell} = entry, page = pageOf(cell.method);
  const texts = cell.texts.map(([prompt, text]) => make("p", {class: "text"},
    make("bdi", {}, text.startsWith(prompt) ? [make("span", {class: "quiet"}, prompt), text.slice(prompt.length)] : text)));
  const scores = Object.entries(data.metrics).map(([key, metric]) => {
    const other = row(cell, key);
    const shown = other.status !== "ok" ? chip(other.status) : other.score ? [make("strong", {}, number(other.score[VALUE], metric)), " ",
      small(interval(other.score, metric))] : "–";
    const shares = one => one.target === cell.target && one.seed === cell.seed && one.values[key]?.[RANK] === other.score[RANK];
    const rank = other.score?.[RANK] ? `rank ${other.score[RANK]}${cellsInView().filter(shares).length > 1 ? "=" : ""}${places(other.score) && ` (${places(other.score)})`}` : "";
    const items = other.score?.[ITEMS] ? `${other.score[ITEMS]} items` : "";
    return make("tr", {}, make("th", {scope: "row"}, `${metric.title}, ${named(key)}${isFlattered(cell, key) ? " †" : ""}`),
      make("td", {class: "number"}, shown), make("td", {}, small([rank, items].filter(Boolean).join(", "))));
  });
  const costs = Object.entries(cell.costs).map(([name, value]) => make("tr", {}, make("th", {scope: "row"}, cost(name).title),
    make("td", {class: "number"}, cost(name).shown(value)), make("td")));
  return make("tr", {class: "details"}, make("td", {colspan: width}, make("div", {class: "inside"},
    make("div", {},
      make("p", {}, small(`${cell.family || "unknown family"}, origin: ${origin(cell)}, seed ${cell.seed}, protocol ${cell.protocol}${coverage(entry) ? `, finished ${coverage(entry).join(" of ")} targets` : ""}`)),
      page && make("p", {}, make("a", {href: `${page}#${encodeURI(anchor(cell))}`}, "This cell in full, and how to reproduce it"), make("br"),
        make("a", {href: page}, `All cells and the code of ${entry.title}`)),
      cell.note && make("p", {}, "Note: ", make("bdi", {}, cell.note)),
      entry.reason && make("p", {}, "Reason: ", make("bdi", {}, entry.reason)),
      texts.length ? make("h3", {}, "Generated text") : null, texts),
    make("table", {class: "facts", "aria-label": `All that was measured of ${entry.title}`}, make("tbody", {}, scores, costs)))));
}
