// Ranking quality: the models of the set side by side, what each figure counts, and where the models differ.
// Figures are asked for once this tab is in sight; another baseline needs no server.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const COUNTINGS = ["expected", "trec_eval", "mteb-v1", "mteb-v2"];
const KS = [1, 3, 5, 10, 20, 100];
const FIRST_ROWS = 10;
const MORE_ROWS = 50;
const SIGNS = { better: "▲", worse: "▼", same: "=", unclear: "≈", "too-few": "≈" };

const kept = { counting: "expected", k: 10, judged_only: false, not_found: false, models: null, order_by: "map", baseline: null, rows: FIRST_ROWS, how: false };
let state = null;      // what the server said last
let found = null;      // the figures on the page
let asked = "";        // what they were asked with
let focus = null;      // the figure whose definition stands under the table

const key = (text) => text.replace(/-/g, "_");
const figure = (value) => pg.signed(value, 3);
const title = (each) => pg.say(`quality.m_${each.measure}`, { k: each.cutoff });
const compared = () => found.models.filter((model) => model.at !== null).sort((a, b) => a.at - b.at);
const button = (text, options = {}) => pg.el("button", { type: "button", ...options, class: `pg-button ${options.class || ""}` }, pg.el("span", { class: "pg-button-text", text }));
const difference = (model, other, at) => (found.differences[`${model}-${other}`] || [])[at] || null;

// ---- asking ---------------------------------------------------------------------------------------------------------

function wanted() {
  const { counting, k, judged_only, not_found, models, order_by } = kept;
  return { counting, k, judged_only, not_found, models, order_by };
}

const inSight = () => element.isConnected && element.getClientRects().length > 0;

function ask() {
  if (!state || !state.token || state.says.length || !inSight()) return;
  const now = JSON.stringify([state.token, wanted()]);
  if (now === asked) return;
  asked = now;
  $(".lq").classList.add("lq-busy");
  trigger("measured", wanted());
}

function change(settings) {
  Object.assign(kept, settings);
  drawTools();
  ask();
}

// ---- what to see first ----------------------------------------------------------------------------------------------

const ofQuestions = (model) => pg.say("quality.n_of", { n: model.n_first, total: found.n_shared });

function drawHeadline() {
  const models = [...compared()].sort((a, b) => b.n_first - a.n_first || a.at - b.at);
  const box = $(".lq-headline");
  if (!found.n_shared) { box.replaceChildren(pg.el("p", { class: "lq-first", text: pg.say("quality.none_counts") })); return; }
  const [first, ...rest] = models;
  const lines = [pg.el("p", { class: "lq-first", text: pg.say("quality.headline", { model: first.name, n: found.n_shared, first: first.n_first }) })];
  if (rest.length) lines.push(pg.el("p", { text: rest.map((model) => pg.say("quality.also", { model: model.name, of: ofQuestions(model) })).join(pg.say("quality.also_and")) }));
  const tied = models.filter((model) => model.n_tied_first);
  if (tied.length) lines.push(pg.el("p", { class: "pg-muted", text: tied.map((model) => pg.say("quality.tied_first", { model: model.name, n: model.n_tied_first })).join(" ") }));
  if (rest.length) lines.push(pg.el("p", { text: verdict() }));
  box.replaceChildren(...lines);
}

// Whether the model that is ahead by the chosen figure is ahead for sure.
function verdict() {
  const at = place();
  const models = compared();
  const by = title(found.figures[at]);
  const order = [...models].sort((a, b) => found.estimates[b.at][at][0] - found.estimates[a.at][at][0]);
  const best = found.best[at];
  if (best !== null) return pg.say("quality.is_best", { model: models[best].name, by });
  if (found.n_shared < found.least) return pg.say("quality.too_few", { n: found.n_shared, least: found.least });
  const near = order.filter((model) => model !== order[0] && difference(order[0].at, model.at, at)[3] !== "better");
  const same = near.every((model) => difference(order[0].at, model.at, at)[3] === "same");
  return pg.say(same ? "quality.all_same" : "quality.not_apart", { model: order[0].name, other: near.map((model) => model.name).join(pg.say("quality.or")), by, n: found.n_shared });
}

