// The models to compare: the first is the workspace's, the others are rows of this list. The rows live in the browser.
const pg = window.playground;
const OTHER = "\u0000other";
const QUICK = ["built-in/mini-embedder", "bm25"];
const REMOVE = "M6 6l12 12M18 6L6 18";
const PLUS = "M12 5v14M5 12h14";
// Null until they were chosen once: the first click is to show a comparison.
const kept = { rows: null, nonce: null, made: 0 };

const value = () => props.value || { choices: [], groups: [], precisions: [], limit: 1, first: {} };
const ways = () => Object.entries(value().readings || {}).flatMap(([name, all]) => all.map((way) => ({ name, ...way })));
const choice = (model) => [...value().choices, ...ways().flatMap((way) => way.choices)].find((each) => each.value === model);
const isKeywords = (row) => row.model === "bm25";
// Letters and a colon: another machine decides how it runs. One letter is a drive of Windows.
const isElsewhere = (id) => /^[a-z]{2,}(\+https)?:/iu.test(id);
// What runs in no precision of ours and reads no windows.
const runsAlone = (id) => id === "bm25" || isElsewhere(id);
const unchosen = (row) => Object.assign(row, { precision: "auto", kind: "auto", reading: "", windows: null });
const isFull = () => kept.rows.length + 1 >= value().limit;
const button = (options, text, icon) => pg.el("button", { type: "button", class: "pg-button", ...options },
  icon ? pg.svg(icon, 15) : null, text ? pg.el("span", { class: "pg-button-text", text }) : null);

function precisionName(precision) {
  return precision === "auto" ? pg.say("model.auto") : precision;
}

function rowOf({ model, precision = "auto", kind = "auto", reading = "", windows = null }) {
  kept.made += 1;
  return { key: kept.made, model, precision, kind, reading, windows, typed: !choice(model) };
}

function add(...asked) {
  kept.rows.push(...asked.slice(0, value().limit - 1 - kept.rows.length).map(rowOf));
  drawRows();
  drawTools();
  element.querySelector(".pg-picker-rows li:last-child select")?.focus();
}

// The next model that does not stand here yet.
function next() {
  const there = new Set([value().first.id, ...kept.rows.map((row) => row.model)]);
  return (value().choices.find((each) => !there.has(each.value)) || value().choices[0]).value;
}

function remove(row) {
  kept.rows = kept.rows.filter((each) => each !== row);
  drawRows();
  drawTools();
  element.querySelector("#compare-add")?.focus();
}

function modelSelect(row, name) {
  const select = pg.el("select", { class: "pg-model", "aria-label": pg.say("compare.model_of", { n: name }) });
  for (const group of value().groups) {
    const own = value().choices.filter((each) => each.group === group);
    if (own.length) select.append(pg.el("optgroup", { label: pg.say(`family.${group}`) }, ...own.map((each) => pg.el("option", { value: each.value, text: [each.label, pg.phrase(each.size)].filter(Boolean).join(" — ") }))));
  }
  const own = row.typed ? null : choice(row.model);
  if (own && !value().choices.includes(own)) select.append(pg.el("option", { value: own.value, text: own.label }));
  select.append(pg.el("option", { value: OTHER, text: pg.say("compare.other_model") }));
  select.value = row.typed ? OTHER : row.model;
  select.addEventListener("change", () => {
    row.typed = select.value === OTHER;
    row.model = row.typed ? "" : select.value;
    row.kind = "auto";
    if (runsAlone(row.model)) unchosen(row);
    drawRows();
    drawTools();
    element.querySelector(`li[data-key="${row.key}"] ${row.typed ? "input" : "select"}`)?.focus();
  });
  return select;
}

function typedModel(row, name) {
  const box = pg.el("input", {
    type: "text", class: "pg-typed", placeholder: pg.say("compare.typed_hint"), "aria-label": pg.say("compare.typed_of", { n: name }), dir: "auto", spellcheck: "false",
  });
  box.value = row.model;
  box.addEventListener("input", () => {
    row.model = box.value;
    const alone = runsAlone(row.model);
    if (alone) unchosen(row);
    for (const each of box.parentElement.querySelectorAll("select:not(.pg-model)")) {
      each.hidden = alone;
      if (alone) each.selectedIndex = 0;
    }
  });
  const kind = pg.el("select", { class: "pg-kind", hidden: runsAlone(row.model), "aria-label": pg.say("compare.kind_of", { n: name }), title: pg.say("compare.kind_title") },
    ...[["auto", "compare.kind_auto"], ["reranker", "compare.kind_reranker"], ["embedder", "compare.kind_embedder"]].map(([kindName, key]) => pg.el("option", { value: kindName, text: pg.say(key) })));
  kind.value = row.kind;
  kind.addEventListener("change", () => { row.kind = kind.value; });
  return [box, kind];
}

function precisionSelect(row, name) {
  const select = pg.el("select", { class: "pg-precision", hidden: runsAlone(row.model), "aria-label": pg.say("compare.precision_of", { n: name }) },
    ...value().precisions.map((each) => pg.el("option", { value: each, text: precisionName(each) })));
  select.value = row.precision;
  select.addEventListener("change", () => { row.precision = select.value; });
  return select;
}

