// Saved thresholds: how each was chosen and how good it was, and what can be done with it.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const panel = () => window.playgroundThreshold;

const value = () => props.value || {};
const say = (key, values) => pg.say(`saved.${key}`, values);
const button = (key, click, kind = "", options = {}) => pg.el("button", { type: "button", class: `pg-button ${kind}`, ...options, on: { click } },
  pg.el("span", { class: "pg-button-text", text: say(key) }));
const raw = (scale) => (scale === "bm25" ? "BM25" : pg.say(`ranking.raw_${scale}`).toLowerCase());
// Short where that says it all; the title has every digit.
const short = (number) => pg.signed(number, Math.abs(number) >= 100 ? 1 : 3);
const whole = (number) => String(number).replace("-", "\u2212");
const unit = (number, scale) => (["logit", "log-odds"].includes(scale) ? say("both", { raw: short(number), name: raw(scale), sigmoid: shown(panel().sigmoid(number)) }) : `${short(number)} ${raw(scale)}`);
// A sigmoid that is not quite 0 or 1 must not read as if it were.
const shown = (p) => (p > 0.9995 && p < 1 ? "> 0.999" : p < 0.0005 && p > 0 ? "< 0.001" : p.toFixed(3));

function when(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : new Intl.DateTimeFormat(pg.language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" }).format(date);
}

// ---- the list -------------------------------------------------------------------------------------------------------

function facts(one) {
  const counts = say("counts", { queries: one.n_queries, pairs: one.n_pairs, relevant: one.n_relevant });
  const rows = [
    ["model", [one.model, one.revision ? `@${one.revision.slice(0, 10)}` : "", pg.ranOn(one.device, one.precision_name), one.windows ? pg.phrase(one.windows) : ""].filter(Boolean).join(" · "), one.model_id],
    ["weights", one.fingerprint.slice(0, 12), one.fingerprint],
    ["chosen", [panel().how(one), one.set ? say("on", { set: one.set }) : "", counts].filter(Boolean).join(" · ")],
    ["band", one.interval ? say("from_to", { low: short(one.interval[0]), high: short(one.interval[1]) }) : say("no_band"), one.interval ? one.interval.map(whole).join(" … ") : null],
    ["quality", say("rates", { precision: panel().share(one.precision), recall: panel().share(one.recall) })],
    ...(one.instruction ? [["instruction", one.instruction]] : []),
  ];
  return pg.el("dl", {}, ...rows.flatMap(([key, text, title]) => [pg.el("dt", { text: say(`fact_${key}`) }), pg.el("dd", { text, title: title || null, dir: "auto" })]));
}

function drawOne(one) {
  const of = { name: one.name };
  return pg.el("li", { class: `sv-one ${one.fits === true ? "sv-fits" : ""}`, data: { id: one.id } },
    pg.el("div", { class: "sv-head" },
      pg.el("h3", { text: one.name, dir: "auto" }),
      pg.el("span", { class: "sv-value", text: unit(one.value, one.scale), title: whole(one.value) }),
      pg.el("time", { datetime: one.saved_at, text: when(one.saved_at) })),
    facts(one),
    one.refusal ? pg.el("p", { class: "sv-why", text: pg.phrase(one.refusal) }) : null,
    ...one.warnings.map((warning) => pg.el("p", { class: "sv-why", text: pg.phrase(warning) })),
    pg.el("div", { class: "sv-tools" },
      button("load", () => trigger("lineasked", { id: one.id }), one.fits ? "pg-primary" : "", { "aria-label": say("load_of", of), title: say("load_title") }),
      button("code", () => trigger("codeasked", { id: one.id }), "", { "aria-label": say("code_of", of), title: say("code_title") }),
      button("json", () => trigger("acted", { verb: "download", id: one.id }), "", { "aria-label": say("json_of", of), title: say("json_title") }),
      button("delete", () => trigger("acted", { verb: "delete", id: one.id }), "pg-danger", { "aria-label": say("delete_of", of) })));
}

function openFiles() {
  const found = document.querySelector("#saved-import");
  (found?.matches("button") ? found : found?.querySelector("button"))?.click();
}

function draw() {
  const { saved = [], deleted, ready } = value();
  const undo = $(".pg-undo");
  undo.hidden = !deleted;
  undo.replaceChildren(...(deleted ? [pg.el("span", { text: say("deleted", { name: deleted.name.slice(0, 80) }) }),
    button("undo", () => trigger("acted", { verb: "restore", id: deleted.id }), "pg-primary")] : []));
  // The button that was pressed is gone with its row.
  if (deleted && document.activeElement?.closest(".sv-one")) undo.querySelector("button").focus();
  $(".sv-bar").replaceChildren(pg.el("h3", { text: say("all", { n: saved.length }) }), button("import", openFiles, "", { id: "saved-import-open", title: say("import_title") }));
  $(".sv-list").replaceChildren(...saved.map(drawOne));
  const nothing = $(".pg-nothing");
  nothing.hidden = saved.length > 0 || !ready;
  nothing.textContent = say("nothing");
}

pg.redrawOnSwitch(element, draw);
watch("value", draw);
pg.askUntil(element, () => props.value);
