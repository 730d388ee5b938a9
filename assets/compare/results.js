// The comparison: what to see first, the passages the models fight over, and the ranked lists side by side.
// One passage is the same passage everywhere: pointing at it lights it in every column and in both plots.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const FIRST_FIGHTS = 6;
const FIRST_ROWS = 30;
const MORE_ROWS = 100;
const PREVIEW_CHARS = 220;
const INPUT = "input";
const SYMBOLS = ["●", "◆", "■", "▲", "✚", "★", "▼", "✖"];
const PLOTS = ["compare-shift", "compare-percentiles"];
const DIM = "0.13";
const labels = window.playgroundLabels;

let data = null;
const chosen = { baseline: null, touched: false, pinned: null, fights: FIRST_FIGHTS, rows: FIRST_ROWS, run: null };
let marks = new Map();

const preview = (place) => {
  const text = data.passages[place].text.replace(/\s+/gu, " ");
  const chars = text.length > PREVIEW_CHARS ? Array.from(text.slice(0, PREVIEW_CHARS * 2)) : null;
  return chars && chars.length > PREVIEW_CHARS ? `${chars.slice(0, PREVIEW_CHARS).join("")}…` : text;
};
const rowsOf = (column) => column.scored.map(([place, rank, tied, raw, percentile, tokens, cut]) => ({ place, rank, tied, raw, percentile, tokens, cut }));
const comparable = () => data.columns.filter((column) => column.series !== null);
const symbol = (column) => (column.series === null
  ? pg.el("span", { class: "pg-series", "aria-hidden": "true", text: "○" })
  : pg.el("span", { class: "pg-series", "aria-hidden": "true", text: SYMBOLS[column.series % SYMBOLS.length], style: { color: column.colour } }));
const rawOf = (column, row) => `${pg.signed(row.raw, 3)} ${column.scale === "bm25" ? "BM25" : pg.say(`ranking.raw_${column.scale}`).toLowerCase()}`;
const rankText = (row) => (row.tied ? `${row.rank}=` : String(row.rank));

// ---- movement against the baseline ----------------------------------------------------------------------------------

// Ranks among the passages that both have, ties sharing the smaller one: a passage that one lacks pushes nobody.
function ranksAmong(rows, places) {
  const raws = rows.filter((row) => places.has(row.place)).sort((a, b) => b.raw - a.raw);
  const ranks = new Map();
  raws.forEach((row, at) => ranks.set(row.place, at && row.raw === raws[at - 1].raw ? ranks.get(raws[at - 1].place) : at + 1));
  return ranks;
}

// Places climbed (+) or fallen (-) by each passage of a column; null where there is nothing to hold it against.
function movements(column) {
  if (column.series === null || chosen.baseline === column.at) return null;
  const { rows } = column;
  if (chosen.baseline === INPUT) return new Map(rows.map((row) => [row.place, row.place + 1 - row.rank]));
  const other = data.columns[chosen.baseline];
  if (!other || other.series === null) return null;
  const both = new Set(rows.map((row) => row.place).filter((place) => other.byPlace.has(place)));
  const before = ranksAmong(other.rows, both), now = ranksAmong(rows, both);
  return new Map([...both].map((place) => [place, before.get(place) - now.get(place)]));
}

function badge(n, name) {
  if (n === undefined) return null;
  const key = n > 0 ? "compare.up" : n < 0 ? "compare.down" : "compare.level";
  const said = pg.say(key, { n: Math.abs(n), model: name });
  return pg.el("span", { class: `pg-move ${n > 0 ? "pg-up" : n < 0 ? "pg-down" : ""}`, title: said },
    pg.el("span", { "aria-hidden": "true", text: n > 0 ? `▲${n}` : n < 0 ? `▼${-n}` : "–" }), pg.el("span", { class: "pg-hidden", text: said }));
}

// ---- parts ----------------------------------------------------------------------------------------------------------

const pairOf = (place) => ({ query: data.query, text: data.passages[place].text, of: data.of, place, input: data.passages[place].label });
const label = (place) => labels.badge(pairOf(place));

function pick(place, ...more) {
  return pg.el("button", { type: "button", class: "pg-pick", "aria-pressed": String(chosen.pinned === place), data: { place } },
    pg.el("span", { class: "pg-number-chip", title: pg.say("compare.input_place", { n: place + 1 }), text: String(place + 1) }),
    pg.el("span", { class: "pg-pick-text", dir: "auto", text: preview(place) }),
    more.some(Boolean) ? pg.el("span", { class: "pg-pick-badges" }, ...more) : null);
}

function remember(node, place) {
  node.dataset.place = place;
  if (!marks.has(place)) marks.set(place, []);
  marks.get(place).push(node);
  return node;
}

