// The labelled set in view: which one, what is in it, whose scores, and with which models to score it.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
// What stands here and is not sent before a button is pressed: it outlives a redraw.
const kept = { models: null, typed: "", open: false, renaming: null };

// What the server said last, counted on by what is labelled since.
let strip = null;
const value = () => strip;
const choice = (model) => value().choices.find((each) => each.value === model);
const label = (model) => choice(model)?.label || model;
// Without what the catalogue adds in brackets.
const BRACKETS = / [(（].*[)）]$/;
const short = (model) => label(model).replace(BRACKETS, "");
const button = (key, options = {}, values = {}) => pg.el("button", { type: "button", ...options, class: `pg-button ${options.class || ""}` },
  pg.el("span", { class: "pg-button-text", text: pg.say(key, values) }));
const join = (parts) => parts.filter(Boolean).join(pg.say("labelled_set.and"));
const option = (own, text) => pg.el("option", { value: own, text });

function setName(each) {
  const name = pg.setName(each.id, each.name);
  if (each.id === "page") return name;
  if (each.id === "labels") return `${name} (${pg.say("labelled_set.n_pairs", { n: each.pairs })})`;
  return `${name} (${join([pg.say("labelled_set.n_queries", { n: each.queries }), pg.say("labelled_set.n_pairs", { n: each.pairs })])})`;
}

function drawSet() {
  const now = value();
  const select = pg.el("select", { id: "threshold-set", class: "threshold-select", "aria-label": pg.say("labelled_set.set"),
    on: { change: () => { kept.renaming = null; trigger("setchosen", { set: select.value }); } } });
  const ready = now.sets.filter((each) => pg.isReadySet(each.id));
  const own = now.sets.filter((each) => !pg.isReadySet(each.id));
  select.append(...ready.map((each) => option(each.id, setName(each))));
  if (own.length) select.append(pg.el("optgroup", { label: pg.say("labelled_set.own") }, ...own.map((each) => option(each.id, setName(each)))));
  // Deleted in another window, or still unnamed here.
  if (!now.sets.some((each) => each.id === now.set)) select.append(option(now.set, now.name || "?"));
  select.value = now.set;
  const files = pg.el("select", { id: "threshold-export", class: "threshold-select threshold-export", "aria-label": pg.say("labelled_set.export"), disabled: !now.facts.pairs,
    on: { change: () => { if (files.value) trigger("exported", { format: files.value }); files.value = ""; } } },
    option("", pg.say("labelled_set.export")), ...now.kinds.map((kind) => option(kind, pg.say(`labelled_set.as_${kind.replace("-", "_")}`))));
  return [
    pg.el("span", { class: "threshold-name", text: pg.say("labelled_set.set"), "aria-hidden": "true" }), select,
    pg.el("span", { class: "threshold-tools" },
      now.set === "page" ? button("labelled_set.again", { title: pg.say("labelled_set.again_title"), on: { click: () => trigger("setchosen", { set: "page" }) } }) : null,
      button("labelled_set.import", { id: "threshold-import-open", title: pg.say("labelled_set.import_title"), on: { click: openFiles } }), files,
      now.stored ? button("labelled_set.rename", { id: "threshold-rename", on: { click: () => { kept.renaming = now.name; draw(); $(".threshold-rename input")?.select(); } } }) : null,
      now.stored ? button("labelled_set.delete", { id: "threshold-delete", class: "pg-danger", on: { click: () => trigger("setacted", { verb: "delete", id: now.set }) } }) : null),
    kept.renaming === null || !now.stored ? null : renaming(),
  ].filter(Boolean);
}

function openFiles() {
  const found = document.querySelector("#threshold-import");
  (found?.matches("button") ? found : found?.querySelector("button"))?.click();
}

function renaming() {
  const box = pg.el("input", { id: "threshold-new-name", type: "text", maxlength: 200, "aria-label": pg.say("labelled_set.new_name"), dir: "auto" });
  box.value = kept.renaming;
  box.addEventListener("input", () => { kept.renaming = box.value; });
  const close = () => { kept.renaming = null; draw(); $("#threshold-rename")?.focus(); };
  const save = () => { const name = box.value; close(); trigger("setacted", { verb: "rename", id: value().set, name }); };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); save(); }
    if (event.key === "Escape") close();
  });
  return pg.el("div", { class: "threshold-rename" }, box, button("labelled_set.save", { class: "pg-primary", on: { click: save } }), button("labelled_set.cancel", { on: { click: close } }));
}

