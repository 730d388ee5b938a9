// The numbers about a comparison: agreement of each two models, precisions, cost, and an earlier run beside this one.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const METRICS = ["kendall_tau_b", "spearman", "rbo_50", "rbo_90", "overlap", "same_top"];
const HELP = ["help_what", "help_kendall", "help_spearman", "help_rbo", "help_overlap", "help_same_top", "help_ties", "help_undefined"];
const SYMBOLS = ["●", "◆", "■", "▲", "✚", "★", "▼", "✖"];

let data = null;
const open = new Set();

const head = (text, hint) => [pg.el("h2", { text }), hint ? pg.el("p", { class: "pg-hint", text: hint }) : null];
const scroller = (name, table) => pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": name }, table);
const headings = (texts) => pg.el("thead", {}, pg.el("tr", {}, ...texts.map(([text, title]) => pg.el("th", { scope: "col", text, title }))));
const button = (options, text) => pg.el("button", { type: "button", class: "pg-button", ...options }, pg.el("span", { class: "pg-button-text", text }));
const raw = (value) => (value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : pg.signed(value, 4));

// ---- agreement ------------------------------------------------------------------------------------------------------

function measure(name, { value, reason }) {
  if (value === null) {
    return pg.el("td", { class: "pg-undefined" }, pg.el("span", { text: pg.say("compare.undefined") }), pg.el("sup", { text: ` ${reason + 1}` }));
  }
  if (name === "same_top") return pg.el("td", { text: pg.say(value ? "compare.yes" : "compare.no") });
  const share = name === "kendall_tau_b" || name === "spearman" ? (value + 1) / 2 : value;
  return pg.el("td", { class: "pg-measure", style: { "--share": Math.max(0, Math.min(1, share)).toFixed(3) } }, pg.el("span", { text: pg.signed(value, 2) }));
}

function drawAgreement() {
  const { rows, reasons, says } = data.agreement;
  const name = pg.say("compare.agreement");
  const help = pg.el("details", { class: "pg-meaning", open: open.has("help"), on: { toggle: (event) => (event.target.open ? open.add("help") : open.delete("help")) } },
    pg.el("summary", { text: pg.say("compare.help") }), pg.el("div", {}, ...HELP.map((key) => pg.el("p", { text: pg.say(`compare.${key}`) }))));
  const ks = [...new Set(rows.map((row) => row.k))];
  const titles = METRICS.map((metric) => [metric === "overlap" ? pg.say("compare.m_overlap", { k: ks.length === 1 ? ks[0] : "k" }) : pg.say(`compare.m_${metric}`), pg.say(`compare.t_${metric}`)]);
  const table = rows.length ? scroller(name, pg.el("table", { class: "pg-grid pg-agree" },
    headings([[pg.say("compare.models_two")], ...titles, [pg.say("compare.passages_both"), pg.say("compare.passages_both")]].map(([text, title]) => [text, title || null])),
    pg.el("tbody", {}, ...rows.map((row) => pg.el("tr", {},
      pg.el("th", { scope: "row" }, pg.el("span", { text: row.first }), pg.el("span", { class: "pg-muted", text: " ↔ " }), pg.el("span", { text: row.second })),
      ...METRICS.map((metric) => measure(metric, row.measures[metric])),
      pg.el("td", { text: row.n_left_out ? pg.say("compare.n_of", { n: row.n, left: row.n_left_out }) : pg.number(row.n) })))))) : null;
  $(".pg-agreement").replaceChildren(...[...head(name, pg.say("compare.agreement_hint")), ...says.map((item) => pg.el("p", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })), table,
    reasons.length ? pg.el("ol", { class: "pg-reasons" }, ...reasons.map((item) => pg.el("li", { text: pg.phrase(item) }))) : null, help].filter(Boolean));
}

// ---- precisions -----------------------------------------------------------------------------------------------------

