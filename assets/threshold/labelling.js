// The labelling flow: one pair at a time, without scores. The next pair is on the screen at once; answers go to the server
// one by one behind it, and a pair whose answer was refused comes back. All text of a user enters by textContent.
const pg = window.playground;
const labels = window.playgroundLabels;
const $ = (selector) => element.querySelector(selector);
const ROUND = 20, ASK_AT = 12, ORDER = "rerank-playground-labelling-order";
const UNDO = ["z", "backspace"];

let data = null;
// How it is gone about: kept over sets; `which` is chosen anew for a set in which nothing is left.
const chosen = { order: "shuffled", which: "left", set: null };
try { if (localStorage.getItem(ORDER) === "borderline") chosen.order = "borderline"; } catch { /* storage may be blocked */ }

// The walk: `pairs` by their number in it, `next` the first that was not shown yet, `back` those that came back, `given`
// the answers that stand. A round is {from, ms}: how many answers stood when it began, and for how long it is shown.
let walk = null;
let screen = "start";
let dirty = false, ticking = 0;

const round = () => walk.rounds.at(-1);
const inRound = () => walk.given.length - round().from;
const roundSize = () => Math.min(ROUND, walk.total - round().from);
const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
const visible = () => element.isConnected && element.getClientRects().length > 0;

// ---- before ---------------------------------------------------------------------------------------------------------

const setName = () => pg.setName(data.id, data.name);

function segments(name, options) {
  return pg.el("div", { class: "lf-choice" }, pg.el("span", { class: "lf-choice-name", text: pg.say(`labelling.${name}`) }),
    pg.el("span", { class: "pg-segments", role: "group", "aria-label": pg.say(`labelling.${name}`) }, ...options.map(([value, text, off]) => pg.el("button", {
      type: "button", data: { [name]: value }, "aria-pressed": String(chosen[name] === value), text, disabled: Boolean(off), title: off || null,
    }))));
}

// A press that is under way keeps its button: the values of an event come one by one, and each draws.
function drawStart() {
  const box = $(".lf-start"), fresh = pg.el("div", {}, ...startParts());
  if (fresh.innerHTML !== box.innerHTML) box.replaceChildren(...fresh.childNodes);
}

function startParts() {
  if (!data) return [];
  const head = [pg.el("h2", { text: pg.say("labelling.title") }), pg.el("p", { class: "lf-what", text: pg.say("labelling.what") })];
  if (!data.n_pairs) return [...head, pg.el("p", { class: "pg-muted", text: pg.say("labelling.none") })];
  if (!data.scored) chosen.order = "shuffled";
  if (chosen.set !== data.set) Object.assign(chosen, { set: data.set, which: data.n_left ? "left" : "all" });
  const order = segments("order", [["shuffled", pg.say("labelling.order_shuffled")],
    ["borderline", pg.say("labelling.order_borderline"), data.scored ? "" : pg.say("labelling.order_needs_scores")]]);
  const which = segments("which", [["left", pg.say("labelling.which_left", { n: data.n_left }), data.n_left ? "" : pg.say("labelling.nothing_left")],
    ["all", pg.say("labelling.which_all", { n: data.n_pairs })]]);
  const kind = pg.el("div", { class: "lf-choice" }, pg.el("span", { class: "lf-choice-name", text: pg.say("labelling.kind") }), labels.modes());
  const notes = [`labelling.${chosen.order}_note`, ...(chosen.which === "all" ? ["labelling.all_note"] : [])];
  return [...head,
    pg.el("p", { class: "lf-set" }, pg.el("strong", { text: setName(), dir: "auto" }), pg.el("span", { text: pg.say("labelling.facts", { n: data.n_pairs, left: data.n_left }) })),
    order, which, kind, ...notes.map((key) => pg.el("p", { class: "lf-note pg-muted", text: pg.say(key) })),
    pg.el("button", { type: "button", class: "pg-button pg-primary lf-begin", id: "labelling-begin", disabled: Boolean(walk?.asked && !walk.total) },
      pg.el("span", { class: "pg-button-text", text: pg.say(walk?.asked && !walk.total ? "labelling.starting" : "labelling.start") }))];
}

function begin() {
  walk = { of: "", set: data.set, id: data.id, pairs: [], total: 0, next: 0, back: [], given: [], rounds: [{ from: 0, ms: 0 }], now: null, since: 0, asked: true };
  drawStart();
  const threshold = window.playgroundThreshold?.threshold;
  trigger("begun", { order: chosen.order, which: chosen.which, threshold: Number.isFinite(threshold) ? threshold : null });
}

// ---- pairs come in --------------------------------------------------------------------------------------------------