function drawFacts() {
  const { facts, set, from } = value();
  if (!facts.pairs) return pg.say(set === "labels" ? "labelled_set.none_mine" : set === "page" ? "labelled_set.none_page" : "labelled_set.none");
  const said = [
    pg.say(from > 1 ? "labelled_set.relevant_from" : "labelled_set.relevant", { n: facts.relevant, grade: from }), pg.say("labelled_set.not", { n: facts.not }),
    facts.unsure ? pg.say("labelled_set.unsure", { n: facts.unsure }) : "", facts.none ? pg.say("labelled_set.without", { n: facts.none }) : "",
  ];
  return pg.say("labelled_set.facts", { queries: pg.say("labelled_set.n_queries", { n: facts.queries }), pairs: pg.say("labelled_set.n_pairs", { n: facts.pairs }), labels: join(said) });
}

function scorerName(each) {
  const name = each.file ? pg.say("labelled_set.in_file", { name: each.name }) : each.name;
  const details = [each.device && !each.file ? pg.ranOn(each.device, each.precision) : "", each.max_length ? pg.say("labelled_set.tokens", { n: each.max_length }) : "", each.windows ? pg.phrase(each.windows) : "",
    each.instruction ? `“${each.instruction.slice(0, 40)}”` : ""];
  const part = each.n < value().facts.pairs ? pg.say("labelled_set.n_of", { n: each.n, total: value().facts.pairs }) : "";
  return [name, ...details, part].filter(Boolean).join(" · ");
}

function drawScores() {
  const now = value();
  const parts = [];
  if (now.scorers.length) {
    const select = pg.el("select", { id: "threshold-scorer", class: "threshold-select", "aria-label": pg.say("labelled_set.scores"),
      on: { change: () => trigger("scorespicked", { scorer: select.value }) } }, ...now.scorers.map((each) => option(each.key, scorerName(each))));
    select.value = now.scorer;
    parts.push(pg.el("span", { class: "threshold-name", text: pg.say("labelled_set.scores"), "aria-hidden": "true" }), select);
  }
  if (now.graded) {
    parts.push(pg.el("span", { class: "threshold-from" }, pg.el("span", { class: "threshold-from-name", id: "threshold-from-name", text: pg.say("labelled_set.from") }),
      pg.el("span", { class: "pg-segments", role: "group", "aria-labelledby": "threshold-from-name" }, ...[1, 2, 3].map((grade) => pg.el("button", {
        type: "button", id: `threshold-from-${grade}`, "aria-pressed": String(now.from === grade), text: String(grade), on: { click: () => trigger("scorespicked", { from: grade }) } })))));
  }
  for (const each of now.scorers) {
    parts.push(...each.warnings.map((warning) => pg.el("span", { class: "threshold-rest pg-warn", text: `${each.name}: ${pg.phrase(warning)}` })));
  }
  for (const each of now.busy ? [] : now.scorers) {
    if (!each.goes_on || each.n >= now.facts.pairs) continue;
    parts.push(pg.el("span", { class: "threshold-rest" }, pg.el("span", { class: "pg-warn", text: pg.say("labelled_set.part", { name: each.name.replace(BRACKETS, ""), n: each.n, total: now.facts.pairs }) }),
      button("labelled_set.go_on", { class: "threshold-continue", "aria-label": `${pg.say("labelled_set.go_on")}: ${each.name}`, on: { click: () => trigger("continued", { scorer: each.key }) } })));
  }
  return parts;
}

// The call to action: nothing was scored, and nothing is on its way.
const isFirst = () => !value().scorers.length && !value().busy;

function chosenModels() {
  const ticked = kept.models || (isFirst() ? [value().first] : []);
  return [...ticked, ...kept.typed.split(",").map((each) => each.trim()).filter(Boolean)];
}

