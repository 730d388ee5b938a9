// The comparison: what to see first, the passages the models fight over, and the ranked lists side by side.
// One passage is the same passage everywhere: pointing at it lights it in every column and in both plots.
// The scripts for the lists and the plots come before this one, in one scope.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const FIRST_FIGHTS = 6;
const FIRST_ROWS = 30;
const MORE_ROWS = 100;
const PREVIEW_CHARS = 220;
const INPUT = "input";
const SYMBOLS = ["●", "◆", "■", "▲", "✚", "★", "▼", "✖"];
const labels = window.playgroundLabels;

let data = null;
const chosen = { baseline: null, touched: false, pinned: null, fights: FIRST_FIGHTS, rows: FIRST_ROWS, run: null };
let lit = null;

const preview = (place) => {
  const text = data.passages[place].text.replace(/\s+/gu, " ");
  const chars = text.length > PREVIEW_CHARS ? Array.from(text.slice(0, PREVIEW_CHARS * 2)) : null;
  return chars && chars.length > PREVIEW_CHARS ? `${chars.slice(0, PREVIEW_CHARS).join("")}…` : text;
};
const rowsOf = (column) => JSON.parse(column.scored).map(([place, rank, tied, raw, percentile, tokens, cut]) => ({ place, rank, tied, raw, percentile, tokens, cut }));
const comparable = () => data.columns.filter((column) => column.series !== null);
const symbol = (column) => (column.series === null
  ? pg.el("span", { class: "pg-series", "aria-hidden": "true", text: "○" })
  : pg.el("span", { class: "pg-series", "aria-hidden": "true", text: SYMBOLS[column.series % SYMBOLS.length], style: { color: column.colour } }));
const rawOf = (column, row) => `${pg.signed(row.raw, 3)} ${column.scale === "bm25" ? "BM25" : pg.say(`ranking.raw_${column.scale}`).toLowerCase()}`;
const rankText = (row) => (row.tied ? `${row.rank}=` : String(row.rank));

// ---- parts ----------------------------------------------------------------------------------------------------------

const pairOf = (place) => ({ query: data.query, text: data.passages[place].text, of: data.of, place, input: data.passages[place].label });
const label = (place) => labels.badge(pairOf(place));

function pick(place, ...more) {
  return pg.el("button", { type: "button", class: "pg-pick", "aria-pressed": String(chosen.pinned === place), data: { place } },
    pg.el("span", { class: "pg-number-chip", title: pg.say("compare.input_place", { n: place + 1 }), text: String(place + 1) }),
    pg.el("span", { class: "pg-pick-text", dir: "auto", text: preview(place) }),
    more.some(Boolean) ? pg.el("span", { class: "pg-pick-badges" }, ...more) : null);
}

// The button stays the same node: a press that a redraw falls into still counts, and the focus stays.
function fold(box, shown, total, more) {
  box.hidden = total <= shown;
  if (!box.firstChild) box.append(pg.el("button", { type: "button", class: "pg-button" }, pg.el("span", { class: "pg-button-text" })));
  box.firstChild.onclick = more;
  box.firstChild.firstChild.textContent = pg.say("compare.show_more", { shown, total });
}

function drawStrip() {
  const facts = [pg.el("strong", { text: data.query, dir: "auto" }), pg.el("span", { text: pg.say("live.passages", { n: data.passages.length }) }),
    pg.el("span", { text: pg.say("compare.n_models", { n: data.columns.filter((column) => !column.earlier).length }) })];
  $(".pg-facts").replaceChildren(...facts.flatMap((fact, at) => (at ? [pg.el("span", { "aria-hidden": "true", text: "·" }), fact] : [fact])));
  const button = (format, key, title, path) => pg.el("button", { type: "button", class: "pg-button", id: `compare-export-${format}`, data: { format }, title: pg.say(title) },
    pg.svg(path, 15), pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const down = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";
  $(".pg-exports").replaceChildren(...(data.running ? [] : [
    button("csv", "export.csv", "compare.csv_title", down), button("json", "export.json", "compare.json_title", down),
    ...(data.run_id ? [button("link", "export.link", "export.link_title", "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1")] : []),
  ]));
  $(".pg-warnings").replaceChildren(...data.warnings.map((item) => pg.el("li", { text: pg.phrase(item) })));
}

function drawReplay() {
  const box = $(".pg-replay");
  box.hidden = !data.replay;
  if (!data.replay) return;
  box.replaceChildren(pg.el("strong", { text: pg.say("replay.title") }), ...data.replay.map((group) => pg.el("div", {},
    group.name ? pg.el("p", { class: "pg-replay-name", text: group.name }) : null,
    pg.el("ul", {}, ...group.said.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) }))))));
}

function drawVerdict() {
  const box = $(".pg-verdict");
  box.hidden = data.headline.length === 0;
  const lines = [...data.headline, ...data.right].map((item) => pg.el("p", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) }));
  box.replaceChildren(...lines);
}