function take(value) {
  if (!walk) return;
  if (value.failed) {
    if (!walk.of) walk = null;
    else walk.asked = false;
    drawStart();
  } else if (value.from === 0 && !walk.of) {
    Object.assign(walk, { of: value.of, total: value.total, near: value.near, asked: false, pairs: value.pairs });
    if (!walk.total) {
      walk = null;
      drawStart();
      return;
    }
    goTo("work");
    forward();
    $(".lf-passage").focus({ preventScroll: true });
  } else if (value.of === walk.of && value.from === walk.pairs.length) {
    walk.pairs.push(...value.pairs);
    walk.asked = false;
    if (screen === "work" && !walk.now) forward();
  }
}

function askAhead() {
  if (walk.asked || walk.pairs.length >= walk.total || walk.pairs.length - walk.next > ASK_AT) return;
  walk.asked = true;
  trigger("extended", { of: walk.of, from: walk.pairs.length });
}

// ---- one pair -------------------------------------------------------------------------------------------------------

// The next pair, or the summary where the round is full.
function forward() {
  walk.now = null;
  if (inRound() >= roundSize()) {
    goTo("summary");
    return;
  }
  walk.now = walk.back.length ? walk.back.shift() : walk.pairs[walk.next] ? walk.pairs[walk.next++] : null;
  askAhead();
  drawPair();
}

function drawPair() {
  const pair = walk.now;
  $(".lf-query").textContent = pair ? pair.query : "";
  $(".lf-passage").textContent = pair ? pair.text : "";
  $(".lf-passage").scrollTop = 0;
  for (const button of element.querySelectorAll(".lf-answer")) button.disabled = !pair;
  drawProgress();
}

function drawProgress() {
  const n = Math.min(inRound() + 1, roundSize()), total = roundSize();
  $(".lf-count").replaceChildren(pg.el("strong", { text: pg.say("labelling.progress", { n: String(n), total: String(total) }) }),
    pg.el("span", { class: "pg-muted", text: pg.say("labelling.left", { n: walk.total - walk.given.length }) }));
  $(".lf-track span").style.width = `${(100 * inRound()) / total}%`;
  const undo = $("#labelling-undo");
  if (undo) undo.disabled = !walk.given.length;
  tick();
}

function drawWork() {
  $(".lf-query-name").textContent = pg.say("labelling.query");
  $(".lf-passage-name").textContent = pg.say("labelling.passage");
  $(".lf-passage").setAttribute("aria-label", pg.say("labelling.passage"));
  $(".lf-buttons").setAttribute("aria-label", pg.say("labelling.kind"));
  $(".lf-buttons").replaceChildren(...labels.choices().map((grade) => pg.el("button", {
    type: "button", class: `lf-answer lf-to-${labels.kind(grade)}`, data: { grade }, "aria-keyshortcuts": labels.keyOf(grade),
  }, pg.el("span", { text: labels.choiceName(grade) }), pg.el("kbd", { text: labels.keyOf(grade) }))));
  $(".lf-buttons").classList.toggle("lf-graded", labels.graded);
  const near = walk?.near ? pg.el("span", { class: "pg-muted lf-near", text: pg.say(`labelling.near_${walk.near}`) }) : "";
  $(".lf-tools").replaceChildren(
    pg.el("button", { type: "button", class: "pg-button", id: "labelling-undo", title: pg.say("labelling.undo_title"), "aria-keyshortcuts": "Z" },
      pg.el("span", { class: "pg-button-text", text: pg.say("labelling.undo") }), pg.el("kbd", { text: "Z" })),
    pg.el("button", { type: "button", class: "pg-button", id: "labelling-stop" }, pg.el("span", { class: "pg-button-text", text: pg.say("labelling.stop") })), near);
  if (walk?.of) drawPair();
}

// ---- answers --------------------------------------------------------------------------------------------------------

function answer(grade) {
  const pair = walk.now, here = walk;
  if (!pair || !labels.choices().includes(grade)) return;
  // What stood there before is said only once the answer is given.
  const entry = { pair, grade, stood: labels.get(pair), before: null };
  here.given.push(entry);
  labels.set(pair, [grade, "human"]);
  labels.repaint(pair);
  dirty = true;
  labels.send({
    pair, send: (message) => trigger("answered", message), message: { of: here.of, n: pair.n, grade },
    done: (value) => {
      entry.before = value.before;
      tell(here, value.before, [grade], value.n_labels);
      if (here === walk && screen === "summary") drawSummary();
    },
    failed: () => {
      labels.set(pair, entry.stood);
      labels.repaint(pair);
      if (here !== walk || !here.given.includes(entry)) return;
      here.given.splice(here.given.indexOf(entry), 1);
      comeBack(pair);
    },
  });
  forward();
}

// The strip over the tabs counts along; what is counted on the server follows once the visitor turns elsewhere.
function tell(here, from, to, nLabels) {
  document.dispatchEvent(new CustomEvent("playground:labelled", { detail: { set: here.id, from: from ? from[0] : null, to: to ? to[0] : null, n_labels: nLabels } }));
}