function speedOf(pair) {
  const [first, second] = pair.names;
  if (pair.busy) return [pg.el("p", { class: "pg-muted", role: "status", text: pg.phrase(pair.busy) })];
  const { speed } = pair;
  const said = [];
  if (speed) {
    const faster = speed.ratio >= 1;
    const ratio = faster ? speed.ratio : 1 / speed.ratio;
    const ends = faster ? [speed.least, speed.most] : [1 / speed.most, 1 / speed.least];
    said.push(pg.el("p", {}, pg.el("strong", { text: pg.say("compare.faster", { fast: faster ? second : first, slow: faster ? first : second, ratio: pg.number(ratio, 2) }) })),
      pg.el("p", { class: "pg-muted", text: pg.say("compare.speed_how", { rounds: speed.n_rounds, passages: speed.n_passages, device: speed.device.toUpperCase(), least: pg.number(ends[0], 2), most: pg.number(ends[1], 2) }) }));
  }
  said.push(button({ class: "pg-button pg-time", title: pg.say("compare.time_title"), on: { click: () => trigger("timed", { pair: pair.pair }) } }, pg.say(speed ? "compare.time_again" : "compare.time")));
  return said;
}

function drawPrecision(pair) {
  if (pair.says) return pg.el("div", { class: "pg-precision-card" }, pg.el("h3", { text: pair.names.join(" ↔ ") }), pg.el("p", { class: "pg-warn", text: pg.phrase(pair.says) }));
  const scale = pg.say(`ranking.raw_${pair.scale}`).toLowerCase();
  const order = pair.order_kept === null ? pg.say("compare.one_has_no_order") : pair.order_kept ? pg.say("compare.order_kept") : pg.say("compare.order_moved", { n: pair.n_moved, most: pair.largest_move, pairs: pair.n_reversed });
  const facts = [
    [pg.say("compare.largest", { scale }), `${raw(pair.largest)} (${pg.say("plot.passage", { n: pair.largest_at + 1 })})`],
    [pg.say("compare.mean", { scale }), raw(pair.mean)],
    [pg.say("compare.order"), order],
    [pg.say("compare.first_place"), pg.say(pair.top_kept ? "compare.top_kept" : "compare.top_moved")],
  ];
  return pg.el("div", { class: "pg-precision-card" }, pg.el("h3", { text: pair.names.join(" ↔ ") }),
    pg.el("dl", {}, ...facts.flatMap(([name, value]) => [pg.el("dt", { text: name }), pg.el("dd", { text: value })])),
    pair.can_time ? pg.el("div", { class: "pg-speed" }, ...speedOf(pair))
      : pg.el("p", { class: "pg-muted", text: pair.pair.map((place) => pg.ranOn(data.models[place].device, data.models[place].precision)).join(" ↔ ") }));
}

function drawPrecisions() {
  const part = $(".pg-precisions");
  part.hidden = data.precisions.length === 0;
  part.replaceChildren(...[...head(pg.say("compare.precisions"), pg.say("compare.precisions_hint")), pg.el("div", { class: "pg-precision-cards" }, ...data.precisions.map(drawPrecision))].filter(Boolean));
}

// ---- what each model is and costs -----------------------------------------------------------------------------------

const unknown = () => pg.say("compare.not_known");
const millions = (n) => (n >= 1e9 ? `${pg.number(n / 1e9, 1)} B` : n >= 1e6 ? `${pg.number(Math.round(n / 1e6))} M` : pg.number(n));

function seconds(model) {
  if (model.seconds === null) return model.n_cached ? pg.say("compare.all_cached") : "–";
  const said = model.seconds < 0.1 ? pg.say("result.milliseconds", { n: Math.round(model.seconds * 1000) || "<1" }) : pg.say("result.seconds", { seconds: pg.number(model.seconds, model.seconds < 10 ? 2 : 1) });
  return model.n_cached ? `${said} (${pg.say("result.cached", { n: model.n_cached })})` : said;
}