function fold(box, shown, total, more) {
  box.hidden = total <= shown;
  box.replaceChildren(...(box.hidden ? [] : [pg.el("button", { type: "button", class: "pg-button", on: { click: more } },
    pg.el("span", { class: "pg-button-text", text: pg.say("compare.show_more", { shown, total }) }))]));
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
    ...columns.map((column) => pg.el("th", { scope: "col", class: "pg-rank", title: column.name }, symbol(column), pg.el("span", { class: "pg-rank-name", text: column.name })))));
  const n = found.rows.length;
  part.querySelector("tbody").replaceChildren(...found.rows.slice(0, chosen.fights).map((row) => remember(pg.el("tr", {},
    pg.el("th", { scope: "row" }, pick(row.place, label(row.place))),
    pg.el("td", { class: "pg-spread" }, pg.el("strong", { text: row.spread === null ? "–" : String(row.spread) })),
    ...row.ranks.map((_, at) => rankCell(row, at, n))), row.place)));
  fold(part.querySelector(".pg-fold"), chosen.fights, n, () => { chosen.fights += MORE_ROWS; drawMarked(); });
}

// ---- the lists ------------------------------------------------------------------------------------------------------

function drawBaseline() {
  const box = $(".pg-baseline"), select = box.querySelector("select");
  const options = [...data.columns.map((column, at) => [column, at]).filter(([column]) => column.series !== null).map(([column, at]) => [String(at), column.name]), [INPUT, pg.say("compare.input_order")]];
  box.hidden = data.running || options.length < 2;
  box.querySelector("span").textContent = pg.say("compare.baseline");
  const values = options.map(([value]) => value);
  // Nobody's choice: the first model, or the input as long as there is only one.
  if (!chosen.touched || !values.includes(String(chosen.baseline))) chosen.baseline = values.length > 2 ? Number(values[0]) : INPUT;
  select.replaceChildren(...options.map(([value, text]) => pg.el("option", { value, text })));
  select.value = String(chosen.baseline);
}

function baselineName() {
  return chosen.baseline === INPUT ? pg.say("compare.input_order") : data.columns[chosen.baseline]?.name || "";
}

function drawItem(column, row, moves) {
  const title = `${rawOf(column, row)} · ${pg.say("plot.at_percentile", { percentile: Math.round(row.percentile) })} · ${pg.say("ranking.tokens_read", { n: row.tokens })}${row.cut ? ` · ${pg.say("ranking.cut", { n: row.cut })}` : ""}`;
  return remember(pg.el("li", { class: "pg-item", title },
    pg.el("span", { class: "pg-item-rank" }, pg.el("span", { text: rankText(row), title: row.tied ? pg.say("ranking.tied") : null }),
      moves ? badge(moves.get(row.place), baselineName()) : null),
    pick(row.place, row.cut ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: row.cut }) }) : null),
    labels.control(pairOf(row.place))), row.place);
}

function under(column) {
  const scale = column.scale && column.scale !== "bm25" ? pg.say(`ranking.raw_${column.scale}`).toLowerCase() : "";
  const parts = [pg.say(`compare.kind_${column.kind}`), scale, [column.device.toUpperCase(), column.precision].filter(Boolean).join(" ")];
  return parts.filter(Boolean).join(" · ");
}

function drawColumn(column) {
  const moves = data.running ? null : movements(column);
  const { rows } = column;
  const isBaseline = !data.running && chosen.baseline === column.at && comparable().length > 1;
  return pg.el("section", { class: `pg-column pg-state-${column.state}${column.earlier ? " pg-column-earlier" : ""}` },
    pg.el("header", {}, pg.el("h3", { title: column.id }, symbol(column), pg.el("span", { text: column.name })),
      pg.el("p", { text: under(column) }),
      isBaseline ? pg.el("span", { class: "pg-badge", text: pg.say("compare.is_baseline") }) : null,
      column.state === "done" ? null : pg.el("p", { class: `pg-column-state pg-${column.state === "failed" ? "bad" : "muted"}`, text: pg.say(`compare.state_${column.state}`) })),
    pg.el("div", {},
      pg.el("div", { class: "pg-column-said" }, ...column.said.map((item) => pg.el("p", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) }))),
      rows.length ? pg.el("ol", {}, ...rows.slice(0, chosen.rows).map((row) => drawItem(column, row, moves))) : null));
}

function drawLists() {
  const part = $(".pg-lists");
  part.querySelector("h2").textContent = pg.say("compare.lists");
  part.querySelector(".pg-hint").textContent = pg.say("compare.lists_hint");
  part.querySelector(".pg-scroller").setAttribute("aria-label", pg.say("compare.lists"));
  drawBaseline();
  part.querySelector(".pl-mode-here").replaceChildren(labels.modes(data.passages.map((passage, place) => pairOf(place))));
  part.querySelector(".pg-columns").replaceChildren(...data.columns.map(drawColumn));
  const longest = Math.max(0, ...data.columns.map((column) => column.rows.length));
  fold(part.querySelector(".pg-fold"), chosen.rows, longest, () => { chosen.rows += MORE_ROWS; drawMarked(); });
}

