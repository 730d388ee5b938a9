// The folds under the list: curves, queries one by one, calibration, queries without a good answer. Drawn when opened.
const pg = window.playground;
const figures = window.playgroundFigures;
const panel = () => window.playgroundThreshold;
const FOLDS = ["curves", "queries", "calibration", "abstention"];
const chosen = { method: "platt" };
const root = () => element.querySelector(".pg-lab-folds");
const fold = (name) => root().querySelector(`[data-fold="${name}"]`);
const inner = (name) => fold(name).querySelector(".pg-lab-fold-body");
let drawnFor = {};
let mine = null;
const answer = () => {
  mine = mine || panel()?.answers();
  return mine ? mine(props.value) : null;
};

const paragraphs = (items, kind = "") => items.map((item) => pg.el("p", { class: kind, text: pg.phrase(item) }));
const three = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));

// A plot with what our script lays over it, the dot or the line of the present threshold, and the buttons that save both.
function figure(name, title, hint, drawing, over) {
  const node = pg.el("div", { class: "pg-plot", role: "img", "aria-label": title });
  const marks = pg.el("div", { class: `pg-lab-over pg-lab-over-${over}`, "aria-hidden": "true", hidden: true });
  const save = (format) => figures.save(node, {
    format, name: name.replaceAll("_", "-"), width: Math.max(560, node.clientWidth), title, caption: panel().caption(), mark: over === "none" ? null : markOf(name, figures.axes(node)),
  });
  const head = pg.el("div", { class: "pg-lab-figure-head" }, pg.el("h4", { text: title }), figures.buttons(title, save));
  return { name, drawing, node, marks, card: pg.el("div", { class: "pg-lab-figure-card", data: { figure: name } }, head, hint ? pg.el("p", { class: "pg-hint", text: hint }) : null,
    pg.el("div", { class: "pg-lab-stage" }, node, marks)) };
}

let drawn = [];
function plot(made) {
  drawn = drawn.filter((one) => one.node.isConnected && one.name !== made.name);
  drawn.push(made);
  figures.show(made.node, made.drawing, () => place(made));
}

// Where the present threshold is on a figure, in the units of its axes: {x, y} for a dot, one of them for a line.
function markOf(name, full) {
  const { threshold } = panel();
  if (!full || threshold === null) return null;
  const within = (axis) => Math.max(Math.min(...axis.range), Math.min(Math.max(...axis.range), threshold));
  if (name === "first_relevant") return { y: within(full.yaxis) };
  if (name !== "precision_recall" && name !== "roc") return { x: within(full.xaxis) };
  const { fpr, recall, precision } = panel().ratios(panel().counts(threshold)), [x, y] = name === "roc" ? [fpr, recall] : [recall, precision];
  return x === null || y === null ? null : { x, y };
}

function place({ name, node, marks }) {
  const full = figures.axes(node), mark = node.isConnected && markOf(name, full);
  marks.hidden = !mark;
  if (!mark) return;
  const { xaxis, yaxis } = full, left = mark.x === undefined ? null : `${xaxis._offset + xaxis.l2p(mark.x)}px`, top = mark.y === undefined ? null : `${yaxis._offset + yaxis.l2p(mark.y)}px`;
  Object.assign(marks.style, left && top ? { left, top } : top ? { left: `${xaxis._offset}px`, width: `${xaxis._length}px`, top } : { left, top: `${yaxis._offset}px`, height: `${yaxis._length}px` });
}

// ---- curves ---------------------------------------------------------------------------------------------------------

function curves(found) {
  const made = [];
  if (found.precision_recall) made.push(figure("precision_recall", pg.say("panel.pr_title", { area: three(found.ap) }), pg.say("panel.pr_hint"), found.precision_recall, "dot"));
  if (found.roc) made.push(figure("roc", pg.say("panel.roc_title", { area: three(found.auc) }), pg.say("panel.roc_hint"), found.roc, "dot"));
  if (found.first_relevant) made.push(figure("first_relevant", pg.say("panel.first_title"), pg.say("panel.first_hint"), found.first_relevant, "across"));
  return { nodes: [...paragraphs(found.reason ? [found.reason] : []), pg.el("div", { class: "pg-lab-grid" }, ...made.map((one) => one.card))], made };
}
const curvesLine = (found) => (found.reason ? pg.phrase(found.reason) : pg.say("panel.curves_line", { ap: three(found.ap), auc: three(found.auc) }));

// ---- queries --------------------------------------------------------------------------------------------------------