// ---- where they disagree --------------------------------------------------------------------------------------------

function rankCell(row, at, n) {
  const column = data.columns[data.disagreement.columns[at]];
  const whole = column.byPlace.get(row.place);
  const share = n > 1 ? 1 - (row.ranks[at] - 1) / (n - 1) : 1;
  const silent = data.disagreement.silent[at];
  return pg.el("td", { class: silent ? "pg-rank pg-silent" : "pg-rank", style: silent ? {} : { "--share": share.toFixed(3) }, title: `${column.name}: ${rawOf(column, whole)} · ${pg.say("plot.at_percentile", { percentile: Math.round(whole.percentile) })}` },
    pg.el("span", { text: row.tied[at] ? `${row.ranks[at]}=` : String(row.ranks[at]) }));
}

// An address breaks between its parts, not in the middle of a word.
const breakable = (name) => name.replace(/[/:@](?=[^/])/gu, "$&\u200b");

function drawFights() {
  const part = $(".pg-fights"), found = data.disagreement;
  part.hidden = !found || found.rows.length < 2;
  if (part.hidden) return;
  part.querySelector("h2").textContent = pg.say("compare.fights");
  const left = found.n_left_out ? ` ${pg.say("compare.left_out", { n: found.n_left_out })}` : "";
  part.querySelector(".pg-hint").textContent = pg.say("compare.fights_hint") + left;
  part.querySelector(".pg-scroller").setAttribute("aria-label", pg.say("compare.fights"));
  const columns = found.columns.map((at) => data.columns[at]);
  part.querySelector("thead").replaceChildren(pg.el("tr", {},
    pg.el("th", { scope: "col", text: pg.say("ranking.passage") }),
    pg.el("th", { scope: "col", class: "pg-spread", text: pg.say("compare.spread"), title: pg.say("compare.spread_title") }),
    ...columns.map((column) => pg.el("th", { scope: "col", class: "pg-rank", title: column.name }, symbol(column), pg.el("span", { class: "pg-rank-name", text: breakable(column.name) })))));
  const n = found.rows.length;
  part.querySelector("tbody").replaceChildren(...found.rows.slice(0, chosen.fights).map((row) => pg.el("tr", { data: { place: row.place } },
    pg.el("th", { scope: "row" }, pick(row.place, label(row.place))),
    pg.el("td", { class: "pg-spread" }, pg.el("strong", { text: row.spread === null ? "–" : String(row.spread) })),
    ...row.ranks.map((_, at) => rankCell(row, at, n)))));
  fold(part.querySelector(".pg-fold"), chosen.fights, n, () => { chosen.fights += MORE_ROWS; drawMarked(); });
}

function drawMarked() {
  drawFights();
  drawLists();
  light(chosen.pinned);
}

// ---- one passage everywhere -----------------------------------------------------------------------------------------

function light(place) {
  for (const node of element.querySelectorAll(".pg-lit")) node.classList.remove("pg-lit");
  lit = place;
  if (lit !== null) for (const node of element.querySelectorAll(`.pg-item[data-place="${lit}"], tr[data-place="${lit}"]`)) node.classList.add("pg-lit");
  for (const id of PLOTS) isolate(find(id), lit);
}

function pin(place) {
  chosen.pinned = chosen.pinned === place ? null : place;
  for (const button of element.querySelectorAll(".pg-pick")) button.setAttribute("aria-pressed", String(Number(button.dataset.place) === chosen.pinned));
  light(chosen.pinned);
  drawOne();
}

function drawOne() {
  const box = $(".pg-one"), place = chosen.pinned;
  box.hidden = place === null || !data.passages[place];
  if (box.hidden) return;
  const close = pg.el("button", { type: "button", class: "pg-button pg-icon-only", "aria-label": pg.say("compare.close"), title: pg.say("compare.close"), on: { click: () => unpin() } }, pg.svg("M6 6l12 12M18 6L6 18", 15));
  const rows = data.columns.map((column) => {
    const row = column.byPlace.get(place);
    const cells = row ? [rankText(row), rawOf(column, row), String(Math.round(row.percentile)), `${row.tokens === null ? "–" : pg.number(row.tokens)}${row.cut ? ` (${pg.say("ranking.cut", { n: row.cut })})` : ""}`] : ["–", pg.say("plot.not_scored"), "–", "–"];
    return pg.el("tr", {}, pg.el("th", { scope: "row" }, symbol(column), pg.el("span", { text: ` ${column.name}` })), ...cells.map((text) => pg.el("td", { text })));
  });
  const heads = ["compare.model", "compare.rank", "compare.raw", "compare.percentile", "ranking.tokens"];
  box.setAttribute("aria-label", pg.say("compare.one", { n: place + 1 }));
  box.replaceChildren(
    pg.el("div", { class: "pg-one-head" }, pg.el("h3", { text: pg.say("compare.one", { n: place + 1 }) }), labels.control(pairOf(place)), close),
    pg.el("div", { class: "pg-one-body" }, pg.el("p", { class: "pg-one-text", text: data.passages[place].text, dir: "auto", tabindex: "0" }),
      pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": pg.say("compare.one", { n: place + 1 }) },
        pg.el("table", { class: "pg-small" }, pg.el("thead", {}, pg.el("tr", {}, ...heads.map((key) => pg.el("th", { scope: "col", text: pg.say(key) })))), pg.el("tbody", {}, ...rows)))));
}