function drawMarked() {
  marks = new Map();
  drawFights();
  drawLists();
  light(chosen.pinned);
}

// ---- one passage everywhere -----------------------------------------------------------------------------------------

let lit = null;
function light(place) {
  if (lit !== null) for (const node of marks.get(lit) || []) node.classList.remove("pg-lit");
  lit = place;
  if (lit !== null) for (const node of marks.get(lit) || []) node.classList.add("pg-lit");
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
    const cells = row ? [rankText(row), rawOf(column, row), String(Math.round(row.percentile)), `${pg.number(row.tokens)}${row.cut ? ` (${pg.say("ranking.cut", { n: row.cut })})` : ""}`] : ["–", pg.say("plot.not_scored"), "–", "–"];
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

// ---- the plots ------------------------------------------------------------------------------------------------------

function find(id) {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  return plot && plot._fullData && window.Plotly ? plot : null;
}

// By opacity and in the drawing itself: redrawing the figure would take away what the pointer is on.
function isolate(plot, place) {
  if (!plot) return;
  for (const node of plot.querySelectorAll(".scatterlayer > .trace")) {
    const trace = node.__data__?.[0]?.trace;
    if (!trace) continue;
    if (plot.layout.meta?.width) {
      node.style.opacity = place === null || trace.customdata?.[0] === place ? "" : DIM;
    } else {
      node.querySelectorAll(".points path").forEach((point, at) => { point.style.opacity = place === null || trace.customdata?.[at] === place ? "" : DIM; });
    }
  }
}

// A figure does not know its width: many models scroll inside their card, and a phone shows numbers without texts.
function fit(plot) {
  const names = plot.layout.meta?.names;
  const box = plot.closest("#compare-shift, #compare-percentiles");
  if (!names || !box) return;
  const narrow = box.clientWidth < 520, changes = {};
  if (narrow) changes["yaxis.ticktext"] = plot.layout.yaxis.ticktext.map((text) => text.split(" ")[0]);
  if (box.id === "compare-shift") {
    const wanted = names.length * (narrow ? 96 : 130) + (narrow ? 50 : 230);
    box.style.setProperty("--plot-width", wanted > box.clientWidth ? `${wanted}px` : "100%");
    if (narrow) Object.assign(changes, { "annotations[0].x": 0, "annotations[0].xanchor": "left", "annotations[0].align": "left" });
  } else if (narrow) {
    // The names stand below each other there, and would take their room from the marks.
    changes.height = plot.layout.height + Math.max(0, names.length - 2) * 20;
  }
  window.Plotly.relayout(plot, changes).then(() => window.Plotly.Plots.resize(plot)).then(() => isolate(plot, lit));
}

function bind(plot) {
  fit(plot);
  plot.on("plotly_hover", (event) => light(event.points[0].customdata));
  plot.on("plotly_unhover", () => light(chosen.pinned));
  plot.on("plotly_click", (event) => { if (chosen.pinned !== event.points[0].customdata) pin(event.points[0].customdata); });
  plot.on("plotly_afterplot", () => isolate(plot, lit));
}

// Gradio mounts a plot anew whenever its figure changes.
let pending = 0;
const fresh = () => PLOTS.map(find).filter((plot) => plot && !plot.playgroundSeen);
const observer = new MutationObserver(() => {
  if (!element.isConnected) {
    observer.disconnect();
    return;
  }
  if (pending || !fresh().length) return;
  pending = setTimeout(() => {
    pending = 0;
    for (const plot of fresh()) {
      plot.playgroundSeen = true;
      bind(plot);
    }
  }, 60);
});
observer.observe(document.documentElement, { childList: true, subtree: true });

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
  data = there ? { ...value, columns: value.columns.map((column, at) => {
    const rows = rowsOf(column);
    return { ...column, at, rows, byPlace: new Map(rows.map((row) => [row.place, row])) };
  }) } : null;
  if (!there) {
    drawEmpty();
    return;
  }
  labels.take(data.query, data.passages.map((passage) => passage.text), data.passages.map((passage) => passage.said), !data.running);
  if (chosen.run !== value.nonce) Object.assign(chosen, { run: value.nonce, fights: FIRST_FIGHTS, rows: FIRST_ROWS });
  if (chosen.pinned !== null && data.passages[chosen.pinned]?.text !== before) chosen.pinned = null;
  drawStrip();
  drawReplay();
  drawVerdict();
  drawMarked();
  drawOne();
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
labels.attach(element, (message) => trigger("graded", message), (value) => setRight(value.right));

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
watch("value", draw);
