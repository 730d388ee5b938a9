// The panel's heart: the pairs, the line, and everything that is counted when the line moves. It asks the server nothing.
// The other parts of the panel (cards, list, folds) and of the page reach it through `window.playgroundThreshold`.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const figures = window.playgroundFigures;
const UNITS = ["logit", "log-odds"];
// As the style sheet draws it.
const THUMB_PIXELS = 20;

let data = null;
// `origin` is the name of the saved threshold that stands here, until the line is moved.
const UNSET = { threshold: null, method: "by-hand", parameter: null, interval: null, origin: null };
let line = { ...UNSET };
// Nobody moved the line yet: it follows what is suggested.
let untouched = true;
let last = null;

// ---- counting -------------------------------------------------------------------------------------------------------

const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

// Scores in ascending order, and how many of those before each place are relevant.
function decode(value) {
  const scores = new Float64Array(bytes(value.scores).buffer);
  const bits = bytes(value.relevant);
  const below = new Uint32Array(scores.length + 1);
  for (let at = 0; at < scores.length; at += 1) below[at + 1] = below[at] + ((bits[at >> 3] >> (at & 7)) & 1);
  return { ...value, pairs: scores, below, n: scores.length, n_relevant: below[scores.length] };
}

const isRelevant = (at) => data.below[at + 1] > data.below[at];