function unpin() {
  const place = chosen.pinned;
  if (place === null) return;
  pin(place);
  element.querySelector(`.pg-pick[data-place="${place}"]`)?.focus();
}

// ---- everything -----------------------------------------------------------------------------------------------------

function drawEmpty() {
  $(".pg-empty").replaceChildren(
    pg.el("h2", { text: pg.say("compare.empty") }),
    pg.el("ol", {}, ...["compare.empty_one", "compare.empty_two", "compare.empty_three"].map((key) => pg.el("li", { text: pg.say(key) }))),
    pg.el("p", { class: "pg-hint", text: pg.say("compare.empty_hint") }));
}

function draw() {
  const value = props.value;
  const there = Boolean(value && value.columns && value.columns.length);
  $(".pg-empty").hidden = there;
  $(".pg-compared").hidden = !there;
  const before = data && chosen.pinned !== null ? data.passages[chosen.pinned]?.text : null;
  if (!there) {
    data = null;
    drawEmpty();
    return;
  }
  const columns = value.columns.map((column, at) => {
    const rows = rowsOf(column);
    return { ...column, at, rows, byPlace: new Map(rows.map((row) => [row.place, row])) };
  });
  const disagreement = value.disagreement && { ...value.disagreement, rows: JSON.parse(value.disagreement.rows) };
  data = { ...value, columns, disagreement, passages: JSON.parse(value.passages) };
  labels.take(data.query, data.passages.map((passage) => passage.text), data.passages.map((passage) => passage.said), !data.running);
  if (chosen.run !== value.nonce) Object.assign(chosen, { run: value.nonce, fights: FIRST_FIGHTS, rows: FIRST_ROWS });
  if (chosen.pinned !== null && data.passages[chosen.pinned]?.text !== before) chosen.pinned = null;
  drawStrip();
  drawReplay();
  drawVerdict();
  drawMarked();
  drawOne();
  window.playgroundFind.changed(element);
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

const placeOf = (event) => {
  const node = event.target.closest?.("[data-place]");
  return node ? Number(node.dataset.place) : null;
};
element.addEventListener("click", (event) => {
  if (!data) return;
  const button = event.target.closest("button");
  if (button?.dataset.format) exported(button);
  else if (button?.classList.contains("pg-pick")) pin(Number(button.dataset.place));
});
element.addEventListener("mouseover", (event) => {
  const place = placeOf(event);
  if (data && place !== null && place !== lit) light(place);
});
element.addEventListener("mouseleave", () => { if (data) light(chosen.pinned); });
element.addEventListener("focusin", (event) => {
  const place = placeOf(event);
  if (data && place !== null && event.target.matches(":focus-visible")) light(place);
});
element.addEventListener("focusout", () => { if (data) light(chosen.pinned); });
element.addEventListener("keydown", (event) => { if (event.key === "Escape" && data) unpin(); });
element.addEventListener("change", (event) => {
  if (!data || event.target.id !== "compare-baseline") return;
  chosen.baseline = event.target.value === INPUT ? INPUT : Number(event.target.value);
  chosen.touched = true;
  drawMarked();
});

// Which models put a relevant passage first changes with the labels.
function setRight(right) {
  if (!data || data.running) return;
  data.right = right;
  drawVerdict();
}
labels.attach(element, (message) => trigger("graded", message), {
  answered: (value) => setRight(value.right),
  pairAt: (of, place) => (data?.of === of ? pairOf(place) : null),
});
window.playgroundFind.over(element, {
  isLong: () => Boolean(data && firstList()) && data.passages.length > FIRST_ROWS,
  texts: () => firstList().rows.map((row) => data.passages[row.place].text),
  go: goTo,
  reveal: (node) => { if (chosen.pinned !== Number(node.dataset.place)) pin(Number(node.dataset.place)); },
  leave: (n) => goTo(n).querySelector(".pg-pick").focus(),
  where: ".pg-pick-text, .pg-one-text",
});
watchPlots();

// Other parts of the view read what is compared, and light a passage, through this.
window.playgroundCompare = {
  labelled(value) {
    if (!data || data.of !== value.of) return;
    labels.take(data.query, data.passages.map((passage) => passage.text), value.labels);
    labels.repaint();
    setRight(value.right);
  },
  get query() { return data ? data.query : ""; },
  pin: (place) => { if (data && chosen.pinned !== place) pin(place); },
};

pg.redrawOnSwitch(element, draw);
// A comparison ends with its last message once more.
watch("value", () => { if (!props.value?.nonce || props.value.nonce !== chosen.run) draw(); });