function place() {
  const at = found.figures.findIndex((each) => each.key === found.order_by);
  return at < 0 ? 0 : at;
}

function drawWarnings() {
  const said = [];
  for (const model of found.models) {
    if (model.failed) said.push(`${model.name}: ${pg.phrase(model.failed)}`);
    else if (model.n_scored < found.n_pairs) {
      const values = { model: model.name, n: model.n_scored, total: found.n_pairs, queries: model.n_counted };
      said.push(pg.say(model.at === null ? "quality.part_left_out" : found.not_found ? "quality.part_not_found" : "quality.part", values));
    }
  }
  if (found.all_relevant) said.push(pg.say("quality.all_relevant"));
  if (found.n_shared === 1) said.push(pg.say("quality.one_query"));
  if (!found.n_shared) said.push(...Object.entries(found.left_out).map(([reason, n]) => pg.say(`quality.out_${key(reason)}`, { n })));
  $(".lq-warnings").replaceChildren(...said.map((text) => pg.el("li", { text })));
}

// ---- settings -------------------------------------------------------------------------------------------------------

function chooser(id, name, options, value, picked) {
  const select = pg.el("select", { id, on: { change: () => picked(select.value) } }, ...options.map(([own, text]) => pg.el("option", { value: own, text })));
  select.value = value;
  return pg.el("label", { class: "lq-choice" }, pg.el("span", { text: name }), select);
}

function checkbox(id, text, hint, checked, picked) {
  const box = pg.el("input", { type: "checkbox", id, on: { change: () => picked(box.checked) } });
  box.checked = checked;
  return pg.el("label", { class: "lq-check", title: hint }, box, pg.el("span", { text }));
}

function drawTools() {
  if (!found) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const models = compared();
  const preset = kept.counting.startsWith("mteb");
  const unjudged = found.n_unjudged + found.n_unsure > 0;
  const partial = found.models.some((model) => model.n_scored < found.n_pairs);
  const down = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";
  const file = (which, text) => pg.el("button", { type: "button", class: "pg-button", id: `quality-csv-${which}`, title: pg.say(`quality.csv_${which}_title`), on: { click: () => trigger("exported", { ...wanted(), which }) } },
    pg.svg(down, 15), pg.el("span", { class: "pg-button-text", text }));
  const ks = [...new Set([...KS, kept.k])].sort((a, b) => a - b);
  $(".lq-tools").replaceChildren(...[
    chooser("quality-counting", pg.say("quality.counting"), COUNTINGS.map((each) => [each, pg.say(`quality.c_${key(each)}`)]), kept.counting, (value) => change({ counting: value })),
    preset ? null : chooser("quality-k", pg.say("quality.k"), ks.map((k) => [String(k), String(k)]), String(kept.k), (value) => change({ k: Number(value) })),
    models.length > 1 ? chooser("quality-baseline", pg.say("quality.baseline"), [["", pg.say("quality.no_baseline")], ...models.map((model) => [model.key, model.name])], baseline()?.key || "", (value) => { kept.baseline = value; draw(); document.getElementById("quality-baseline")?.focus(); }) : null,
    !preset && unjudged ? checkbox("quality-judged", pg.say("quality.judged_only"), pg.say("quality.judged_only_title"), kept.judged_only, (checked) => change({ judged_only: checked })) : null,
    partial || kept.not_found ? checkbox("quality-not-found", pg.say("quality.not_found"), pg.say("quality.not_found_title"), kept.not_found, (checked) => change({ not_found: checked })) : null,
    pg.el("span", { class: "lq-files" }, file("figures", pg.say("quality.csv")), file("questions", pg.say("quality.csv_questions"))),
  ].filter(Boolean));
  if (focused) document.getElementById(focused)?.focus();
}

// Nobody's choice: the last of several models, which scored first.
function baseline() {
  const models = compared();
  if (kept.baseline === "" || models.length < 2) return null;
  return models.find((model) => model.key === kept.baseline) || models[models.length - 1];
}

// ---- the table ------------------------------------------------------------------------------------------------------

const sentences = (parts) => parts.filter(Boolean).join(pg.language === "zh" ? "" : " ");