// The pair whose answer was refused is the next one.
function comeBack(pair) {
  walk.back.unshift(pair);
  while (walk.rounds.length > 1 && round().from > walk.given.length) walk.rounds.pop();
  if (screen === "summary") {
    goTo("work");
    forward();
  } else if (!walk.now) forward();
  else drawProgress();
}

function undo() {
  const entry = walk?.given.pop(), here = walk;
  if (!entry) return;
  const { pair } = entry;
  if (walk.now) walk.back.unshift(walk.now);
  while (walk.rounds.length > 1 && round().from > walk.given.length) walk.rounds.pop();
  labels.send({
    pair, send: (message) => trigger("undone", message), message: { of: here.of, n: pair.n },
    done: (value) => {
      if ("label" in value) tell(here, [entry.grade], entry.before, value.n_labels);
      if ("label" in value && !here.given.some((one) => one.pair === pair)) labels.set(pair, value.label);
      labels.repaint(pair);
    },
    // It is still stored as it was answered.
    failed: () => {
      if (here !== walk || walk.now !== pair) return;
      walk.given.push(entry);
      forward();
    },
  });
  walk.now = pair;
  if (screen === "work") drawPair();
  else goTo("work");
}

// ---- after a round --------------------------------------------------------------------------------------------------

const imported = (entry) => (entry.before && entry.before[1] === "imported" && entry.before[0] !== labels.UNSURE ? entry.before[0] : null);

function drawSummary() {
  const here = walk.given.slice(round().from), box = $(".lf-summary");
  const held = box.contains(document.activeElement) ? document.activeElement.id : "";
  const count = (holds) => here.filter((entry) => holds(entry.grade)).length;
  const parts = labels.graded ? [0, 1, 2, 3].map((grade) => ["n_grade", count((each) => each === grade), grade > 0 ? "yes" : "no", { grade: String(grade) }])
    : [["n_relevant", count((each) => each > 0), "yes"], ["n_not", count((each) => each === 0), "no"]];
  parts.push(["n_unsure", count((each) => each === labels.UNSURE), "unsure"]);
  const checked = here.filter((entry) => imported(entry) !== null && entry.grade !== labels.UNSURE);
  const apart = checked.filter((entry) => imported(entry) > 0 !== entry.grade > 0);
  const changed = here.filter((entry) => entry.before && entry.before[1] === "human" && entry.before[0] !== entry.grade).length;
  const left = walk.total - walk.given.length;
  const short = (text) => (text.length > 160 ? `${text.slice(0, 160)}…` : text);
  box.replaceChildren(...[
    pg.el("h2", { tabindex: "-1", text: pg.say("labelling.done", { n: here.length }) }),
    pg.el("ul", { class: "lf-counts" }, ...parts.map(([key, n, kind, more]) => pg.el("li", { class: `lf-is-${kind}`, text: pg.say(`labelling.${key}`, { n: String(n), ...more }) }))),
    here.length ? pg.el("p", { class: "pg-muted", text: pg.say("labelling.pace", { time: clock(round().ms), seconds: pg.number(round().ms / 1000 / here.length, 1) }) }) : null,
    apart.length ? pg.el("div", { class: "lf-apart" }, pg.el("p", { text: pg.say("labelling.disagreed", { n: apart.length }) }),
      pg.el("ul", {}, ...apart.map((entry) => pg.el("li", {},
        pg.el("span", { class: "lf-apart-text" }, pg.el("strong", { text: short(entry.pair.query), dir: "auto" }), pg.el("span", { text: short(entry.pair.text), dir: "auto" })),
        pg.el("span", { class: "lf-apart-labels" },
          pg.el("span", { class: `pl-badge pl-is-${labels.kind(entry.grade)}`, text: pg.say("labelling.you_said", { label: labels.word(entry.grade) }) }),
          pg.el("span", { class: `pl-badge pl-of-input pl-is-${labels.kind(imported(entry))}`, text: pg.say("labelling.import_said", { label: labels.word(imported(entry)) }) })))))) : null,
    checked.length && !apart.length && !labels.busy ? pg.el("p", { text: pg.say("labelling.agreed", { n: checked.length }) }) : null,
    changed ? pg.el("p", { text: pg.say("labelling.changed", { n: changed }) }) : null,
    left ? null : pg.el("p", { text: pg.say("labelling.set_is_done") }),
    pg.el("div", { class: "lf-after" },
      left ? pg.el("button", { type: "button", class: "pg-button pg-primary", id: "labelling-on" }, pg.el("span", { class: "pg-button-text", text: pg.say("labelling.go_on") })) : null,
      pg.el("button", { type: "button", class: "pg-button", id: "labelling-look" }, pg.el("span", { class: "pg-button-text", text: pg.say("labelling.look") })),
      pg.el("button", { type: "button", class: "pg-button", id: "labelling-undo-last", disabled: !walk.given.length, title: pg.say("labelling.undo_title") }, pg.el("span", { class: "pg-button-text", text: pg.say("labelling.undo") }), pg.el("kbd", { text: "Z" })),
      pg.el("button", { type: "button", class: "pg-button", id: "labelling-other" }, pg.el("span", { class: "pg-button-text", text: pg.say("labelling.other") }))),
  ].filter(Boolean));
  if (held) $(`#${held}`)?.focus({ preventScroll: true });
}

