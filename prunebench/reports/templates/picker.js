// Which columns the table has.

const GROUPS = [["Table", key => !key.includes(":")], ["Other scores", key => key.startsWith("score:")], ["Other measurements", key => key.startsWith("cost:")]];

const boxes = perView(() => GROUPS.map(([legend, within]) => [legend, columns().filter(column => within(column.key)).map(column => {
  const box = make("input", {type: "checkbox", value: column.key, disabled: column.key === "method", on: {change: pick}});
  return [box, make("label", {}, box, column.key === "value" ? `${column.title} with interval` : column.key === "interval" ? "Interval, drawn" : column.title)];
})]).filter(([, entries]) => entries.length));

function pick() {
  const picked = boxes().flatMap(([, entries]) => entries.map(([box]) => box)).filter(box => box.checked).map(box => box.value);
  choose({columns: picked.join(",")});
}

let drawn = null;

function drawPicker() {
  if (drawn !== boxes()) {
    drawn = boxes();
    find("boxes").replaceChildren(...drawn.map(([legend, entries]) => make("fieldset", {}, make("legend", {}, legend), entries.map(([, label]) => label))));
  }
  const shown = new Set(shownColumns().map(column => column.key));
  for (const [, entries] of drawn) for (const [box] of entries) box.checked = shown.has(box.value);
  find("fitting").setAttribute("aria-disabled", state.columns === "");
}
