// One script with results.js, which begins and draws: the pair that is open, and how its cosine stands among unrelated ones.

function openPair(pair, from, area = null) {
  const before = opened;
  chosen.pair = pair;
  opened = area;
  if (before && before !== area) rest(before);
  returnTo = from;
  hideTip();
  drawPair();
  const card = $(".pg-pair-card");
  card.focus({ preventScroll: true });
}

function closePair() {
  if (!chosen.pair) return;
  chosen.pair = null;
  drawPair();
  const before = opened;
  opened = null;
  if (before) rest(before);
  if (returnTo && returnTo.isConnected) returnTo.focus({ preventScroll: true });
  returnTo = null;
}

const splitAt = (text, n) => {
  if (!/[\ud800-\udfff]/.test(text)) return [text.slice(0, n), text.slice(n)];
  const chars = Array.from(text);
  return [chars.slice(0, n).join(""), chars.slice(n).join("")];
};

function side(place, column) {
  const [nTokens, nCut, nChars] = place === QUERY ? column.query_read : column.read[place];
  const text = textOf(place);
  const [before, instruction] = place === QUERY ? ["embeddings.before", column.instruction] : ["embeddings.before_passage", column.passage_instruction];
  const [read, unread] = nCut > 0 ? splitAt(text, nChars) : [text, ""];
  return pg.el("div", { class: "pg-side" },
    pg.el("h4", {}, nameOf(place), pg.el("span", { class: "pg-muted", text: pg.say("embeddings.read", { n: nTokens }) }),
      nCut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: nCut }) }) : null),
    instruction ? pg.el("p", { class: "pg-muted pg-before", text: pg.say(before, { instruction }) }) : null,
    pg.el("div", { class: "pg-side-text", dir: "auto" }, pg.el("span", { class: "pg-read", text: read }),
      ...(nCut > 0 ? [pg.el("span", { class: "pg-cut-line", text: pg.say("ranking.cut_here", { n: nCut }) }), pg.el("s", { class: "pg-unread", text: unread })] : [])));
}

function drawPair() {
  const card = $(".pg-pair-card");
  const { pair } = chosen;
  plots = plots.filter((plot) => {
    if (plot.name !== "background") return true;
    near.unobserve(plot.node);
    sized.unobserve(plot.node);
    if (window.Plotly && plot.node._fullLayout) window.Plotly.purge(plot.node);
    return false;
  });
  card.hidden = !pair;
  if (!pair) {
    card.replaceChildren();
    return;
  }
  const column = data.columns[pair.at];
  const title = `${nameOf(pair.a)} ↔ ${nameOf(pair.b)}`;
  card.setAttribute("aria-label", title);
  const values = ready().map(({ column: each, at }) => {
    const value = cosineOf(at, pair.a, pair.b);
    const inner = [
      pg.el("span", { class: "pg-pair-model", text: each.model }),
      pg.el("strong", { class: "pg-number", text: value === null ? "–" : `${pg.say("plot.cosine")} ${cosine(value)}` }),
      pg.el("span", { class: "pg-pair-place", text: value === null ? pg.say("embeddings.not_drawn") : beside(each, value, pair.kind) }),
    ];
    return ready().length > 1
      ? pg.el("li", {}, pg.el("button", { type: "button", class: "pg-pair-value", "aria-pressed": String(at === pair.at), data: { pair: at } }, ...inner))
      : pg.el("li", { class: "pg-pair-value" }, ...inner);
  });
  const plot = pg.el("div", { class: "pg-plot pg-pair-plot", role: "img", "aria-label": pg.say("embeddings.unrelated_label", { model: column.model }) });
  const value = cosineOf(pair.at, pair.a, pair.b);
  card.replaceChildren(
    pg.el("div", { class: "pg-pair-head" }, pg.el("h3", { text: title }),
      pair.kind === "query" && columnWithModes() >= 0 ? pg.el("button", { type: "button", class: "pg-button", id: "embeddings-pair-modes", data: { modes: "pair" } }, pg.el("span", { class: "pg-button-text", text: pg.say("modes.of_pair") })) : null,
      pg.el("button", { type: "button", class: "pg-button", id: "embeddings-pair-close", data: { close: "pair" } }, pg.el("span", { class: "pg-button-text", text: pg.say("export.close") }))),
    pg.el("ul", { class: "pg-pair-values" }, ...values),
    pg.el("div", { class: column.background && value !== null ? "pg-sides pg-three" : "pg-sides" }, side(pair.a, column), side(pair.b, column),
      column.background && value !== null ? pg.el("div", { class: "pg-side" }, pg.el("h4", { text: pg.say("embeddings.unrelated_title", { model: column.model }) }), plot) : null));
  if (column.background && value !== null) addPlot("background", pair.at, plot, () => withLine(column, pair.kind, value));
}

// The dotted line of the background's figure is its first shape.
function withLine(column, kind, value) {
  const figure = JSON.parse(column.background.figures[kind]);
  const { layout } = figure;
  const [low, high] = layout.xaxis.range;
  const margin = 0.03 * (high - low);
  layout.xaxis.range = [Math.min(low, value - margin), Math.max(high, value + margin)];
  Object.assign(layout.shapes[0], { x0: value, x1: value, visible: true });
  layout.height = 170;
  return figure;
}