// The first place that is kept: a passage is kept where its score is at or over the threshold.
function placeOf(threshold) {
  let low = 0, high = data.n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (data.pairs[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

function counts(threshold) {
  const place = placeOf(threshold), fn = data.below[place], tp = data.n_relevant - fn;
  return { tp, fp: data.n - place - tp, fn, tn: place - fn };
}

function ratios({ tp, fp, fn, tn }) {
  const part = (one, whole) => (whole ? one / whole : null);
  return { precision: part(tp, tp + fp), recall: part(tp, tp + fn), fpr: part(fp, fp + tn), f1: tp + fn ? (2 * tp) / (2 * tp + fp + fn) : null };
}

function current() {
  if (!data || line.threshold === null) return null;
  const found = counts(line.threshold), { precision, recall } = ratios(found);
  return {
    ...line, precision, recall, n_kept: found.tp + found.fp, n_dropped: found.fn + found.tn, n_pairs: data.n, n_relevant: data.n_relevant,
    n_queries: data.n_queries, set_id: data.set_id, scorer: data.scorer, scale: data.scale.name,
  };
}

// ---- numbers in words -----------------------------------------------------------------------------------------------

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const rawName = () => (data.scale.name === "bm25" ? "BM25" : pg.say(`ranking.raw_${data.scale.name}`).toLowerCase());
const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(value === 1 || value === 0 ? 0 : 1)}\u00a0%`);
// As many decimals as tell the thresholds of this axis apart, more where the number has them.
function exact(value) {
  if (value === null || value === undefined) return "–";
  const brief = value.toFixed(data.axis.decimals);
  const text = Number(brief) === value || placeOf(Number(brief)) === placeOf(value) ? brief : String(value);
  return text.replace("-", "\u2212");
}

// A score, not a cut: short, since nothing depends on its last digits.
const short = (value) => value.toFixed(data.axis.decimals + 1).replace("-", "\u2212");

// ---- the line -------------------------------------------------------------------------------------------------------

function onGrid(value) {
  const { low, high, step, decimals } = data.axis;
  return Math.max(low, Math.min(high, Number((Math.round(value / step) * step).toFixed(decimals))));
}

function set(threshold, { method = "by-hand", parameter = null, interval = null, origin = null } = {}) {
  if (!data || (threshold !== null && !Number.isFinite(threshold))) return;
  line = { threshold, method, parameter, interval, origin };
  untouched = false;
  moved();
}

let waiting = 0;
function moved() {
  waiting = waiting || requestAnimationFrame(() => {
    waiting = 0;
    if (data) paint();
  });
}

// Where the line stands at first: at what is suggested, or nowhere; the same model on the same set keeps it.
function settle() {
  const { start } = data;
  const same = last && last.set_id === data.set_id && last.scorer === data.scorer;
  last = { set_id: data.set_id, scorer: data.scorer };
  if (!same || untouched) {
    line = start ? { ...UNSET, threshold: start.value, method: start.method, parameter: start.parameter } : { ...UNSET };
    untouched = true;
    return;
  }
  const { suggestions } = data;
  const again = suggestions.find((one) => one.method === line.method && one.parameter === line.parameter);
  // The labels changed: what was suggested is not what stands here.
  if (line.method !== "by-hand" && again && again.value !== line.threshold) line = { ...line, method: "by-hand", parameter: null, interval: null };
}

// ---- the distributions under the line -------------------------------------------------------------------------------

const plot = () => $(".pg-lab-plot .pg-plot");
const across = (full, value) => full.xaxis._offset + full.xaxis.l2p(value);
const inside = (value) => Math.max(data.axis.low, Math.min(data.axis.high, value));

function stretch(node, full, from, to) {
  const left = across(full, inside(from)), right = across(full, inside(to));
  Object.assign(node.style, { left: `${left}px`, width: `${Math.max(2, right - left)}px`, top: `${full.yaxis._offset}px`, height: `${full.yaxis._length}px` });
  node.hidden = false;
}

// The slider's thumb stands under the line: half of it is over either end of what the thumb's middle can reach.
function alignSlider(full) {
  const { low, high } = data.axis, left = across(full, low), right = across(full, high);
  Object.assign($("#threshold-threshold").style, { marginLeft: `${left - THUMB_PIXELS / 2}px`, width: `${right - left + THUMB_PIXELS}px` });
}

function paintPlot() {
  const full = figures.axes(plot());
  const shade = $(".pg-lab-shade"), band = $(".pg-lab-band"), mark = $(".pg-lab-line"), overlap = $(".pg-lab-overlap");
  for (const node of [shade, band, mark, overlap]) node.hidden = true;
  if (!full) return;
  alignSlider(full);
  if (line.threshold === null) {
    if (data.overlap) stretch(overlap, full, data.overlap[0], data.overlap[1]);
    overlap.firstElementChild.textContent = pg.say("panel.overlap_here");
    return;
  }
  const at = inside(line.threshold);
  if (line.interval) {
    stretch(band, full, line.interval[0], line.interval[1]);
    band.title = pg.say("panel.band_title");
  }
  stretch(shade, full, data.axis.low, at);
  Object.assign(mark.style, { left: `${across(full, at)}px`, top: `${full.yaxis._offset - 6}px`, height: `${full.yaxis._length + 6}px` });
  mark.hidden = false;
  const flag = mark.querySelector(".pg-lab-flag");
  flag.textContent = exact(line.threshold);
  flag.classList.toggle("pg-lab-flip", across(full, at) > full.width - 90);
}

// ---- the numbers ----------------------------------------------------------------------------------------------------

function figureBox(name, value, words) {
  return pg.el("div", { class: "pg-lab-figure", data: { number: name } },
    pg.el("dt", { text: pg.say(`panel.${name}`) }), pg.el("dd", {}, pg.el("strong", { text: share(value) }), words ? pg.el("span", { text: words }) : null));
}

function drawNumbers() {
  const box = $(".pg-lab-numbers");
  if (line.threshold === null) {
    box.replaceChildren(pg.el("div", { class: "pg-lab-noline" },
      pg.el("p", { text: pg.say(data.refuses ? `panel.refused_${data.verdict.kind.replaceAll("-", "_")}` : "panel.no_line") }), overlapTable(),
      pg.el("button", { type: "button", class: "pg-button", id: "threshold-place", on: { click: place } }, pg.el("span", { class: "pg-button-text", text: pg.say("panel.place") }))));
    return;
  }
  const found = counts(line.threshold), { tp, fp, fn, tn } = found, { precision, recall, f1 } = ratios(found);
  const cell = (name, n) => pg.el("td", { class: `pg-lab-cell pg-lab-${name}`, data: { cell: name } },
    pg.el("strong", { text: pg.number(n) }), pg.el("span", { text: pg.say(`panel.cell_${name}`) }));
  box.replaceChildren(
    pg.el("dl", { class: "pg-lab-figures" },
      figureBox("precision", precision, precision === null ? pg.say("panel.nothing_kept") : pg.say("panel.precision_says", { n: tp, kept: tp + fp })),
      figureBox("recall", recall, recall === null ? pg.say("panel.none_relevant") : pg.say("panel.recall_says", { n: tp, all: tp + fn })),
      figureBox("f1", f1, "")),
    pg.el("table", { class: "pg-lab-confusion" },
      pg.el("caption", { text: pg.say("panel.kept_dropped", { kept: tp + fp, dropped: fn + tn, n: data.n }) }),
      pg.el("thead", {}, pg.el("tr", {}, pg.el("td", {}), ...["kept", "dropped"].map((name) => pg.el("th", { scope: "col", text: pg.say(`panel.${name}`) })))),
      pg.el("tbody", {},
        pg.el("tr", {}, pg.el("th", { scope: "row", text: pg.say("ranking.relevant") }), cell("tp", tp), cell("fn", fn)),
        pg.el("tr", {}, pg.el("th", { scope: "row", text: pg.say("ranking.not_relevant") }), cell("fp", fp), cell("tn", tn)))));
}

// How many of each kind lie in the overlap, instead of a number that would not hold.
function overlapTable() {
  if (!data.overlap) return null;
  const from = placeOf(data.overlap[0]), to = data.pairs.findLastIndex((score) => score <= data.overlap[1]) + 1;
  const relevant = data.below[to] - data.below[from], other = to - from - relevant;
  const row = (kind, n, whole) => pg.el("tr", {}, pg.el("th", { scope: "row", text: pg.say(kind) }), pg.el("td", { class: "pg-lab-cell" }, pg.el("strong", { text: pg.number(n) }), pg.el("span", { text: pg.say("panel.of_all", { n: whole }) })));
  return pg.el("table", { class: "pg-lab-confusion" }, pg.el("caption", { text: pg.say("panel.in_overlap", { low: short(data.overlap[0]), high: short(data.overlap[1]) }) }),
    pg.el("tbody", {}, row("ranking.relevant", relevant, data.n_relevant), row("ranking.not_relevant", other, data.n - data.n_relevant)));
}

// A line for those who want one all the same, and for those who cannot point into the picture.
function place() {
  const [low, high] = data.overlap || [data.pairs[0], data.pairs[data.n - 1]];
  set(onGrid((low + high) / 2));
  $("#threshold-threshold").focus();
}

// How a threshold was chosen; a share in percent.
function how({ method, parameter, origin = null }) {
  if (origin !== null) return pg.say("panel.from_saved", { name: origin });
  if (method === "by-hand") return pg.say("panel.by_hand");
  return pg.say(`panel.how_${method.replace("-", "_")}`, { parameter: String(["precision", "recall"].includes(method) ? Number((100 * parameter).toFixed(2)) : parameter) });
}

// The line in words: its value, what that is as a sigmoid, how it was chosen.
function inWords() {
  const squeezed = UNITS.includes(data.scale.name) ? pg.say("panel.in_sigmoid", { value: sigmoid(line.threshold).toFixed(3) }) : "";
  return { value: exact(line.threshold), unit: rawName(), squeezed, how: how(line) };
}

function drawValue() {
  const big = $(".pg-lab-big"), unit = $(".pg-lab-unit");
  const { threshold } = line;
  if (threshold === null) {
    big.replaceChildren(pg.el("strong", { class: "pg-muted", text: "–" }));
    unit.textContent = pg.say("panel.line_unset");
    return;
  }
  const said = inWords();
  big.replaceChildren(pg.el("strong", { text: said.value }), pg.el("span", { text: ` ${said.unit}` }));
  unit.textContent = [said.squeezed, said.how].filter(Boolean).join(" · ");
}

function paintSlider() {
  const slider = $("#threshold-threshold"), box = $("#threshold-threshold-exact"), { threshold } = line;
  const { low, high } = data.axis;
  const shown = threshold === null ? (low + high) / 2 : inside(threshold);
  if (Number(slider.value) !== shown) slider.value = shown;
  if (document.activeElement !== box || box.value === "") box.value = threshold === null ? "" : exact(threshold).replace("\u2212", "-");
  $(".pg-lab-slide").classList.toggle("pg-lab-unset", threshold === null);
  slider.style.setProperty("--share", (shown - low) / (high - low || 1));
  const found = threshold === null ? null : counts(threshold), parts = found && ratios(found);
  slider.setAttribute("aria-valuetext", found
    ? `${exact(threshold)} ${rawName()}. ${pg.say("panel.spoken", { kept: found.tp + found.fp, total: data.n, precision: share(parts.precision), recall: share(parts.recall) })}`
    : pg.say("panel.line_unset"));
}

// Everything that moves with the line.
function paint() {
  drawValue();
  drawNumbers();
  paintSlider();
  paintPlot();
  document.dispatchEvent(new CustomEvent("playground:threshold"));
}

// ---- everything -----------------------------------------------------------------------------------------------------

function drawVerdict() {
  const box = $(".pg-lab-verdict"), { verdict } = data;
  box.className = `pg-lab-verdict pg-lab-tone-${verdict.tone}`;
  const [first, ...rest] = verdict.says;
  // The verdict stands before the colon, what it is made of behind it.
  const [head, tail] = first ? pg.phrase(first).split(/(?<=[:：])\s*(.*)/su) : [""];
  box.replaceChildren(
    pg.svg({ good: "M20 6 9 17l-5-5", warn: "M12 8v5m0 3.5v.1M10.3 4 2.5 18a2 2 0 0 0 1.7 3h15.6a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0z", bad: "M18 6 6 18M6 6l12 12", muted: "M12 16v-5m0-3.5v-.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z" }[verdict.tone], 22),
    pg.el("div", {},
      pg.el("p", { class: "pg-lab-says", text: tail ? head.replace(/[:：]$/u, "") : head }),
      tail ? pg.el("p", { text: tail.charAt(0).toUpperCase() + tail.slice(1) }) : null,
      ...rest.map((item) => pg.el("p", { text: pg.phrase(item) })),
      ...verdict.next.map((item) => pg.el("p", { class: "pg-lab-next" }, pg.el("b", { text: `${pg.say("panel.next")} ` }), document.createTextNode(pg.phrase(item))))));
}

function drawKey() {
  const item = (kind, n) => pg.el("span", { class: `pg-lab-key-${kind}` }, pg.el("i", { "aria-hidden": "true" }), document.createTextNode(pg.say(`panel.n_${kind}`, { n })));
  $(".pg-lab-key").replaceChildren(item("relevant", data.n_relevant), item("not", data.n - data.n_relevant));
}

// Under a figure as a file: of which pairs it is, and where the line stands.
const caption = () => [pg.setName(data.set_id, data.set_name), data.model, ...(line.threshold === null ? [] : [`${pg.say("ranking.threshold")} ${exact(line.threshold)} ${rawName()}`])].join(" · ");

function drawFiles() {
  const title = pg.say("panel.distributions");
  $(".pg-lab-files").replaceChildren(figures.buttons(title, (format) => figures.save(plot(), {
    format, name: "threshold", width: Math.max(720, plot().clientWidth), title, caption: caption(), legend: true,
    mark: line.threshold === null ? null : { x: inside(line.threshold), text: exact(line.threshold) },
  })));
}

function drawStatic() {
  $("#threshold-threshold-name").textContent = pg.say("ranking.threshold");
  $(".pg-lab-help").textContent = pg.say("panel.drag_help");
  $(".pg-lab-aside").replaceChildren(...data.left_out.map((item) => pg.el("span", { text: pg.phrase(item) })));
  const slider = $("#threshold-threshold"), { low, high, step } = data.axis;
  Object.assign(slider, { min: low, max: high, step });
  $("#threshold-threshold-exact").setAttribute("aria-label", pg.say("ranking.threshold_exact"));
  drawVerdict();
  drawKey();
  drawFiles();
}

function drawEmpty(value) {
  $(".pg-empty").replaceChildren(
    pg.el("div", { class: "pg-lab-art", "aria-hidden": "true" }, ...[1, 2, 4, 3, 2, 1, 2, 4, 6, 3, 1].map((height, at) => pg.el("span", { class: at > 5 ? "pg-lab-art-yes" : "", style: { height: `${height * 9}px` } }))),
    pg.el("h2", { text: pg.say("panel.empty_title") }),
    ...((value && value.says) || []).map((item) => pg.el("p", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })),
    pg.el("p", { class: "pg-hint", text: pg.say("panel.empty_hint") }));
}

let seen = null;
function draw() {
  const { value } = props;
  const there = Boolean(value && value.scores);
  $(".pg-empty").hidden = there;
  $(".pg-lab-all").hidden = !there;
  if (!there) {
    data = null;
    seen = null;
    last = null;
    untouched = true;
    line = { ...UNSET };
    drawEmpty(value);
    document.dispatchEvent(new CustomEvent("playground:pairs"));
    document.dispatchEvent(new CustomEvent("playground:threshold"));
    return;
  }
  if (seen !== value.nonce) {
    data = decode(value);
    settle();
    trigger("shown", { token: data.token });
  }
  seen = value.nonce;
  drawStatic();
  document.dispatchEvent(new CustomEvent("playground:pairs"));
  paint();
  figures.show(plot(), data.distribution, paintPlot);
}

// ---- by hand --------------------------------------------------------------------------------------------------------

const stage = $(".pg-lab-plot");
let dragging = null;
function valueAt(event) {
  const full = figures.axes(plot());
  return full ? onGrid(full.xaxis.p2l(event.clientX - plot().getBoundingClientRect().left - full.xaxis._offset)) : null;
}
stage.addEventListener("pointerdown", (event) => {
  if (!data || event.button || !figures.axes(plot())) return;
  dragging = event.pointerId;
  stage.setPointerCapture(event.pointerId);
  stage.classList.add("pg-lab-dragging");
  set(valueAt(event));
});
stage.addEventListener("pointermove", (event) => {
  if (data && dragging === event.pointerId) set(valueAt(event));
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  stage.addEventListener(name, () => {
    dragging = null;
    stage.classList.remove("pg-lab-dragging");
  });
}
element.addEventListener("input", (event) => {
  if (!data || event.target.value === "") return;
  if (event.target.id === "threshold-threshold") set(onGrid(Number(event.target.value)));
  else if (event.target.id === "threshold-threshold-exact" && Number.isFinite(Number(event.target.value))) set(Number(event.target.value));
});

// Answers may come late or twice: each part takes the last one that belongs to the pairs on the page.
function answers() {
  let kept = [];
  return (value) => {
    if (value && value.token) kept = [value, ...kept.filter((each) => each.token !== value.token)].slice(0, 4);
    return (data && kept.find((each) => each.token === data.token)) || null;
  };
}

window.playgroundThreshold = {
  answers,
  get threshold() { return data ? line.threshold : null; },
  get data() { return data; },
  get line() { return line; },
  set, current, inWords, how, counts, ratios, exact, short, share, rawName, isRelevant, placeOf, sigmoid, caption,
  // What the server puts on the line: a saved threshold.
  take(saved) {
    set(saved.value, { origin: saved.name });
    document.querySelector("#threshold-tab-panel-button")?.click();
  },
  // The band arrives after the line: it belongs to it only while nobody moved it.
  band(method, parameter, interval) {
    if (line.method !== method || line.parameter !== parameter || line.method === "by-hand") return;
    line = { ...line, interval };
    moved();
  },
};

pg.redrawOnSwitch(element, draw);
watch("value", draw);
pg.askUntil(element, () => props.value);
