// The ranking: where it came from, the threshold, and the rows. All text of a user enters by textContent.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const MAX_TERMS = 40;
const PREVIEW_CHARS = 360;
const labels = window.playgroundLabels;
const STOP_WORDS = new Set(("a an and any are as at be by can did do does for from had has have how i if in is it its me my no not of on or our "
  + "s so t than that the their them then there these they this to up us was we were what when where which who why will with you your").split(" "));
const STOP_SIGNS = new Set(["的", "了", "吗", "呢", "是", "在", "和", "与", "什么", "怎么", "如何", "为什么", "哪些", "哪个", "吧", "有", "我", "你", "它", "这", "那", "一个", "可以", "会", "不", "就", "也", "都", "要", "被", "把"]);

// What the visitor chose, kept over redraws and new runs of the same model.
const chosen = { model: null, threshold: null, touched: false, unit: "logit", sort: "rank", down: false, open: new Set(), run: null };
let data = null;
let rows = [];
let announced = null;

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const logitOf = (p) => Math.log(p) - Math.log1p(-p);
const hasUnits = () => ["logit", "log-odds"].includes(data.scale.name);
const inUnit = (logit) => (chosen.unit === "sigmoid" ? sigmoid(logit) : logit);

// ---- the axis -------------------------------------------------------------------------------------------------------

function axis() {
  if (chosen.unit === "sigmoid") return { low: 0, high: 1, step: 0.001 };
  const values = data.rows.map((row) => row.logit);
  const least = Math.min(...values), most = Math.max(...values);
  const pad = Math.max(0.02, (most - least) * 0.04);
  const grain = most - least > 2 ? 0.5 : 0.05;
  return {
    low: Math.max(data.scale.low ?? -Infinity, Math.floor((least - pad) / grain) * grain),
    high: Math.min(data.scale.high ?? Infinity, Math.ceil((most + pad) / grain) * grain),
    step: most - least > 2 ? 0.01 : 0.001,
  };
}

const place = (value, { low, high }) => Math.max(0, Math.min(100, (100 * (value - low)) / (high - low || 1)));

// Only where to put the line at first: at zero, or in the widest gap where zero parts nothing.
function firstGuess(logits) {
  if (logits.at(-1) < 0 && logits[0] >= 0) return 0;
  let best = logits[0], widest = 0;
  for (let at = 1; at < logits.length; at += 1) {
    const gap = logits[at - 1] - logits[at];
    if (gap > widest) [widest, best] = [gap, (logits[at - 1] + logits[at]) / 2];
  }
  return Number(best.toFixed(2)) > logits[0] ? logits[0] : Number(best.toFixed(2));
}

function startThreshold() {
  const same = chosen.model === data.fingerprint;
  if (same && chosen.touched) return;
  // While streaming the range still grows; the guess is made anew until the visitor takes the slider.
  chosen.threshold = firstGuess(data.rows.map((row) => row.logit).sort((a, b) => b - a));
  chosen.touched = false;
  chosen.model = data.fingerprint;
}

// ---- query words in a passage ---------------------------------------------------------------------------------------