function rates(rows) {
  return pg.el("table", { class: "pg-lab-small" },
    pg.el("thead", {}, pg.el("tr", {}, pg.el("td", {}), ...["precision", "recall", "f1"].map((name) => pg.el("th", { scope: "col", text: pg.say(`panel.${name}`) })))),
    pg.el("tbody", {}, ...rows.map(([key, one]) => pg.el("tr", { data: { rates: key } }, pg.el("th", { scope: "row", text: pg.say(`panel.${key}`) }),
      ...["precision", "recall", "f1"].map((name) => pg.el("td", { text: panel().share(one[name]) }))))));
}

function queries(found) {
  if (found.reason) return { nodes: paragraphs([found.reason]), made: [] };
  const made = found.figure ? [figure("level_by_query", pg.say("panel.level_title"), pg.say("panel.level_hint"), found.figure, "down")] : [];
  return { nodes: [
    ...paragraphs(found.says), found.pooled && found.oracle ? rates([["one_for_all", found.pooled], ["one_each", found.oracle]]) : null,
    found.pooled && found.oracle ? pg.el("p", { class: "pg-hint", text: pg.say("panel.oracle_hint", { cut: panel().exact(found.threshold) }) }) : null,
    found.measures.length ? spreads(found.measures) : null, ...made.map((one) => one.card)].filter(Boolean), made };
}
function spreads(list) {
  const chance = (p) => (p === null ? "p = –" : p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);
  return pg.el("ul", { class: "pg-lab-needs pg-hint" }, ...list.map((one) => pg.el("li", { text: pg.say(`panel.spread_${one.name}`, {
    said: one.share === null ? pg.phrase(one.reason) : pg.say("panel.spread", { share: (100 * one.share).toFixed(0), p: chance(one.p) }),
  }) })));
}
const queriesLine = (found) => (found.reason ? pg.phrase(found.reason) : found.says.length ? pg.phrase(found.says[found.says.length - 1]) : "");

// ---- calibration ----------------------------------------------------------------------------------------------------

function bins(list) {
  const heads = ["bin", "bin_n", "bin_relevant", "bin_mean", "bin_share"];
  return pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": pg.say("panel.bins") }, pg.el("table", { class: "pg-lab-small pg-lab-bins" }, pg.el("caption", { text: pg.say("panel.bins") }),
    pg.el("thead", {}, pg.el("tr", {}, ...heads.map((name) => pg.el("th", { scope: "col", text: pg.say(`panel.${name}`) })))),
    pg.el("tbody", {}, ...list.map((one) => pg.el("tr", {}, pg.el("th", { scope: "row", text: `${one.low.toFixed(2)} – ${one.high.toFixed(2)}` }),
      ...[pg.number(one.n), pg.number(one.n_relevant), one.n ? one.mean.toFixed(2) : "–", one.n ? `${(100 * one.share).toFixed(0)} % (${(100 * one.share_low).toFixed(0)}–${(100 * one.share_high).toFixed(0)})` : "–"].map((text) => pg.el("td", { text })))))));
}

function calibration(both) {
  const found = both[chosen.method];
  const choice = pg.el("div", { class: "pg-lab-choice" }, pg.el("span", { class: "pg-segments", role: "group", "aria-label": pg.say("panel.calibration") }, ...["platt", "isotonic"].map((method) => pg.el("button", {
    type: "button", text: pg.say(`panel.${method}`), "aria-pressed": String(method === chosen.method), data: { calibrate: method } }))), pg.el("span", { class: "pg-hint", text: pg.say(`panel.${chosen.method}_hint`) }));
  if (found.reason) return { nodes: [choice, ...paragraphs([found.reason]), ...paragraphs(found.warnings, "pg-hint")], made: [] };
  const made = found.figure ? [figure(`reliability_${chosen.method}`, pg.say("panel.reliability"), pg.say("panel.reliability_hint"), found.figure, "none")] : [];
  return { nodes: [choice,
    pg.el("p", { class: "pg-lab-probability", data: { probability: "" } }),
    pg.el("p", { text: pg.say("panel.brier", { brier: three(found.brier), base: three(found.base_brier), folds: found.n_folds }) + (found.sigmoid_brier === null ? "" : ` ${pg.say("panel.brier_sigmoid", { brier: three(found.sigmoid_brier) })}`) }),
    ...paragraphs(found.warnings, "pg-hint"), pg.el("div", { class: "pg-lab-grid" }, ...made.map((one) => one.card), bins(found.bins))], made };
}
const calibrationLine = (both) => {
  const found = both[chosen.method];
  return found.reason ? pg.phrase(found.reason) : pg.say("panel.calibration_line", { brier: three(found.brier), base: three(found.base_brier), n: found.n_pairs });
};

