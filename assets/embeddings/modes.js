// One script with results.js, which begins and draws: the modes of bge-m3, how each ranks the passages and what it sees
// in one of them. Computed when asked for, in a pass of its own.

// `ranks` and `figure` belong to the run and column; `told`, `said` and `failed` to the passage that was asked for last.
let modes = { run: null, column: -1, place: -1, ranks: null, figure: null, told: null, said: null, failed: null };
const MODES = ["dense", "sparse", "colbert"];

const columnWithModes = () => data.columns.findIndex((column) => column.ready && column.modes);

function askModes(place) {
  const column = columnWithModes();
  Object.assign(modes, { column, place, told: null, failed: null, said: { key: "run.start", tone: "muted", bar: { done: 0, total: 0 } } });
  trigger("modesasked", { run: data.nonce, column, place, ranked: Boolean(modes.ranks) });
  drawModes();
}

function drawModes() {
  const column = columnWithModes(), part = $('[data-part="modes"]');
  part.hidden = column < 0;
  if (column < 0) return;
  if (modes.run !== data.nonce || modes.column !== column) modes = { run: data.nonce, column, place: -1 };
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  // One node for as long as the figure is the same: a new one would be drawn anew at every step.
  const plot = modes.figure ? (modes.plot ||= pg.el("div", { class: "pg-plot pg-modes-plot", role: "img" })) : null;
  plot?.setAttribute("aria-label", pg.say("modes.plot_label"));
  part.querySelector("section").replaceChildren(
    pg.el("h3", { text: pg.say("modes.title", { model: data.columns[column].model }) }),
    pg.el("p", { class: "pg-muted pg-explains", text: pg.say("modes.hint") }),
    pg.el("div", { class: "pg-modes-head" }, modes.ranks || modes.said ? passageBox() : button("modes.compare", "modes-compare", () => askModes(bestPlace(column)))),
    ...status(),
    ...(plot ? [pg.el("h4", { text: pg.say("modes.ranks") }), plot] : []),
    ...(modes.ranks && modes.place >= 0 ? [pg.el("p", { class: "pg-modes-places", text: pg.say("modes.places", { n: String(modes.place + 1), ...Object.fromEntries(MODES.map((mode) => [mode, modes.ranks[mode][modes.place]])), total: data.passages.length }) })] : []),
    ...(modes.told ? [three(modes.told)] : []));
  if (plot) window.playgroundFigures.show(plot, modes.figure, (node) => chosenLine(node));
  if (focused.startsWith("embeddings-modes")) document.getElementById(focused)?.focus({ preventScroll: true });
}

const button = (key, id, act) => pg.el("button", { type: "button", class: "pg-button", id: `embeddings-${id}`, on: { click: act } }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
const bestPlace = (column) => data.columns[column].ranks.indexOf(1);

function passageBox() {
  const options = data.passages.map(({ text }, place) => pg.el("option", { value: place, selected: place === modes.place, text: `${place + 1} · ${Array.from(text.replace(/\s+/gu, " ")).slice(0, 60).join("")}` }));
  return pg.el("label", { class: "pg-choice" }, pg.el("span", { class: "pg-choice-name", text: pg.say("modes.passage") }),
    pg.el("select", { id: "embeddings-modes-passage", on: { change: (event) => askModes(Number(event.target.value)) } }, ...options));
}

function status() {
  const said = modes.failed || modes.said;
  if (!said) return [];
  return [pg.el("div", { class: "pg-modes-status", role: "status" }, pg.el("p", { class: `pg-phrase pg-${said.tone || "muted"}`, text: pg.phrase(said) }), said.bar ? pg.bar(said.bar) : null,
    pg.el("div", {}, modes.failed ? button("explained.again", "modes-again", () => askModes(modes.place)) : button("run.stop", "modes-stop", () => trigger("modesstopped", {}))))];
}

const three = (told) => pg.el("div", { class: "pg-three-modes" }, ...MODES.map((mode) => told.parts.find((part) => part.mode === mode)).filter(Boolean)
  .map((part) => window.playgroundExplained.part(told, part, true)));

// The passage that is looked at stands out; a click on another line looks at that. A phone has no room for the texts.
function chosenLine(node) {
  const narrow = node.clientWidth < NARROW && node.layout.yaxis.ticktext.some((text) => text.includes(" "));
  if (narrow) {
    const words = { "annotations[0].x": 0, "annotations[0].xanchor": "left", "annotations[0].align": "left" };
    window.Plotly.relayout(node, { "yaxis.ticktext": node.layout.yaxis.ticktext.map((text) => text.split(" ")[0]), ...words }).then(() => chosenLine(node));
    return;
  }
  node.querySelectorAll(".scatterlayer > .trace").forEach((line, at) => { line.style.opacity = node.data[at]?.customdata?.[0] === modes.place ? "" : "0.4"; });
  if (node.modesHeard || !node.on) return;
  node.modesHeard = true;
  node.on("plotly_click", (event) => { const place = event.points[0]?.customdata; if (Number.isInteger(place) && place !== modes.place) askModes(place); });
}

function modesOfPair(pair) {
  closePair();
  askModes(pair.b);
  $('[data-part="modes"]').scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth" });
  document.getElementById("embeddings-modes-passage")?.focus({ preventScroll: true });
}

window.playgroundEmbeddings = {
  // An answer of the server about one passage: {said}, {ranks, figure}, {told} as text or {failed}.
  modes({ run, column, place, said, ranks, figure, told, failed }) {
    if (!data || run !== modes.run || column !== modes.column) return;
    if (ranks) Object.assign(modes, { ranks, figure });
    if (place === modes.place) Object.assign(modes, failed ? { failed, said: null } : told ? { told: JSON.parse(told), said: null } : said ? { said } : {});
    drawModes();
  },
};