function termsOf(query) {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}]+/gu) || []);
  const plain = new Set(), signs = new Set();
  for (const word of words) {
    if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word)) {
      const parts = window.Intl?.Segmenter ? [...new Intl.Segmenter("zh", { granularity: "word" }).segment(word)].map((s) => s.segment) : [...word];
      for (const part of parts) if (!STOP_SIGNS.has(part)) signs.add(part);
    } else if (!STOP_WORDS.has(word)) plain.add(word.length > 3 ? word.replace(/(?:'s|s)$/u, "") : word);
  }
  const whole = [...plain].slice(0, MAX_TERMS), loose = [...signs].slice(0, MAX_TERMS);
  const parts = [];
  if (whole.length) parts.push(`(?<![\\p{L}\\p{N}])(?:${whole.join("|")})(?:s|es)?(?![\\p{L}\\p{N}])`);
  if (loose.length) parts.push(loose.join("|"));
  return parts.length ? new RegExp(parts.join("|"), "giu") : null;
}

function marked(text, terms) {
  if (!terms) return [document.createTextNode(text)];
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(terms)) {
    if (match.index > from) nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(pg.el("mark", { text: match[0] }));
    from = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

// The server counts characters, JavaScript half of an emoji: split by characters.
const splitAt = (text, n) => {
  if (!/[\ud800-\udfff]/.test(text)) return [text.slice(0, n), text.slice(n)];
  const chars = Array.from(text);
  return [chars.slice(0, n).join(""), chars.slice(n).join("")];
};

function whole(row) {
  const [read, cut] = row.cut > 0 ? splitAt(row.text, row.read) : [row.text, ""];
  const parts = [pg.el("span", { class: "pg-read" }, ...marked(read, data.terms))];
  if (row.cut > 0) {
    parts.push(
      pg.el("span", { class: "pg-cut-line", text: pg.say("ranking.cut_here", { n: row.cut }) }),
      pg.el("s", { class: "pg-unread", text: cut }));
  }
  return parts;
}

// ---- rows -----------------------------------------------------------------------------------------------------------

const COLUMNS = ["rank", "moved", "score", "shown", "logit", "tokens", "passage", "label"];
const sortValue = {
  rank: (row) => row.rank, moved: (row) => -(row.index + 1 - row.rank), score: (row) => -row.logit, shown: (row) => -row.logit, logit: (row) => -row.logit,
  tokens: (row) => -(row.tokens + row.cut), passage: (row) => row.index, label: (row) => labelOrder(labels.effective(pairOf(row))),
};
// Where the display score is the raw one, one column says it all.
const twoScores = () => data.scale.activation === "sigmoid";
const columns = () => COLUMNS.filter((name) => name !== "logit" || twoScores());

const pairOf = (row) => ({ query: data.query, text: row.text, of: data.of, place: row.index, input: row.label });
// The best grade first, then not relevant, unsure, and what nobody labelled.
const labelOrder = (now) => (!now ? 9 : now.grade === labels.UNSURE ? 8 : 3 - now.grade);

function ordered() {
  const value = sortValue[chosen.sort];
  const list = [...data.rows].sort((a, b) => value(a) - value(b) || a.rank - b.rank || a.index - b.index);
  return chosen.down ? list.reverse() : list;
}

function moved(row) {
  const n = row.index + 1 - row.rank;
  const key = n > 0 ? "ranking.up" : n < 0 ? "ranking.down" : "ranking.same";
  return pg.el("span", { class: `pg-move ${n > 0 ? "pg-up" : n < 0 ? "pg-down" : ""}`, title: pg.say(key, { n: Math.abs(n), place: row.index + 1 }) },
    pg.el("span", { "aria-hidden": "true", text: n > 0 ? `▲${n}` : n < 0 ? `▼${-n}` : "–" }),
    pg.el("span", { class: "pg-hidden", text: pg.say(key, { n: Math.abs(n), place: row.index + 1 }) }));
}

function bar(row) {
  // On the slider's own axis, so that longer is always better, also where every logit is below zero.
  const span = axis(), here = place(inUnit(row.logit), span);
  return pg.el("span", { class: "pg-track", "aria-hidden": "true" },
    pg.el("span", { class: "pg-bar", style: { width: `${Math.max(1, here)}%` } }),
    span.low < 0 && span.high > 0 ? pg.el("span", { class: "pg-zero", style: { left: `${place(0, span)}%` } }) : null);
}

function passage(row) {
  const long = row.text.length > PREVIEW_CHARS;
  const shown = long ? splitAt(row.text.slice(0, PREVIEW_CHARS * 2), PREVIEW_CHARS)[0] + "…" : row.text;
  const id = `pg-whole-${row.index}`;
  const open = chosen.open.has(row.id);
  const button = pg.el("button", {
    type: "button", class: "pg-passage", "aria-expanded": String(open), "aria-controls": id, data: { id: row.id },
  }, pg.el("span", { class: "pg-preview", dir: "auto" }, ...marked(shown.replace(/\s+/gu, " "), data.terms)),
    pg.svg("M6 9l6 6 6-6", 16));
  return pg.el("div", { class: "pg-text" }, button,
    pg.el("div", { class: "pg-whole", id, hidden: !open, dir: "auto" }, ...(open ? whole(row) : [])));
}

function tokens(row) {
  return [
    pg.el("span", { text: pg.number(row.tokens), data: { unit: pg.say("ranking.tokens").toLowerCase() }, title: pg.say("ranking.tokens_read", { n: row.tokens }) }),
    row.cut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: row.cut }), title: pg.say("ranking.cut_title", { n: row.cut }) }) : null,
  ];
}