// Of long passages; empty: as the workspace has it.
function readingSelect(row, name) {
  const select = pg.el("select", { class: "pg-reading", hidden: runsAlone(row.model), "aria-label": pg.say("compare.reading_of", { n: name }), title: pg.say("windows.reading") },
    ...[["", "compare.reading_same"], ["cut", "compare.reading_cut"], ["windows", "compare.reading_windows"]].map(([each, key]) => pg.el("option", { value: each, text: pg.say(key) })));
  select.value = row.reading;
  select.addEventListener("change", () => { [row.reading, row.windows] = [select.value, null]; });
  return select;
}

function drawRow(row, at) {
  const name = String(at + 2);
  return pg.el("li", { data: { key: row.key } },
    pg.el("span", { class: "pg-place", "aria-hidden": "true", text: name }),
    pg.el("div", { class: "pg-asked" }, modelSelect(row, name), ...(row.typed ? typedModel(row, name) : []),
      isKeywords(row) ? pg.el("span", { class: "pg-muted pg-noprecision", text: pg.say("compare.no_weights") }) : null,
      precisionSelect(row, name), readingSelect(row, name)),
    button({ class: "pg-button pg-icon-only", "aria-label": pg.say("compare.remove", { n: name }), title: pg.say("compare.remove", { n: name }), on: { click: () => remove(row) } }, null, REMOVE));
}

function drawFirst() {
  const { first } = value();
  const line = element.querySelector(".pg-first .pg-asked");
  if (!line) return;
  const run = runsAlone(first.id || "") ? [] : [pg.say("compare.first_precision", { precision: precisionName(first.precision || "auto") }), ...(first.reading === "windows" ? [pg.say("compare.reading_windows")] : [])];
  line.replaceChildren(pg.el("strong", { text: first.model || "–", title: first.id }),
    pg.el("span", { class: "pg-muted", text: [pg.say("compare.first"), ...run].join(" · ") }));
}

function drawRows() {
  const list = element.querySelector(".pg-picker-rows");
  if (!list) return;
  list.replaceChildren(
    pg.el("li", { class: "pg-first" }, pg.el("span", { class: "pg-place", "aria-hidden": "true", text: "1" }), pg.el("div", { class: "pg-asked" })),
    ...kept.rows.map(drawRow));
  drawFirst();
}

function quick() {
  const there = new Set([value().first.id, ...kept.rows.map((row) => row.model)]);
  const found = QUICK.filter((model) => !there.has(model) && choice(model)).map((model) => [[{ model }], choice(model).label]);
  const { first } = value();
  for (const way of ways()) {
    const asked = [...there].some((model) => model === way.name || model.startsWith(`${way.name}#`));
    const missing = way.choices.filter((each) => !there.has(each.value) && !(each.value === way.plain && there.has(way.name)));
    if (asked && missing.length) {
      const label = pg.say(`compare.read_${way.what}`, { model: way.model, values: way.values.join(pg.say("compare.between")) });
      found.push([missing.map((each) => ({ model: each.value })), label]);
    }
  }
  if (first.id && !runsAlone(first.id)) {
    for (const precision of ["fp32", "bf16"]) {
      const has = first.precision === precision || kept.rows.some((row) => row.model === first.id && row.precision === precision);
      if (!has) found.push([[{ model: first.id, precision }], pg.say("compare.same_model", { precision })]);
    }
  }
  if (first.id && !runsAlone(first.id)) {
    const reading = first.reading === "windows" ? "cut" : "windows";
    const has = kept.rows.some((row) => row.model === first.id && row.reading === reading);
    if (!has) found.push([[{ model: first.id, precision: first.precision, reading }], pg.say(`compare.same_${reading}`)]);
  }
  return found;
}

function drawTools() {
  const tools = element.querySelector(".pg-picker-add");
  if (!tools) return;
  const full = isFull();
  tools.replaceChildren(
    button({ id: "compare-add", disabled: full, on: { click: () => add({ model: next() }) } }, pg.say("compare.add"), PLUS),
    full ? pg.el("span", { class: "pg-muted", text: pg.say("compare.full", { n: value().limit }) }) : pg.el("span", { class: "pg-quick" },
      ...quick().map(([asked, label]) => button({ class: "pg-button pg-chip", on: { click: () => add(...asked) } }, label, PLUS))));
}

function draw() {
  const root = element.querySelector(".pg-picker");
  if (!root) return;
  takeOver();
  root.replaceChildren(
    pg.el("h2", { text: pg.say("compare.models") }),
    pg.el("p", { class: "pg-hint", text: pg.say("compare.models_hint") }),
    pg.el("ol", { class: "pg-picker-rows" }),
    pg.el("div", { class: "pg-picker-add" }));
  drawRows();
  drawTools();
}

// The rows of a comparison that was opened, once; before any, the quick ones.
function takeOver() {
  const { rows, nonce, first } = value();
  kept.rows ??= QUICK.filter((model) => model !== first.id && choice(model)).map((model) => rowOf({ model }));
  if (!rows || !nonce || nonce === kept.nonce) return false;
  kept.nonce = nonce;
  kept.rows = rows.map(rowOf);
  return true;
}

window.playgroundCompareModels = {
  rows: () => (kept.rows || []).map(({ model, precision, kind, reading, windows, typed }) => ({ model, precision, kind: typed ? kind : "auto", reading, windows })),
};

pg.redrawOnSwitch(element, draw);
// Only what changed is drawn anew: somebody may be in the middle of a row.
watch("value", () => {
  if (takeOver()) drawRows();
  else drawFirst();
  drawTools();
});
