// The rule of the ranks, told by an example from the rows in view.

const listed = titles => titles.length < 2 ? titles.join("") : `${titles.slice(0, -1).join(", ")} and ${titles.at(-1)}`;

let told = null; // the view it is about: filters do not change it

function drawExample() {
  const target = state.target === ALL ? available("target", state)[0] : state.target;
  const view = JSON.stringify([state.protocol, state.model, state.metric, target]);
  if (view === told) return;
  told = view;
  const entries = rowsInView().filter(entry => entry.cell.target === target && entry.score?.[RANK]).sort((a, b) => a.score[RANK] - b.score[RANK] || byValue(a, b));
  const seed = entries[0]?.cell.seed;
  const ranked = entries.filter(entry => entry.cell.seed === seed);
  const tied = ranked.find(isTied);
  const group = tied ? ranked.filter(entry => groupOf(entry) === groupOf(tied)) : [];
  find("example").hidden = ranked.length < 2;
  if (ranked.length < 2) return;
  const where = `For example at ${data.targets[target].label} here`;
  const sentences = [];
  if (group.length) {
    const rank = group[0].score[RANK];
    const [last, after] = [group.at(-1), ranked.find(entry => entry.score[RANK] > rank)];
    sentences.push(`${where}: ${group.length > 6 ? `${group.length} methods` : listed(group.map(entry => entry.title))} share rank ${rank}, written ${rank}=`);
    if (places(last.score)) sentences.push(`${last.title}'s ${places(last.score)} beside it says that ${count(last.score[BEST] - 1, "method")} ${last.score[BEST] > 2 ? "were" : "was"} separated from it as better and ${count(ranked.length - last.score[WORST], "method")} as worse`);
    if (after) sentences.push(`${after.title} has rank ${after.score[RANK]}: ${after.score[RANK] - 1} methods are above it, and each was separated from it and from all that follow`);
  } else sentences.push(`${where}: no methods share a rank, so each was separated from each that is above it; ${ranked[0].title} has rank 1 and ${ranked[1].title} rank ${ranked[1].score[RANK]}`);
  find("example").textContent = `${sentences.join(". ")}.`;
}

const count = (number, noun) => number === 0 ? `no ${noun}` : `${number} ${noun}${number === 1 ? "" : "s"}`;