function drawRow(row) {
  const cell = (name, ...children) => pg.el("div", { role: "cell", class: `pg-cell pg-c-${name}` }, ...children);
  const node = pg.el("div", { role: "row", class: "pg-row", data: { index: row.index, rank: row.rank } },
    cell("rank", pg.el("span", { text: row.tied ? `${row.rank}=` : String(row.rank), title: row.tied ? pg.say("ranking.tied") : null })),
    cell("moved", moved(row)),
    cell("score", bar(row)),
    cell("shown", pg.el("span", { class: "pg-number", text: pg.signed(row.score, 3) })),
    ...(twoScores() ? [cell("logit", pg.el("span", { class: "pg-number", text: pg.signed(row.logit, 3) }))] : []),
    cell("tokens", ...tokens(row)),
    cell("passage", passage(row)),
    cell("label", labels.control(pairOf(row))));
  return { row, node, logit: row.logit };
}

function drawRows() {
  const body = $(".pg-rows");
  rows = ordered().map(drawRow);
  body.replaceChildren(...rows.map((item) => item.node));
  const missing = $(".pg-missing");
  missing.hidden = !(data.n_missing > 0 && !data.streaming);
  missing.textContent = data.n_missing > 0 ? pg.say("ranking.missing", { n: data.n_missing }) : "";
  paint();
}

function drawHead() {
  const table = $(".pg-table");
  table.classList.toggle("pg-one-score", !twoScores());
  table.classList.toggle("pg-unit-logit", chosen.unit === "logit");
  table.classList.toggle("pg-unit-sigmoid", chosen.unit === "sigmoid");
  $(".pg-headings").replaceChildren(...columns().map((name) => {
    const on = chosen.sort === name;
    const key = name === "shown" && twoScores() ? "ranking.score_sigmoid" : name === "shown" ? `ranking.raw_${data.scale.name}` : name === "logit" ? `ranking.raw_${data.scale.name}` : `ranking.${name}`;
    return pg.el("div", { role: "columnheader", class: `pg-cell pg-c-${name}`, "aria-sort": on ? (chosen.down ? "descending" : "ascending") : "none" },
      pg.el("button", { type: "button", data: { sort: name }, title: pg.say("ranking.sort") },
        pg.el("span", { text: pg.say(key) }), pg.el("span", { class: "pg-arrow", "aria-hidden": "true", text: on ? (chosen.down ? "↓" : "↑") : "" })));
  }));
  table.setAttribute("aria-rowcount", String(data.rows.length + 1));
  table.setAttribute("aria-label", pg.say("ranking.table"));
}

// ---- the threshold --------------------------------------------------------------------------------------------------