function drawCosts() {
  const name = pg.say("compare.costs");
  const columns = [
    ["compare.time_taken", seconds],
    ["compare.rate", (model) => (model.passages_per_second === null ? "–" : model.passages_per_second < 10 ? pg.number(model.passages_per_second, 1) : pg.number(Math.round(model.passages_per_second)))],
    ["compare.memory", (model) => (model.keyword ? pg.say("compare.none_needed") : model.memory_mib === null ? unknown() : `${pg.number(Math.round(model.memory_mib))} MiB`)],
    ["compare.ran_on", (model) => (model.device ? pg.ranOn(model.device, model.precision) : "–")],
    ["models.parameters", (model) => (model.keyword ? pg.say("compare.none_needed") : model.parameters ? millions(model.parameters) : unknown())],
    ["compare.longest", (model) => (model.max_length === 0 ? pg.say("compare.no_limit") : model.max_length === null ? unknown() : pg.number(model.max_length))],
    ["compare.tokens", (model) => (model.n_tokens === null ? "–" : `${pg.number(model.n_tokens)}${model.n_cut ? ` · ${pg.say("compare.n_cut", { n: model.n_cut })}` : ""}`)],
    ...(data.models.some((model) => model.reading) ? [["windows.reading", (model) => model.reading ? pg.phrase(model.reading) : (model.keyword ? "–" : model.device === "remote" ? unknown() : pg.say("windows.cut"))]] : []),
    ["models.licence", (model) => (model.keyword ? pg.say("compare.no_licence") : model.licence || unknown())],
    ...(data.models.some((model) => model.instruction) ? [["compare.before_query", (model) => model.instruction || "–"]] : []),
    ...(data.models.some((model) => model.passage_instruction) ? [["compare.before_passages", (model) => model.passage_instruction || "–"]] : []),
  ];
  $(".pg-costs").replaceChildren(...head(name, pg.say("compare.costs_hint")), scroller(name, pg.el("table", { class: "pg-grid pg-cost" },
    headings([[pg.say("compare.model")], ...columns.map(([key]) => [pg.say(key)])]),
    pg.el("tbody", {}, ...data.models.map((model) => pg.el("tr", {},
      pg.el("th", { scope: "row", text: `${model.series === null ? "○" : SYMBOLS[model.series % SYMBOLS.length]} ${model.name}` }), ...columns.map(([, cell]) => pg.el("td", { text: cell(model) }))))))));
}

// ---- an earlier run -------------------------------------------------------------------------------------------------

function when(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? String(iso)
    : new Intl.DateTimeFormat(pg.language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" }).format(date);
}

function drawEarlier() {
  const parts = head(pg.say("compare.earlier"), pg.say("compare.earlier_hint"));
  if (data.differences) {
    parts.push(pg.el("div", { class: "pg-replay" }, pg.el("strong", { text: pg.say("compare.differences", { since: data.since }) }),
      ...data.differences.map((group) => pg.el("div", {}, group.name ? pg.el("p", { class: "pg-replay-name", text: group.name }) : null,
        pg.el("ul", {}, ...group.said.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })))))),
    button({ id: "compare-unlay", on: { click: () => trigger("laid", { id: "" }) } }, pg.say("compare.unlay")));
  }
  if (data.earlier === null) parts.push(button({ id: "compare-seek", on: { click: () => trigger("sought", {}) } }, pg.say("compare.seek")));
  else if (data.earlier.length === 0) parts.push(pg.el("p", { class: "pg-muted", role: "status", text: pg.say("compare.none_earlier") }));
  else {
    parts.push(pg.el("ul", { class: "pg-past" }, ...data.earlier.map((run) => pg.el("li", {},
      pg.el("button", { type: "button", class: "pg-button", data: { run: run.id }, on: { click: () => trigger("laid", { id: run.id }) } }, pg.el("span", { class: "pg-button-text", text: when(run.created) })),
      pg.el("span", { class: "pg-past-facts", dir: "auto", text: `${run.models} · ${run.query}` })))));
  }
  $(".pg-earlier").replaceChildren(...parts.filter(Boolean));
}

function draw() {
  data = props.value && props.value.models ? props.value : null;
  $(".pg-compare-details").hidden = !data;
  if (!data) return;
  drawAgreement();
  drawPrecisions();
  drawCosts();
  drawEarlier();
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