function meaning(each) {
  return sentences([pg.say(`quality.what_${each.measure}`, { k: each.cutoff, n: each.cutoff }), pg.say(`quality.gain_${each.gain}`, { grade: each.relevant_from })]);
}

function definition(each) {
  const unjudged = found.n_unjudged + found.n_unsure ? pg.say(`quality.unjudged_${key(each.unjudged)}`) : "";
  return sentences([meaning(each), pg.say(`quality.ties_${key(each.ties)}`), unjudged]);
}

function explain(each) {
  focus = each.key;
  $(".lq-what").textContent = definition(each);
}

function heading(each) {
  const chosen = each.key === found.order_by;
  const show = () => explain(each);
  return pg.el("th", { scope: "col", class: chosen ? "lq-chosen" : null }, pg.el("button", {
    type: "button", id: `quality-by-${each.measure}`, "aria-pressed": String(chosen), "aria-describedby": "quality-what", title: pg.say("quality.sort_by"), text: title(each),
    on: { click: () => { show(); kept.rows = FIRST_ROWS; change({ order_by: each.measure }); }, focus: show, mouseenter: show },
  }));
}

function differenceLine(model, at) {
  const other = baseline();
  const gap = other && other.at !== model.at ? difference(model.at, other.at, at) : null;
  if (!gap) return null;
  const [mean, low, high, says, wins, ties, losses] = gap;
  const sign = mean > 0 ? "+" : "";
  const said = pg.say(`quality.d_${key(says)}`, { other: other.name, low: figure(low), high: figure(high), n: found.n_shared, least: found.least });
  return pg.el("span", { class: `lq-diff lq-${says}`, title: `${said} ${pg.say("quality.wins", { wins, ties, losses })}` },
    pg.el("span", { "aria-hidden": "true", text: `${SIGNS[says]} ${sign}${figure(mean)}` }), pg.el("span", { class: "pg-hidden", text: `${sign}${figure(mean)}. ${said}` }));
}

function cell(model, at) {
  const estimate = found.estimates[model.at]?.[at];
  if (!estimate) return pg.el("td", { text: "–" });
  const [mean, low, high] = estimate;
  const best = found.best[at] === model.at;
  return pg.el("td", { class: best ? "lq-best" : null },
    pg.el("span", { class: "lq-mean" }, pg.el("strong", { text: figure(mean) }), best ? pg.el("span", { class: "lq-star", title: pg.say("quality.best_title"), text: "★" }) : null, best ? pg.el("span", { class: "pg-hidden", text: pg.say("quality.best_title") }) : null),
    low === undefined ? pg.el("span", { class: "lq-interval lq-alike", title: pg.say("quality.no_spread_title"), text: pg.say("quality.no_spread", { n: found.n_shared }) })
      : pg.el("span", { class: "lq-interval", title: pg.say("quality.interval_title", { n: found.n_shared }), text: pg.say("quality.interval", { low: figure(low), high: figure(high) }) }),
    differenceLine(model, at));
}

function nameCell(model) {
  const many = found.models.filter((each) => !each.failed).length > 1;
  const text = pg.el("span", { class: "lq-name", title: model.id, text: model.name, dir: "auto" });
  const badge = baseline() === model ? pg.el("span", { class: "pg-badge", text: pg.say("quality.is_baseline") }) : null;
  if (!many || model.failed) return pg.el("th", { scope: "row" }, text);
  const box = pg.el("input", { type: "checkbox", id: `quality-compare-${found.models.indexOf(model)}`, "aria-label": pg.say("quality.compare_this", { model: model.name }), on: { change: () => pick(model, box.checked) } });
  box.checked = model.at !== null;
  box.disabled = box.checked && compared().length === 1;
  return pg.el("th", { scope: "row" }, pg.el("label", { class: "lq-pick" }, box, text), badge);
}

function pick(model, checked) {
  const keys = compared().map((each) => each.key).filter((each) => each !== model.key);
  change({ models: checked ? [...keys, model.key] : keys });
}