function drawThreshold() {
  const box = $(".pg-threshold");
  const { low, high, step } = axis();
  const slider = box.querySelector("input[type=range]"), exact = box.querySelector("input[type=number]");
  Object.assign(slider, { min: low, max: high, step });
  Object.assign(exact, { step });
  slider.setAttribute("aria-label", pg.say("ranking.threshold"));
  exact.setAttribute("aria-label", pg.say("ranking.threshold_exact"));
  box.querySelector(".pg-threshold-name").textContent = pg.say("ranking.threshold");
  box.querySelector(".pg-low").textContent = pg.signed(low, chosen.unit === "sigmoid" ? 0 : 1);
  box.querySelector(".pg-high").textContent = pg.signed(high, chosen.unit === "sigmoid" ? 0 : 1);
  const units = box.querySelector(".pg-units");
  units.hidden = !hasUnits();
  units.setAttribute("aria-label", pg.say("ranking.unit"));
  units.replaceChildren(...["logit", "sigmoid"].map((unit) => pg.el("button", {
    type: "button", data: { unit }, text: pg.say(unit === "logit" ? `ranking.raw_${data.scale.name}` : "ranking.score_sigmoid"), "aria-pressed": String(chosen.unit === unit),
  })));
  paint();
}

const rawName = () => (data.scale.name === "bm25" ? "BM25" : pg.say(`ranking.raw_${data.scale.name}`).toLowerCase());

function keepCount() {
  return rows.reduce((n, item) => n + (item.logit >= chosen.threshold ? 1 : 0), 0);
}

// Colours only: runs on every step of a drag, so it asks the server nothing and draws nothing anew.
function paint() {
  if (!data || !data.rows.length || chosen.threshold === null) return;
  const threshold = chosen.threshold, box = $(".pg-threshold");
  const value = inUnit(threshold);
  const slider = box.querySelector("input[type=range]"), exact = box.querySelector("input[type=number]");
  if (Number(slider.value) !== value) slider.value = value;
  if (document.activeElement !== exact) exact.value = value.toFixed(chosen.unit === "sigmoid" ? 3 : 2);
  const { low, high } = axis();
  slider.style.setProperty("--fill", `${place(value, { low, high })}%`);
  const kept = keepCount();
  const both = hasUnits()
    ? pg.say("ranking.both_units", { logit: pg.signed(threshold, 2), name: rawName(), sigmoid: sigmoid(threshold).toFixed(2) })
    : `${pg.signed(threshold, 2)} ${rawName()}`;
  box.querySelector(".pg-both").textContent = both;
  box.querySelector(".pg-keeps").textContent = pg.say("ranking.keeps", { n: kept, total: rows.length });
  slider.setAttribute("aria-valuetext", `${both}. ${pg.say("ranking.keeps", { n: kept, total: rows.length })}`);
  const list = $(".pg-table");
  list.style.setProperty("--cutoff", `${place(value, axis())}%`);
  for (const item of rows) {
    const keep = item.logit >= threshold;
    item.node.classList.toggle("pg-kept", keep);
    item.node.classList.toggle("pg-dropped", !keep);
  }
  const orderly = ["rank", "score", "shown", "logit"].includes(chosen.sort) && !chosen.down;
  const first = orderly ? rows.findIndex((item) => item.logit < threshold) : -1;
  const old = list.querySelector(".pg-border");
  if (old && old !== rows[first]?.node) old.classList.remove("pg-border");
  if (first > 0) rows[first].node.classList.add("pg-border");
  window.playgroundPlots?.threshold(threshold, chosen.unit);
  document.dispatchEvent(new CustomEvent("playground:ranking-line"));
}

function setThreshold(value) {
  if (!Number.isFinite(value)) return;
  const { low, high } = axis();
  const inside = Math.max(low, Math.min(high, value));
  chosen.threshold = chosen.unit === "sigmoid" ? Math.max(-40, Math.min(40, logitOf(Math.max(1e-12, Math.min(1 - 1e-12, inside))))) : inside;
  chosen.touched = true;
  paint();
}

// ---- where the numbers come from ------------------------------------------------------------------------------------

const dot = () => pg.el("span", { class: "pg-dot", "aria-hidden": "true", text: "·" });

