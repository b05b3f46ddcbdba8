// What is shown as a file: all rows that the filters leave, the columns in view.

const exported = () => [...denseRows(), ...ordered(candidates())];

function save(text, type, ending) {
  const address = URL.createObjectURL(new Blob([text], {type}));
  const name = [state.protocol, state.model, state.metric, state.target].join("-").replace(/[^\w.@=-]+/g, "-");
  make("a", {href: address, download: `${name}.${ending}`}).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // not at once: the browser may not have begun to read
}

// ---- CSV ------------------------------------------------------------------------------------------------

// A text that a spreadsheet would take for a formula gets the apostrophe that tells it otherwise.
function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// What says which number a line is about, whatever is in view.
const IDENTITY = ["protocol", "model", "method", "target", "seed"];

function csv() {
  const chosen = shownColumns().flatMap(column => column.fields ?? [[column.key, column.by]]).filter(([name]) => !IDENTITY.includes(name));
  const fields = [...IDENTITY.map(name => [name, ({cell}) => cell[name]]), ...chosen];
  const lines = [fields.map(([name]) => name), ...exported().map(entry => fields.map(([, of]) => of(entry)))];
  return lines.map(line => line.map(field).join(",") + "\n").join("");
}

// ---- LaTeX ----------------------------------------------------------------------------------------------

const LINES = 30; // rows of one float

// As `escape` in latex.py, with its table of characters.
const escaped = text => text.replace(/[^A-Za-z0-9 ,.-]/gu, character => {
  if (Object.hasOwn(data.latex, character)) return data.latex[character];
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(character)) return " ";
  const code = character.codePointAt(0);
  return code > 0xFF ? `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]` : character;
}).replace(/([-,])(?=\1)/g, "$1{}");

// Numbers as the page writes them: powers of ten, minus signs and dashes of ranges.
const typeset = text => text.split(/(×10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|[–−×])/).map((part, i) => i % 2 === 0 ? escaped(part) :
  part === "–" ? "--" : part === "−" ? "$-$" : part === "×" ? "$\\times$" :
    `\\,$\\times10^{${[...part.slice(3)].map(digit => digit === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit)).join("")}}$`).join("");

function latexColumns() {
  return shownColumns().flatMap(column => column.key === "value" ? [column, {key: "between", title: "Interval", numeric: true,
    text: entry => entry.value === null ? "" : interval(entry.score)}] : column.key === "interval" ? [] :
    column.key === "rank" ? [{...column, text: entry => [rankText(entry), entry.score && places(entry.score) && `(${places(entry.score)})`].filter(Boolean).join(" ")}] : [column]);
}

function latex() {
  const shown = latexColumns(), entries = exported(), caption = latexCaption(entries);
  const line = cells => `${cells.join(" & ")} \\\\`;
  const head = line(shown.map(column => escaped(column.title)));
  const rows = entries.map(entry => line(shown.map(column => (column.numeric ? typeset : escaped)(column.text(entry)))));
  const parts = Array.from({length: Math.ceil(rows.length / LINES) || 1}, (_, i) => rows.slice(i * LINES, (i + 1) * LINES));
  return ["% Needs \\usepackage{booktabs,adjustbox} and \\usepackage[T1]{fontenc}.", ...parts.flatMap((part, i) => [
    "\\begin{table}", "\\centering", `\\caption{${caption}${parts.length > 1 ? ` Part ${i + 1} of ${parts.length}.` : ""}}`, "\\smallskip",
    "\\begin{adjustbox}{max width=\\linewidth}", `\\begin{tabular}{${shown.map(column => column.numeric ? "r" : "l").join("")}}`,
    "\\toprule", head, "\\midrule", ...part, "\\bottomrule", "\\end{tabular}", "\\end{adjustbox}", "\\end{table}",
  ]), ""].join("\n");
}

function latexCaption(entries) {
  const metric = data.metrics[state.metric], overlap = data.overlaps[`${state.model}/${state.metric}`];
  const where = state.target === ALL ? "all targets" : data.targets[state.target].label;
  const found = new Set(entries.map(entry => entry.status));
  const words = Object.entries(data.statuses).filter(([status]) => status !== "ok" && found.has(status));
  return [escaped(`${metric.title} of ${data.models[state.model]} on ${sampled(state.metric)}, ${where}`) + ` (protocol \\texttt{${escaped(state.protocol)}}).`,
    overlap ? escaped(`${overlap}.`) : "",
    escaped(`Intervals are ${percentage(data.confidence)} bootstrap intervals over ${metric.log ? "windows" : "questions"}. Ranks are from paired tests, with a chance of at most ${percentage(data.alpha)} of any false separation within one ranking. Methods whose comparisons form an unbroken chain share a rank, marked with =; the places in brackets are those that a method's own comparisons leave open.`),
  ...words.map(([, {word, meaning}]) => `\\emph{${escaped(word)}}: ${escaped(meaning)}.`)].filter(Boolean).join(" ");
}