function drawFigures() {
  // Each in its own place, compared or not: a row must not jump from under the pointer that unticked it.
  const models = found.models;
  const head = pg.el("tr", {}, pg.el("th", { scope: "col", text: pg.say("quality.model") }),
    pg.el("th", { scope: "col", class: "lq-count", title: pg.say("quality.first_title"), text: pg.say("quality.first") }), ...found.figures.map(heading));
  const rows = models.map((model) => pg.el("tr", { class: model.at === null ? "lq-out" : null }, nameCell(model),
    model.at === null ? pg.el("td", { colspan: found.figures.length + 1, class: "pg-muted", text: model.failed ? pg.phrase(model.failed) : pg.say("quality.not_compared", { n: model.n_scored, total: found.n_pairs }) }) : null,
    ...(model.at === null ? [] : [pg.el("td", { class: "lq-count", text: found.n_shared ? ofQuestions(model) : "–" }), ...found.figures.map((_, at) => cell(model, at))])));
  const name = pg.say("quality.figures");
  $(".lq-figures").replaceChildren(pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": name },
    pg.el("table", { class: "lq-grid" }, pg.el("caption", { class: "pg-hidden", text: name }), pg.el("thead", {}, head), pg.el("tbody", {}, ...rows))));
  explain(found.figures.find((each) => each.key === focus) || found.figures[place()]);
}

function drawCounts() {
  const out = Object.entries(found.left_out);
  const unjudged = found.n_unjudged + found.n_unsure;
  const trivial = found.figures.filter((each) => each.cutoff >= found.longest && ["r", "hit"].includes(each.measure));
  const stars = found.best.some((best) => best !== null);
  const said = [
    pg.say(out.length ? "quality.counted_of" : "quality.counted_all", { n: found.n_shared, total: found.n_queries }),
    ...(found.n_shared ? out.map(([reason, n]) => pg.say(`quality.out_${key(reason)}`, { n })) : []),
    unjudged ? pg.say(found.judged_only ? "quality.n_unjudged_out" : "quality.n_unjudged", { n: unjudged, unsure: found.n_unsure }) : "",
    ...compared().filter((model) => model.n_ties).map((model) => pg.say("quality.n_ties", { model: model.name, n: model.n_ties })),
    found.n_shared && trivial.length ? pg.say("quality.trivial", { n: found.longest, k: found.k, what: trivial.map(title).join(pg.say("quality.also_and")) }) : "",
    compared().length > 1 && found.n_shared ? pg.say(stars ? "quality.stars" : "quality.no_stars", { n: found.n_shared }) : "",
  ];
  $(".lq-counts").replaceChildren(...said.filter(Boolean).map((text) => pg.el("li", { text })));
}

// The tie rule once for all figures, or with the names of those that it holds for.
function ofTies(ties) {
  const own = found.figures.filter((each) => each.ties === ties);
  const text = pg.say(`quality.ties_${key(ties)}`);
  return own.length === found.figures.length ? text : `${own.map(title).join(", ")}: ${text}`;
}

function drawHow() {
  const details = pg.el("details", { class: "pg-meaning", open: kept.how }, pg.el("summary", { text: pg.say("quality.how") }),
    pg.el("div", {}, pg.el("p", { text: pg.say(`quality.how_${key(found.counting)}`) }),
      pg.el("dl", {}, ...found.figures.flatMap((each) => [pg.el("dt", { text: title(each) }), pg.el("dd", { text: meaning(each) })])),
      ...[...new Set(found.figures.map((each) => each.ties))].map((ties) => pg.el("p", { text: ofTies(ties) })),
      pg.el("p", { text: pg.say(found.judged_only ? "quality.how_judged_only" : "quality.how_unjudged") }),
      pg.el("p", { text: pg.say(found.not_found ? "quality.how_not_found" : "quality.how_left_out") }),
      pg.el("p", { text: pg.say("quality.how_intervals", { least: found.least }) })));
  details.addEventListener("toggle", () => { kept.how = details.open; });
  $(".lq-how").replaceChildren(details);
}

// ---- the questions --------------------------------------------------------------------------------------------------

function firstAt(first) {
  if (!first) return pg.say("quality.nowhere");
  return first[0] === first[1] ? pg.say("quality.first_at", { place: first[0] }) : pg.say("quality.first_between", { low: first[0], high: first[1] });
}