function drawFacts() {
  const { run } = data;
  const facts = [
    pg.el("strong", { text: run.model, title: run.model_id }),
    run.revision ? pg.el("code", { text: `@${run.revision.slice(0, 10)}`, title: run.revision }) : null,
    pg.el("span", { text: `${run.device.toUpperCase()} ${run.precision}` }),
    pg.el("span", { text: run.seconds < 0.1 ? pg.say("result.milliseconds", { n: Math.round(run.seconds * 1000) || "<1" }) : pg.say("result.seconds", { seconds: pg.number(run.seconds, run.seconds < 10 ? 2 : 1) }) }),
    run.passages_per_second !== null ? pg.el("span", { text: pg.say("result.passages_per_second", { n: Math.round(run.passages_per_second) || pg.number(run.passages_per_second, 1) }) }) : null,
    run.tokens_per_second !== null ? pg.el("span", { text: pg.say("result.tokens_per_second", { n: Math.round(run.tokens_per_second) }) }) : null,
    run.n_cached > 0 ? pg.el("span", { text: pg.say("result.cached", { n: run.n_cached }) }) : null,
    data.streaming ? pg.el("span", { class: "pg-live", text: pg.say("result.streaming", { n: data.n_scored, total: data.n_total }) }) : null,
  ].filter(Boolean);
  $(".pg-facts").replaceChildren(...facts.flatMap((fact, at) => (at && fact.tagName !== "CODE" ? [dot(), fact] : [fact])));
  $(".pg-exports").replaceChildren(...(data.streaming ? [] : exportButtons()));
  $(".pg-warnings").replaceChildren(...data.warnings.map((item) => pg.el("li", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) })));
  $(".pl-mode-here").replaceChildren(labels.modes(data.rows.map(pairOf)));
  drawMeaning();
  drawReplay();
}

function exportButtons() {
  const button = (format, key, path) => pg.el("button", { type: "button", class: "pg-button", id: `ranking-export-${format}`, data: { format }, title: pg.say(`${key}_title`) },
    pg.svg(path, 15), pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const down = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";
  return [
    button("csv", "export.csv", down), button("json", "export.json", down), button("snippet", "export.snippet", "M8 7l-5 5 5 5M16 7l5 5-5 5"),
    data.run_id ? button("link", "export.link", "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1") : null,
  ].filter(Boolean);
}

function drawMeaning() {
  const box = $(".pg-meaning");
  box.querySelector("summary").textContent = pg.say("meaning.title");
  const keys = [`meaning.${data.scale.name}`, ...(hasUnits() ? ["meaning.sigmoid"] : []), data.scale.level ? "meaning.level" : "meaning.order", "meaning.threshold"];
  box.querySelector("div").replaceChildren(...keys.map((key) => pg.el("p", { text: pg.say(key) })));
}

function drawReplay() {
  const box = $(".pg-replay");
  box.hidden = !data.replay;
  if (!data.replay) return;
  box.replaceChildren(pg.el("strong", { text: pg.say("replay.title") }),
    pg.el("ul", {}, ...data.replay.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) }))));
}

// Each example is one click from a finished ranking.
let examples = [];
function drawEmpty() {
  examples = props.value?.examples || examples;
  $(".pg-empty").replaceChildren(
    pg.el("h2", { text: pg.say("empty.title") }),
    pg.el("p", { class: "pg-hint", text: pg.say("empty.examples") }),
    pg.el("div", { class: "pg-examples" }, ...examples.map(({ id, title, look_for }) => pg.el("button", { type: "button", class: "pg-example", data: { example: id }, on: { click: (event) => {
      for (const card of element.querySelectorAll(".pg-example")) card.disabled = true;
      event.currentTarget.classList.add("pg-busy");
      trigger("examplechosen", { id });
    } } },
      pg.el("strong", { text: title[pg.language] }), pg.el("span", { text: look_for[pg.language] })))),
    pg.el("h3", { text: pg.say("empty.own") }),
    pg.el("ol", {}, ...["empty.one", "empty.two", "empty.three"].map((key) => pg.el("li", { text: pg.say(key) }))),
    pg.el("p", { class: "pg-hint", text: pg.say("empty.hint") }));
}

