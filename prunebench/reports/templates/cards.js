// For each target the best mean over seeds, and which methods no comparison rules out as the best.
function answer(target) {
  const groups = new Map();
  for (const cell of data.cells) {
    if (cell.model === state.model && cell.target === target) groups.set(cell.method, [...(groups.get(cell.method) ?? []), row(cell)]);
  }
  const metric = data.metrics[state.metric];
  const whole = [...groups.values()].filter(entries => entries.every(entry => entry.value !== null))
    .map(entries => ({entries, title: entries[0].title, mean: entries.reduce((sum, entry) => sum + entry.value, 0) / entries.length}))
    .sort((a, b) => metric.lower ? a.mean - b.mean : b.mean - a.mean);
  const rivals = whole.slice(1).filter(group => group.entries.some(entry => entry.score[BEST] === 1));
  return {best: whole[0], rivals, finished: whole.length, failed: groups.size - whole.length};
}

function drawCards() {
  const metric = data.metrics[state.metric];
  const cards = Object.entries(data.targets).map(([target, {label}]) => {
    const {best, rivals, finished, failed} = answer(target);
    const lines = [make("span", {class: "target"}, label)];
    if (best) {
      const score = best.entries[0].score;
      const change_ = change(best.mean, denseValue(), metric);
      const names = rivals.length > 3 ? `${rivals.length} others` : rivals.map(rival => rival.title).join(", ");
      lines.push(make("bdi", {class: "winner"}, best.title),
        make("span", {}, make("strong", {}, number(best.mean), metric.unit), " ", small(best.entries.length === 1 ? interval(score) : `mean of ${best.entries.length} seeds`)),
        make("span", {class: "quiet"}, metric.scale === 1 ? `${change_} vs dense` : `${change_} points vs dense`),
        make("span", {class: rivals.length ? "unsure" : "sure"}, rivals.length ? `not separable from ${names}` : finished > 1 ? "separated from all others" : "nothing to compare with"));
    } else lines.push(make("span", {class: "winner quiet"}, "no method finished"));
    if (failed) lines.push(make("span", {class: "quiet"}, `${failed} of ${finished + failed} failed`));
    return make("button", {type: "button", class: "card", "aria-pressed": String(state.target === target), "data-target": target,
      on: {click: () => choose({target})}}, lines);
  });
  cards.push(make("button", {type: "button", class: "card all", "aria-pressed": String(state.target === ALL), "data-target": ALL,
    on: {click: () => choose({target: ALL})}}, make("span", {class: "target"}, "All"), make("span", {class: "quiet"}, "every target in one table")));
  find("cards").replaceChildren(...cards);
}