function drawModels() {
  const models = chosenModels();
  const first = isFirst();
  const details = pg.el("details", { class: "threshold-models", open: kept.open });
  const typed = pg.el("input", { type: "text", id: "threshold-typed", placeholder: pg.say("labelled_set.typed_hint"), "aria-label": pg.say("labelled_set.typed"), spellcheck: "false", dir: "auto" });
  typed.value = kept.typed;
  typed.addEventListener("input", () => { kept.typed = typed.value; drawAskButton(); });
  details.append(pg.el("summary", { id: "threshold-models", text: pg.say(first ? "labelled_set.choose" : "labelled_set.more_models") }),
    pg.el("fieldset", {}, pg.el("legend", { class: "pg-hidden", text: pg.say("labelled_set.models") }),
      ...value().choices.map((each) => {
        const box = pg.el("input", { type: "checkbox", value: each.value, on: { change: () => pick(each.value, box.checked) } });
        box.checked = models.includes(each.value);
        return pg.el("label", {}, box, pg.el("span", { text: each.label }));
      })), typed,
    pg.el("p", { class: "pg-muted", text: pg.say("labelled_set.models_hint") }), first ? "" : askButton());
  details.addEventListener("toggle", () => { kept.open = details.open; });
  return details;
}

function pick(model, checked) {
  const others = chosenModels().filter((each) => choice(each) && each !== model);
  kept.models = checked ? [...others, model] : others;
  drawAskButton();
}

function askButton() {
  const now = value();
  const models = chosenModels();
  const first = isFirst();
  const values = { n: now.facts.pairs, model: models.length === 1 ? short(models[0]) : pg.say("labelled_set.n_models", { n: models.length }) };
  return button(models.length ? "labelled_set.score_these" : "labelled_set.no_model", {
    id: "threshold-score", class: first ? "pg-primary threshold-first" : "pg-primary", disabled: !models.length,
    on: { click: ask },
  }, values);
}

function ask() {
  const models = chosenModels();
  Object.assign(kept, { models: null, typed: "", open: false });
  trigger("scoreasked", { models });
}

function drawAskButton() {
  $("#threshold-score")?.replaceWith(askButton());
}

function drawAsk() {
  const now = value();
  if (!now.facts.pairs) return [];
  if (!isFirst()) return [drawModels()];
  return [pg.el("p", { class: "threshold-unscored", text: pg.say("labelled_set.unscored") }), pg.el("div", { class: "threshold-ask-row" }, askButton(), drawModels())];
}

function draw() {
  if (!value() || !$(".threshold-set")) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  $(".threshold-strip").setAttribute("aria-label", pg.say("labelled_set.strip"));
  $(".threshold-set").replaceChildren(...drawSet());
  $(".threshold-facts").textContent = drawFacts();
  $(".threshold-scores").replaceChildren(...drawScores());
  $(".threshold-ask").replaceChildren(...drawAsk());
  if (focused) document.getElementById(focused)?.focus();
}
const taken = () => {
  strip = props.value ? JSON.parse(JSON.stringify(props.value)) : null;
  draw();
};

// A label that was given below: another grade for one pair of this set.
function counted({ set, from, to, n_labels: nLabels }) {
  if (!strip) return;
  const { facts } = strip, kind = (grade) => (grade === null ? "none" : grade < 0 ? "unsure" : grade >= strip.from ? "relevant" : "not");
  if (set === strip.set) {
    facts[kind(from)] -= 1;
    facts[kind(to)] += 1;
    $(".threshold-facts").textContent = drawFacts();
  }
  const mine = strip.sets.find((each) => each.id === "labels"), shown = $("#threshold-set option[value=labels]");
  mine.pairs = nLabels;
  shown.textContent = setName(mine);
}
pg.hear(element, "playground:labelled", counted);
pg.redrawOnSwitch(element, draw);
watch("value", taken);
taken();

// The parts in the tabs ask through the strip: its answer shows what is in sight.
const want = (tab) => trigger("wanted", { tab });
pg.hear(element, "playground:wanted", want);
pg.askUntil(element, value, () => want());