// ---- everything -----------------------------------------------------------------------------------------------------

function draw() {
  const value = props.value;
  const there = Boolean(value && value.rows && value.rows.length);
  $(".pg-empty").hidden = there;
  $(".pg-result").hidden = !there;
  if (!there) {
    data = null;
    drawEmpty();
    return;
  }
  if (chosen.run !== value.nonce) chosen.open.clear();
  chosen.run = value.nonce;
  data = { ...value, terms: termsOf(value.query) };
  labels.take(value.query, value.rows.map((row) => row.text), value.rows.map((row) => row.said), !value.streaming);
  if (!hasUnits()) chosen.unit = "logit";
  startThreshold();
  drawFacts();
  drawHead();
  drawRows();
  drawThreshold();
  if (!data.streaming && announced !== value.nonce) {
    announced = value.nonce;
    document.dispatchEvent(new CustomEvent("playground:ranking"));
  }
}

function toggleRow(button) {
  const item = rows.find((each) => each.row.id === button.dataset.id);
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  const full = element.querySelector(`#${button.getAttribute("aria-controls")}`);
  full.hidden = !open;
  full.replaceChildren(...(open ? whole(item.row) : []));
  if (open) chosen.open.add(item.row.id);
  else chosen.open.delete(item.row.id);
}

function exported(button) {
  const { format } = button.dataset;
  if (format !== "link") {
    trigger("exported", { format });
    return;
  }
  const address = new URL(location.href);
  address.search = "";
  address.searchParams.set("run", data.run_id);
  address.hash = "";
  pg.copy(address.href).then(() => pg.flash(button, pg.say("export.copied")));
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !data) return;
  const { sort, unit, format } = button.dataset;
  if (sort) {
    chosen.down = chosen.sort === sort ? !chosen.down : false;
    chosen.sort = sort;
    drawHead();
    drawRows();
    $(`button[data-sort=${sort}]`).focus();
  } else if (unit && unit !== chosen.unit) {
    chosen.unit = unit;
    drawHead();
    drawRows();
    drawThreshold();
    trigger("unitchosen", { unit, threshold: chosen.threshold });
    $(`button[data-unit=${unit}]`).focus();
  } else if (format) exported(button);
  else if (button.classList.contains("pg-passage")) toggleRow(button);
});
element.addEventListener("input", (event) => {
  if (data && event.target.matches(".pg-threshold input") && event.target.value !== "") setThreshold(Number(event.target.value));
});

labels.attach(element, (message) => trigger("graded", message));

// Other parts of the page reach the rows through this.
window.playgroundRanking = {
  labelled(value) {
    if (!data || data.of !== value.of) return;
    labels.take(data.query, data.rows.map((row) => row.text), data.rows.map((row) => value.labels[row.index]));
    labels.repaint();
  },
  repaint: paint,
  // A raw score, also one that lies beyond the slider.
  set(logit) {
    if (!data || !Number.isFinite(logit)) return;
    Object.assign(chosen, { threshold: logit, touched: true });
    paint();
  },
  get unit() { return chosen.unit; },
  get threshold() { return chosen.threshold; },
  get rows() { return data ? data.rows : []; },
  show(index) {
    const item = rows.find((each) => each.row.index === index);
    if (!item) return;
    item.node.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    item.node.classList.remove("pg-flash");
    void item.node.offsetWidth;
    item.node.classList.add("pg-flash");
    item.node.querySelector(".pg-passage").focus({ preventScroll: true });
  },
};

pg.redrawOnSwitch(element, draw);
watch("value", draw);