function goOn() {
  walk.rounds.push({ from: walk.given.length, ms: 0 });
  goTo("work");
  forward();
  $(".lf-passage").focus({ preventScroll: true });
}

function stop() {
  if (walk.now) walk.back.unshift(walk.now);
  walk.now = null;
  goTo("summary");
}

// ---- the time -------------------------------------------------------------------------------------------------------

// Counts while a pair is in sight: a pause elsewhere is no labelling.
function tick() {
  const now = performance.now(), running = screen === "work" && walk?.now && !document.hidden && visible();
  if (walk && walk.since) round().ms += now - walk.since;
  if (walk) walk.since = running ? now : 0;
  if (screen === "work" && walk?.of) $(".lf-time").textContent = pg.say("labelling.time", { time: clock(round().ms) });
}

// ---- everything -----------------------------------------------------------------------------------------------------

function goTo(name) {
  tick();
  screen = name;
  for (const each of ["start", "work", "summary"]) $(`.lf-${each}`).hidden = each !== name;
  if (name === "work") {
    drawWork();
    $(".lf-bar").scrollIntoView({ block: "start" });
  } else if (name === "start") drawStart();
  else {
    drawSummary();
    ($("#labelling-on") || $("#labelling-look")).focus({ preventScroll: true });
  }
  tick();
}

function draw() {
  data = props.value && props.value.set ? props.value : null;
  if (walk?.of && data && walk.set !== data.set) {
    walk = null;
    screen = "start";
  }
  if (screen === "start") goTo("start");
  else if (screen === "work") drawWork();
  else drawSummary();
}

// Who gave labels and turns elsewhere finds everything there with these labels.
function settle(here = false) {
  const elsewhere = document.querySelector("#threshold-tabs")?.getClientRects().length > 0;
  if (!dirty || !elsewhere || (visible() && !here)) return;
  if (labels.busy) {
    setTimeout(() => settle(here), 100);
    return;
  }
  dirty = false;
  trigger("settled", {});
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { order, which, grade } = button.dataset;
  if (order || which) {
    if (order) chosen.order = order;
    if (which) chosen.which = which;
    try { localStorage.setItem(ORDER, chosen.order); } catch { /* as above */ }
    drawStart();
    element.querySelector(order ? `[data-order=${order}]` : `[data-which=${which}]`).focus();
  } else if (button.classList.contains("lf-answer")) answer(Number(grade));
  else if (button.id === "labelling-begin") begin();
  else if (button.id === "labelling-undo" || button.id === "labelling-undo-last") undo();
  else if (button.id === "labelling-stop") stop();
  else if (button.id === "labelling-on") goOn();
  else if (button.id === "labelling-look") document.querySelector("#threshold-tab-panel-button")?.click();
  else if (button.id === "labelling-other") {
    walk = null;
    goTo("start");
    settle(true);
  }
});

// Keys act while a pair or a summary is in sight, and never on what is being typed.
function onKey(event) {
  if (!element.isConnected) {
    document.removeEventListener("keydown", onKey);
    return;
  }
  if (screen === "start" || !walk?.of || !visible() || document.querySelector("dialog[open]")) return;
  if (event.altKey || event.isComposing || event.keyCode === 229 || event.repeat) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable], [role=listbox]")) return;
  const key = event.key.toLowerCase();
  // Chromium takes Ctrl+Z, wherever the focus is, for the last text that was typed: it would empty the passages.
  if ((event.ctrlKey || event.metaKey) && (event.shiftKey || key !== "z")) return;
  if (UNDO.includes(key)) undo();
  else if (screen !== "work") return;
  else if (key in labels.KEYS) answer(labels.KEYS[key]);
  else if (labels.graded && /^[0-3]$/.test(key)) answer(Number(key));
  else return;
  event.preventDefault();
}
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => { if (element.isConnected) tick(); });
new ResizeObserver(() => { tick(); settle(); }).observe(element);
ticking = setInterval(() => {
  if (element.isConnected) tick();
  else clearInterval(ticking);
}, 1000);
labels.onMode(() => { if (element.isConnected) draw(); });

window.playgroundLabelling = { take };
pg.redrawOnSwitch(element, draw);
watch("value", draw);
pg.askUntil(element, () => props.value);