// As the analysis: Platt's line through a sigmoid, or straight between the knots of the isotonic fit.
function probability(found, score) {
  if (found.slope !== null) return panel().sigmoid(found.slope * score + found.intercept);
  const { x, y } = found;
  if (!x.length) return null;
  if (score <= x[0]) return y[0];
  if (score >= x[x.length - 1]) return y[y.length - 1];
  const above = x.findIndex((each) => each >= score);
  return y[above - 1] + ((y[above] - y[above - 1]) * (score - x[above - 1])) / (x[above] - x[above - 1]);
}

function tellProbability() {
  const line = root().querySelector("[data-probability]"), found = answer()?.calibration?.[chosen.method];
  if (!line || !found || found.reason) return;
  const { threshold } = panel();
  const value = threshold === null ? null : probability(found, threshold);
  line.textContent = value === null ? pg.say("panel.fitted_on", { n: found.n_pairs, queries: found.n_queries })
    : pg.say("panel.probability_here", { value: panel().exact(threshold), percent: (100 * value).toFixed(0), n: found.n_pairs, queries: found.n_queries });
}

// ---- no good answer -------------------------------------------------------------------------------------------------

function abstention(found) {
  if (found.reason) return { nodes: [...paragraphs([found.reason]), ...paragraphs(found.warnings, "pg-hint")], made: [] };
  const made = found.figure ? [figure("abstention", pg.say("panel.abstention_title"), pg.say("panel.abstention_hint"), found.figure, "down")] : [];
  return { nodes: [...paragraphs(found.warnings, "pg-hint"), ...made.map((one) => one.card)], made };
}
const abstentionLine = (found) => {
  if (found.reason) return pg.phrase(found.reason);
  if (found.auc === null) return pg.say("panel.abstention_counts", { with: found.n_with, without: found.n_without });
  const band = found.low === null ? "" : pg.say("panel.abstention_band", { low: found.low.toFixed(2), high: found.high.toFixed(2) });
  return pg.say("panel.abstention_line", { auc: found.auc.toFixed(2), with: found.n_with, without: found.n_without, band });
};

// ---- everything -----------------------------------------------------------------------------------------------------

const MAKE = { curves: [curves, curvesLine], queries: [queries, queriesLine], calibration: [calibration, calibrationLine], abstention: [abstention, abstentionLine] };
const TITLES = { curves: "panel.curves", queries: "panel.queries", calibration: "panel.calibration", abstention: "panel.abstention" };

function drawFold(name) {
  const value = answer()?.[name], box = fold(name);
  box.querySelector(".pg-lab-fold-name").textContent = pg.say(TITLES[name]);
  box.querySelector(".pg-lab-fold-line").textContent = value ? MAKE[name][1](value) : pg.say("panel.computing");
  if (!box.open) return;
  const key = `${panel().data.token} ${pg.language} ${chosen.method} ${Boolean(value)}`;
  if (drawnFor[name] === key) return;
  drawnFor[name] = key;
  if (!value) {
    inner(name).replaceChildren(pg.el("p", { class: "pg-hint", text: pg.say("panel.computing") }));
    return;
  }
  const { nodes, made } = MAKE[name][0](value);
  inner(name).replaceChildren(...nodes);
  for (const one of made) plot(one);
  tellProbability();
}

function draw() {
  const there = Boolean(answer());
  root().hidden = !there;
  if (!there) {
    drawnFor = {};
    return;
  }
  for (const name of FOLDS) drawFold(name);
}

function moved() {
  if (!panel()?.data || root().hidden) return;
  for (const one of drawn) if (one.node.isConnected && !one.name.startsWith("reliability")) place(one);
  if (fold("calibration").open) tellProbability();
}

for (const name of FOLDS) fold(name).addEventListener("toggle", () => { if (panel()?.data && !root().hidden) drawFold(name); });
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-calibrate]");
  if (!button) return;
  chosen.method = button.dataset.calibrate;
  drawFold("calibration");
  root().querySelector(`button[data-calibrate="${chosen.method}"]`).focus();
});
pg.hear(element, "playground:pairs", draw);
pg.hear(element, "playground:threshold", moved);
pg.redrawOnSwitch(element, draw);
watch("value", draw);