function questionCells(row) {
  const top = Math.max(...row.values), bottom = Math.min(...row.values);
  return row.values.map((value, at) => pg.el("td", { class: top - bottom > 1e-9 ? (value === top ? "lq-top" : value === bottom ? "lq-bottom" : null) : null },
    pg.el("strong", { text: figure(value) }), pg.el("span", { class: "lq-place", title: row.tied[at] ? pg.say("quality.tied_here") : null, text: firstAt(row.first[at]) })));
}

function drawQuestions() {
  const { rows, total, left_out: out = [] } = found.queries;
  const box = $(".lq-questions");
  box.hidden = !total && !out.length;
  if (box.hidden) return;
  const models = compared();
  const each = found.figures[place()];
  const other = baseline();
  const duels = other ? models.filter((model) => model !== other).map((model) => {
    const [mean, low, high, , wins, ties, losses] = difference(model.at, other.at, place()) || [];
    return wins === undefined ? null : pg.say("quality.duel", { model: model.name, other: other.name, by: title(each), mean: `${mean > 0 ? "+" : ""}${figure(mean)}`, low: figure(low), high: figure(high), wins, ties, losses });
  }).filter(Boolean) : [];
  const shown = rows.slice(0, kept.rows);
  const table = total ? pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": pg.say("quality.questions") }, pg.el("table", { class: "lq-grid lq-by-question" },
    pg.el("thead", {}, pg.el("tr", {}, pg.el("th", { scope: "col", text: pg.say("quality.question") }), ...models.map((model) => pg.el("th", { scope: "col", text: model.name })))),
    pg.el("tbody", {}, ...shown.map((row) => pg.el("tr", {}, pg.el("th", { scope: "row", dir: "auto", text: row.text }), ...questionCells(row)))))) : null;
  const left = Math.min(rows.length, total) - shown.length;
  const parts = [
    pg.el("h3", { text: pg.say("quality.questions") }),
    total ? pg.el("p", { class: "pg-hint", text: pg.say(models.length > 1 ? "quality.questions_hint" : "quality.questions_hint_single", { by: title(each) }) }) : null,
    ...duels.map((text) => pg.el("p", { class: "lq-duel", text })), table,
    left > 0 ? pg.el("div", { class: "lq-more" }, button(pg.say("quality.more", { n: left }), { id: "quality-more", on: { click: () => { kept.rows += MORE_ROWS; drawQuestions(); } } })) : null,
    total > rows.length && left <= 0 ? pg.el("p", { class: "pg-muted", text: pg.say("quality.only_rows", { n: rows.length, total }) }) : null,
    out.length ? pg.el("details", { class: "pg-meaning" }, pg.el("summary", { text: pg.say("quality.left_out", { n: Object.values(found.left_out).reduce((a, b) => a + b, 0) }) }),
      pg.el("ul", { class: "lq-left" }, ...out.map((row) => pg.el("li", {}, pg.el("span", { dir: "auto", text: row.text }), pg.el("span", { class: "pg-muted", text: ` – ${pg.say(`quality.reason_${key(row.reason)}`)}` }))))) : null,
  ];
  box.replaceChildren(...parts.filter(Boolean));
}

// ---- all of it ------------------------------------------------------------------------------------------------------

function draw() {
  if (!$(".lq")) return;
  const says = state ? state.says : [];
  $(".lq-says").hidden = !says.length;
  $(".lq-says").replaceChildren(...says.map((item) => pg.el("p", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })));
  $(".lq-body").hidden = Boolean(says.length) || !found;
  if ($(".lq-body").hidden) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  drawHeadline();
  drawWarnings();
  drawTools();
  drawFigures();
  drawCounts();
  drawHow();
  drawQuestions();
  if (focused) document.getElementById(focused)?.focus();
}

function receive() {
  const value = props.value;
  if (!value) return;
  state = value;
  if (value.found) {
    found = value.found;
    $(".lq").classList.remove("lq-busy");
  }
  if (value.says.length) {
    // An error, or nothing to measure: what is asked next is asked anew.
    asked = "";
    $(".lq").classList.remove("lq-busy");
  }
  draw();
  if (!value.found) ask();
}

new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) ask(); }).observe(element);
pg.redrawOnSwitch(element, draw);
watch("value", receive);
receive();
pg.askUntil(element, () => props.value);
