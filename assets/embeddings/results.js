// The embeddings: heatmaps, the map, the table and the pair. All text of a user enters by textContent; what stands in a
// figure was made safe where the figure was made. Plotly itself comes with the hidden plot beside this part.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const QUERY = -1;
// In pixels: what the axes and one value in a cell take, and the width under which there is no room for words.
const WORDS = 160, NUMBERS = 32, COLOUR_BAR = 84, VALUE = 27, NARROW = 440;
const DOWN = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";

// What the visitor chose, kept over redraws of the same run. `pair` is {at, a, b, kind}: a and b are places in the input.
const chosen = { run: null, pair: null, table: 0, cell: {} };
let data = null;
let plots = [];
let parsed = new Map();
// Where the pair was opened: the element that gets the focus back, and the heatmap, if it was one.
let returnTo = null;
let opened = null;

// ---- numbers and their place ----------------------------------------------------------------------------------------

const cosine = (value, digits = 4) => pg.signed(value, digits);
const ready = () => data.columns.map((column, at) => ({ column, at })).filter(({ column }) => column.ready);

function nBelow(pool, value, orEqual) {
  let low = 0, high = pool.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pool[middle] < value || (orEqual && pool[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// As analysis/background.py: the share of unrelated pairs below, ties counted half; outside of all of them it says so.
function beside(column, value, kind) {
  const pool = column.background && column.background.pools[kind];
  if (!pool) return "";
  if (value > pool[pool.length - 1]) return pg.say("plot.above_unrelated", { n: pool.length });
  if (value < pool[0]) return pg.say("plot.below_unrelated", { n: pool.length });
  const percentile = (50 * (nBelow(pool, value, false) + nBelow(pool, value, true))) / pool.length;
  return pg.say("plot.like_unrelated", { percentile: percentile.toFixed(0) });
}

function figureOf(at, name) {
  const key = `${at} ${name}`;
  const text = data.columns[at].figures[name];
  if (!parsed.has(key)) parsed.set(key, text ? JSON.parse(text) : null);
  return parsed.get(key);
}

// The cosine of two passages under a model, from its map, or from the list of near-duplicates where no map was drawn.
function cosineOf(at, a, b) {
  const column = data.columns[at];
  if (a === QUERY) return column.cosines[b];
  const figure = figureOf(at, "passages");
  if (figure && figure.layout.meta.rows) {
    const { rows } = figure.layout.meta;
    return figure.data[0].z[rows.indexOf(a)][rows.indexOf(b)];
  }
  const found = column.duplicates && column.duplicates.pairs.find(([one, other]) => (one === a && other === b) || (one === b && other === a));
  return found ? found[2] : null;
}

const nameOf = (place) => (place === QUERY ? pg.say("embeddings.the_query") : pg.say("embeddings.the_passage", { n: String(place + 1) }));
const textOf = (place) => (place === QUERY ? data.query : data.passages[place].text);

// ---- figures --------------------------------------------------------------------------------------------------------

// Drawn once they come near the window: a plot in a hidden tab would get the wrong size.
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) paint(plots.find((plot) => plot.node === entry.target));
}, { rootMargin: "400px" });
const sized = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const plot = plots.find((each) => each.node === entry.target);
    if (plot && plot.width && entry.contentRect.width > 0 && Math.abs(entry.contentRect.width - plot.width) > 2) paint(plot);
  }
});

let waiting = 0;
function paint(plot) {
  if (!plot || !plot.node.isConnected || !plot.node.clientWidth) return;
  if (!window.Plotly) {
    plot.wanted = true;
    waiting = waiting || setInterval(() => {
      if (!window.Plotly) return;
      clearInterval(waiting);
      waiting = 0;
      for (const each of plots) if (each.wanted) paint(each);
    }, 120);
    return;
  }
  plot.wanted = false;
  plot.width = plot.node.clientWidth;
  const figure = fitted(plot.figure(), plot.name, plot.width);
  window.Plotly.newPlot(plot.node, figure.data, figure.layout, { displayModeBar: false, responsive: false }).then(() => plot.after && plot.after());
}

// The figure does not know its width. Where a value would not fit its cell, the rows are named by their numbers alone;
// where even that is too narrow the values get smaller, and then go: they are in the hover and in the pair.
function fitted(original, name, width) {
  const figure = JSON.parse(JSON.stringify(original));
  const { layout } = figure;
  layout.width = width;
  if (name !== "passages" || !layout.meta.rows) return figure;
  const { rows } = layout.meta, values = figure.data[1];
  const wide = (width - WORDS - COLOUR_BAR) / rows.length, narrow = (width - NUMBERS - COLOUR_BAR) / rows.length;
  if (values ? wide < VALUE : width < NARROW) {
    const step = Math.max(1, Math.ceil(rows.length / 20));
    const places = rows.map((row, at) => at).filter((at) => at % step === 0);
    for (const axis of [layout.xaxis, layout.yaxis]) {
      Object.assign(axis, { tickmode: "array", tickvals: places, ticktext: places.map((at) => String(rows[at] + 1)), tickangle: 0 });
      delete axis.dtick;
    }
    const size = Math.floor((12 * narrow) / VALUE);
    if (values && size < 8) figure.data.pop();
    else if (values) values.textfont.size = Math.min(12, size);
  }
  return figure;
}

function forget() {
  opened = null;
  near.disconnect();
  sized.disconnect();
  for (const plot of plots) if (window.Plotly && plot.node._fullLayout) window.Plotly.purge(plot.node);
  plots = [];
  parsed = new Map();
}

function addPlot(name, at, node, figure, after) {
  const plot = { name, at, node, figure, after, width: 0 };
  node.style.minHeight = `${figure().layout.height || 200}px`;
  plots.push(plot);
  near.observe(node);
  sized.observe(node);
  return plot;
}

function tools(name, at) {
  return window.playgroundFigures.buttons(`${pg.say(`embeddings.${name}`)}, ${data.columns[at].model}`, (format) => save(name, at, format), ["png", "svg", "html"]);
}

function figureCard(name, at) {
  const column = data.columns[at];
  const node = pg.el("div", { class: "pg-plot" });
  const head = pg.el("div", { class: "pg-e-figure-head" }, pg.el("h4", { text: column.model, title: column.model_id }), column.figures[name] ? tools(name, at) : null);
  const card = pg.el("div", { class: "pg-card pg-figure", data: { figure: name, column: at } }, head);
  const empty = !column.figures[name] || figureOf(at, name).layout.meta.empty;
  if (name === "map") {
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", pg.say("embeddings.map_label", { model: column.model }));
    card.append(node);
  } else if (empty) {
    card.append(node);
  } else card.append(heat(name, at, node));
  if (column.figures[name]) addPlot(name, at, node, () => figureOf(at, name), () => named(name, at, node));
  return card;
}

// A point of the map leads to its pair with the query, as the row of the table does.
function named(name, at, node) {
  if (name !== "map" || !node.on) return;
  node.on("plotly_click", (event) => {
    const place = event.points[0] && event.points[0].customdata;
    if (Number.isInteger(place) && place >= 0) openPair({ at, a: QUERY, b: place, kind: "query" }, null);
  });
}

function save(name, at, format) {
  if (format === "html") {
    trigger("exported", { format, figure: name, column: at });
    return;
  }
  const column = data.columns[at], node = plots.find((plot) => plot.name === name && plot.at === at)?.node;
  if (!node) return;
  window.playgroundFigures.save(figureOf(at, name), {
    format, name: `embeddings-${name}-${column.model_id.split("/").pop()}`, width: Math.max(760, node.clientWidth), title: pg.say(`embeddings.${name}`), caption: column.caption,
  });
}

// ---- a heatmap under the pointer and the keys -----------------------------------------------------------------------

function heat(name, at, node) {
  const meta = figureOf(at, name).layout.meta;
  const hint = `pg-heat-hint-${name}-${at}`;
  node.setAttribute("aria-hidden", "true");
  const cursor = pg.el("div", { class: "pg-cursor", hidden: true });
  const said = pg.el("div", { class: "pg-hidden", "aria-live": "polite" });
  const box = pg.el("div", {
    class: "pg-heat", tabindex: "0", role: "application", "aria-describedby": hint, data: { heat: name, column: at },
    "aria-label": pg.say("embeddings.heat_label", { what: pg.say(`embeddings.${name}`), model: data.columns[at].model, rows: meta.rows.length, columns: meta.columns.length }),
  }, node, cursor);
  const key = `${name} ${at}`;
  const area = { name, at, node, box, cursor, said, meta, key };
  box.addEventListener("keydown", (event) => onKey(event, area));
  box.addEventListener("focus", () => { if (box.matches(":focus-visible")) moveTo(area, ...(chosen.cell[key] || [0, 0])); });
  box.addEventListener("blur", () => { rest(area); hideTip(); });
  box.addEventListener("pointermove", (event) => onPointer(event, area));
  box.addEventListener("pointerleave", () => { rest(area); hideTip(); });
  box.addEventListener("click", (event) => {
    const cell = cellAt(event, area);
    if (!cell) return;
    chosen.cell[key] = cell;
    openCell(area, cell);
  });
  return pg.el("div", {}, box, said, pg.el("p", { class: "pg-hidden", id: hint, text: pg.say("embeddings.heat_keys") }));
}

const axes = (node) => (node._fullLayout && node._fullLayout.xaxis ? node._fullLayout : null);

function cellAt(event, { node, meta }) {
  const full = axes(node);
  if (!full) return null;
  const frame = node.getBoundingClientRect();
  const c = Math.round(full.xaxis.p2l(event.clientX - frame.left - full.xaxis._offset));
  const r = Math.round(full.yaxis.p2l(event.clientY - frame.top - full.yaxis._offset));
  return r >= 0 && c >= 0 && r < meta.rows.length && c < meta.columns.length ? [r, c] : null;
}

function mark({ node, cursor }, [r, c]) {
  const full = axes(node);
  if (!full) return null;
  const { xaxis, yaxis } = full;
  const [left, right] = [xaxis.l2p(c - 0.5), xaxis.l2p(c + 0.5)], [top, bottom] = [yaxis.l2p(r - 0.5), yaxis.l2p(r + 0.5)];
  Object.assign(cursor.style, {
    left: `${xaxis._offset + Math.min(left, right)}px`, top: `${yaxis._offset + Math.min(top, bottom)}px`,
    width: `${Math.abs(right - left)}px`, height: `${Math.abs(bottom - top)}px`,
  });
  cursor.hidden = false;
  return cursor.getBoundingClientRect();
}

// Without a pointer or the keys on it, a heatmap marks the cell whose pair is open, or none.
function rest(area) {
  const here = document.activeElement === area.box && area.box.matches(":focus-visible");
  if (here || (chosen.pair && opened && opened.box === area.box)) mark(area, chosen.cell[area.key] || [0, 0]);
  else area.cursor.hidden = true;
}

const pairOf = ({ name, at, meta }, [r, c]) =>
  name === "query" ? { at, a: QUERY, b: meta.rows[r], kind: "query" } : { at, a: meta.rows[r], b: meta.columns[c], kind: "passages" };

function onPointer(event, area) {
  if (event.pointerType !== "mouse") return;
  const cell = cellAt(event, area);
  if (!cell) {
    rest(area);
    hideTip();
    return;
  }
  mark(area, cell);
  showTip(pairOf(area, cell), event.clientX, event.clientY);
}

function moveTo(area, r, c) {
  const cell = [Math.max(0, Math.min(area.meta.rows.length - 1, r)), Math.max(0, Math.min(area.meta.columns.length - 1, c))];
  chosen.cell[area.key] = cell;
  const place = mark(area, cell);
  if (!place) return;
  if (place.top < 0 || place.bottom > innerHeight) area.cursor.scrollIntoView({ block: "nearest" });
  const pair = pairOf(area, cell), after = area.cursor.getBoundingClientRect();
  showTip(pair, after.right, after.bottom);
  area.said.textContent = spoken(pair);
}

function onKey(event, area) {
  const [r, c] = chosen.cell[area.key] || [0, 0];
  const far = Math.max(1, Math.floor(area.meta.rows.length / 10));
  const steps = {
    ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], PageUp: [r - far, c], PageDown: [r + far, c],
    Home: event.ctrlKey ? [0, 0] : [r, 0], End: event.ctrlKey ? [Infinity, Infinity] : [r, Infinity],
  };
  if (event.key in steps) {
    event.preventDefault();
    moveTo(area, ...steps[event.key]);
  } else if (event.key === "Enter" || event.key === " ") {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openCell(area, [r, c]);
  } else if (event.key === "Escape") {
    hideTip();
    closePair();
  }
}

function openCell(area, cell) {
  const pair = pairOf(area, cell);
  if (pair.a === pair.b) return;
  mark(area, cell);
  openPair(pair, area.box, area);
  // The card stands over the lower part of the window: the cell must not lie under it.
  const under = area.cursor.getBoundingClientRect().bottom - $(".pg-pair-card").getBoundingClientRect().top + 24;
  if (under > 0) window.scrollBy({ top: under });
}

function spoken(pair) {
  if (pair.a === pair.b) return pg.say("embeddings.itself", { name: nameOf(pair.a) });
  const value = cosineOf(pair.at, pair.a, pair.b);
  return [`${nameOf(pair.a)}, ${nameOf(pair.b)}`, `${pg.say("plot.cosine")} ${cosine(value)}`, beside(data.columns[pair.at], value, pair.kind)].filter(Boolean).join(". ");
}

function showTip(pair, x, y) {
  const tip = $(".pg-tip");
  const line = (place) => pg.el("p", { dir: "auto" }, pg.el("b", { text: `${nameOf(place)} ` }), document.createTextNode(textOf(place)));
  if (pair.a === pair.b) tip.replaceChildren(pg.el("p", { text: pg.say("embeddings.itself", { name: nameOf(pair.a) }) }));
  else {
    const value = cosineOf(pair.at, pair.a, pair.b), place = beside(data.columns[pair.at], value, pair.kind);
    tip.replaceChildren(
      pg.el("p", { class: "pg-tip-head" }, pg.el("strong", { text: `${pg.say("plot.cosine")} ${cosine(value)}` }), place ? ` · ${place}` : null),
      line(pair.a), line(pair.b), pg.el("p", { class: "pg-muted", text: pg.say("embeddings.tip_more") }));
  }
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, x + 16 + width > innerWidth - 8 ? x - width - 16 : x + 16)}px`;
  tip.style.top = `${Math.max(8, Math.min(y + 12, innerHeight - height - 8))}px`;
}

function hideTip() {
  $(".pg-tip").hidden = true;
}

// ---- the pair -------------------------------------------------------------------------------------------------------

function openPair(pair, from, area = null) {
  const before = opened;
  chosen.pair = pair;
  opened = area;
  if (before && before !== area) rest(before);
  returnTo = from;
  hideTip();
  drawPair();
  const card = $(".pg-pair-card");
  card.focus({ preventScroll: true });
}

function closePair() {
  if (!chosen.pair) return;
  chosen.pair = null;
  drawPair();
  const before = opened;
  opened = null;
  if (before) rest(before);
  if (returnTo && returnTo.isConnected) returnTo.focus({ preventScroll: true });
  returnTo = null;
}

const splitAt = (text, n) => {
  if (!/[\ud800-\udfff]/.test(text)) return [text.slice(0, n), text.slice(n)];
  const chars = Array.from(text);
  return [chars.slice(0, n).join(""), chars.slice(n).join("")];
};

function side(place, column) {
  const [nTokens, nCut, nChars] = place === QUERY ? column.query_read : column.read[place];
  const text = textOf(place);
  const [read, unread] = nCut > 0 ? splitAt(text, nChars) : [text, ""];
  return pg.el("div", { class: "pg-side" },
    pg.el("h4", {}, nameOf(place), pg.el("span", { class: "pg-muted", text: pg.say("embeddings.read", { n: nTokens }) }),
      nCut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: nCut }) }) : null),
    place === QUERY && column.instruction ? pg.el("p", { class: "pg-muted pg-before", text: pg.say("embeddings.before", { instruction: column.instruction }) }) : null,
    pg.el("div", { class: "pg-side-text", dir: "auto" }, pg.el("span", { class: "pg-read", text: read }),
      ...(nCut > 0 ? [pg.el("span", { class: "pg-cut-line", text: pg.say("ranking.cut_here", { n: nCut }) }), pg.el("s", { class: "pg-unread", text: unread })] : [])));
}

function drawPair() {
  const card = $(".pg-pair-card");
  const { pair } = chosen;
  plots = plots.filter((plot) => {
    if (plot.name !== "background") return true;
    near.unobserve(plot.node);
    sized.unobserve(plot.node);
    if (window.Plotly && plot.node._fullLayout) window.Plotly.purge(plot.node);
    return false;
  });
  card.hidden = !pair;
  if (!pair) {
    card.replaceChildren();
    return;
  }
  const column = data.columns[pair.at];
  const title = `${nameOf(pair.a)} ↔ ${nameOf(pair.b)}`;
  card.setAttribute("aria-label", title);
  const values = ready().map(({ column: each, at }) => {
    const value = cosineOf(at, pair.a, pair.b);
    const inner = [
      pg.el("span", { class: "pg-pair-model", text: each.model }),
      pg.el("strong", { class: "pg-number", text: value === null ? "–" : `${pg.say("plot.cosine")} ${cosine(value)}` }),
      pg.el("span", { class: "pg-pair-place", text: value === null ? pg.say("embeddings.not_drawn") : beside(each, value, pair.kind) }),
    ];
    return ready().length > 1
      ? pg.el("li", {}, pg.el("button", { type: "button", class: "pg-pair-value", "aria-pressed": String(at === pair.at), data: { pair: at } }, ...inner))
      : pg.el("li", { class: "pg-pair-value" }, ...inner);
  });
  const plot = pg.el("div", { class: "pg-plot pg-pair-plot", role: "img", "aria-label": pg.say("embeddings.unrelated_label", { model: column.model }) });
  const value = cosineOf(pair.at, pair.a, pair.b);
  card.replaceChildren(
    pg.el("div", { class: "pg-pair-head" }, pg.el("h3", { text: title }),
      pg.el("button", { type: "button", class: "pg-button", id: "embeddings-pair-close", data: { close: "pair" } }, pg.el("span", { class: "pg-button-text", text: pg.say("export.close") }))),
    pg.el("ul", { class: "pg-pair-values" }, ...values),
    pg.el("div", { class: column.background && value !== null ? "pg-sides pg-three" : "pg-sides" }, side(pair.a, column), side(pair.b, column),
      column.background && value !== null ? pg.el("div", { class: "pg-side" }, pg.el("h4", { text: pg.say("embeddings.unrelated_title", { model: column.model }) }), plot) : null));
  if (column.background && value !== null) addPlot("background", pair.at, plot, () => withLine(column, pair.kind, value));
}

// The dotted line of the background's figure is its first shape.
function withLine(column, kind, value) {
  const figure = JSON.parse(column.background.figures[kind]);
  const { layout } = figure;
  const [low, high] = layout.xaxis.range;
  const margin = 0.03 * (high - low);
  layout.xaxis.range = [Math.min(low, value - margin), Math.max(high, value + margin)];
  Object.assign(layout.shapes[0], { x0: value, x1: value, visible: true });
  layout.height = 170;
  return figure;
}

// ---- models, arrangement, table -------------------------------------------------------------------------------------

const dot = () => pg.el("span", { class: "pg-dot", "aria-hidden": "true", text: "·" });

function modelCard(column) {
  if (!column.ready) {
    const said = column.error ? pg.el("p", { class: "pg-bad", text: pg.phrase(column.error) })
      : pg.el("p", { class: "pg-muted", text: pg.say(data.running ? "embeddings.to_come" : "embeddings.not_run") });
    return pg.el("div", { class: `pg-model-facts ${column.error ? "pg-failed" : ""}` }, pg.el("p", { class: "pg-facts" }, pg.el("strong", { text: column.model })), said);
  }
  const facts = [
    pg.el("strong", { text: column.model, title: column.model_id }),
    column.revision ? pg.el("code", { text: `@${column.revision.slice(0, 10)}`, title: column.revision }) : null,
    pg.el("span", { text: `${column.device.toUpperCase()} ${column.precision}` }),
    pg.el("span", { text: pg.say("models.max_length", { n: column.max_length }) }),
    pg.el("span", { text: column.seconds < 0.1 ? pg.say("result.milliseconds", { n: Math.round(column.seconds * 1000) || "<1" }) : pg.say("result.seconds", { seconds: pg.number(column.seconds, column.seconds < 10 ? 2 : 1) }) }),
    column.n_cached > 0 ? pg.el("span", { text: pg.say("result.cached", { n: column.n_cached }) }) : null,
  ].filter(Boolean);
  const { background } = column;
  const band = background && background.bands.query;
  return pg.el("div", { class: "pg-model-facts" },
    pg.el("p", { class: "pg-facts" }, ...facts.flatMap((fact, at) => (at && fact.tagName !== "CODE" ? [dot(), fact] : [fact]))),
    pg.el("p", { class: "pg-muted", text: column.instruction ? pg.say("embeddings.before", { instruction: column.instruction }) : pg.say("embeddings.no_instruction") }),
    band ? pg.el("p", { class: "pg-band-line", text: pg.say("embeddings.band", {
      low: cosine(band.low, 2), high: cosine(band.high, 2), n: background.pools.query.length, language: pg.say(`language.${background.language}`),
    }) }) : null,
    ...column.warnings.map((item) => pg.el("p", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) })));
}

const segments = (label, name, choices, now) => pg.el("span", { class: "pg-choice" }, pg.el("span", { class: "pg-choice-name", text: label }),
  pg.el("span", { class: "pg-segments", role: "group", "aria-label": label }, ...choices.map(([value, text]) =>
    pg.el("button", { type: "button", text, "aria-pressed": String(String(value) === String(now)), data: { arrange: name, value } }))));

function drawArrange() {
  const { order, colours, by } = data.arrangement;
  const list = ready();
  const orders = ["input", "score", ...(data.paired ? ["similarity"] : [])];
  $(".pg-arrange").setAttribute("aria-label", pg.say("embeddings.arrange"));
  $(".pg-arrange").replaceChildren(
    segments(pg.say("embeddings.order"), "order", orders.map((each) => [each, pg.say(`embeddings.order_${each}`)]), order),
    ...(list.length > 1 && order !== "input" ? [segments(pg.say("embeddings.by"), "by", list.map(({ column, at }) => [at, column.model]), by)] : []),
    segments(pg.say("embeddings.colours"), "colours", ["fixed", "fitted"].map((each) => [each, pg.say(`embeddings.colours_${each}`)]), colours));
}

function arrange(button) {
  const { arrange: name, value } = button.dataset;
  if (button.getAttribute("aria-pressed") === "true") return;
  for (const each of button.parentElement.children) each.setAttribute("aria-pressed", String(each === button));
  chosen.focus = `button[data-arrange="${name}"][data-value="${value}"]`;
  chosen.cell = {};
  trigger("arranged", { [name]: name === "by" ? Number(value) : value });
}

function heading(key, hint) {
  return [pg.el("h3", { text: pg.say(`embeddings.${key}`) }), pg.el("p", { class: "pg-muted pg-explains", text: hint })];
}

function drawQuery() {
  const n = data.passages.length;
  const hint = n > data.n_rows ? pg.say("embeddings.first_rows", { n: data.n_rows, total: n }) : pg.say("embeddings.query_hint");
  $('[data-part="query"] .pg-figures-part').replaceChildren(...heading("query", hint),
    pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("query", at))));
  drawTable();
}

function drawPassages() {
  const part = $('[data-part="passages"] .pg-figures-part');
  const n = data.passages.length;
  if (!data.paired) part.replaceChildren(...heading("passages", pg.say("embeddings.too_many", { n, most: data.limits.paired })));
  else if (data.asks) {
    part.replaceChildren(...heading("passages", pg.say("embeddings.asks", { n, cells: n * n })),
      pg.el("button", { type: "button", class: "pg-button pg-primary", id: "embeddings-large", data: { large: "yes" } }, pg.el("span", { class: "pg-button-text", text: pg.say("embeddings.draw_anyway") })));
  } else {
    part.replaceChildren(...heading("passages", pg.say(n > 1 ? "embeddings.passages_hint" : "embeddings.passages_need")),
      pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("passages", at))));
  }
  for (const { column, at } of ready()) if (column.duplicates) part.append(duplicates(column, at));
  $(".pg-map-part").replaceChildren(...heading("map", pg.say("embeddings.map_hint")),
    pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("map", at))));
}

function duplicates(column, at) {
  const { n, least, pairs } = column.duplicates;
  const who = ready().length > 1 ? `${column.model}: ` : "";
  if (!n) return pg.el("p", { class: "pg-muted pg-duplicates", text: `${who}${pg.say("embeddings.no_duplicates", { least: cosine(least, 2) })}` });
  const shown = pairs.slice(0, 12);
  return pg.el("div", { class: "pg-duplicates" },
    pg.el("p", { text: `${who}${pg.say("embeddings.duplicates", { n, least: cosine(least, 2) })}` }),
    pg.el("ul", {}, ...shown.map(([a, b, value]) => pg.el("li", {}, pg.el("button", { type: "button", class: "pg-button pg-e-small", data: { a, b, column: at } },
      pg.el("span", { class: "pg-button-text", text: `${a + 1} ↔ ${b + 1} · ${cosine(value, 2)}` }))))),
    n > shown.length ? pg.el("p", { class: "pg-muted", text: pg.say("embeddings.more_duplicates", { n: n - shown.length }) }) : null);
}

function drawTable() {
  const list = ready();
  if (!list.some(({ at }) => at === chosen.table)) chosen.table = list[0].at;
  const column = data.columns[chosen.table];
  const places = data.passages.map((passage, place) => place).sort((a, b) => column.ranks[a] - column.ranks[b] || a - b);
  const band = column.background && column.background.bands.query;
  const low = Math.min(...column.cosines, band ? band.low : 1), high = Math.max(...column.cosines, band ? band.high : -1);
  const across = (value) => `${Math.max(0, Math.min(100, (100 * (value - low)) / (high - low || 1)))}%`;
  const heads = ["rank", "cosine", ...(band ? ["beside"] : []), "tokens", "passage", ...(data.labelled ? ["label"] : [])];
  const cell = (name, ...children) => pg.el("div", { role: "cell", class: `pg-cell pg-e-${name}` }, ...children);
  const rows = places.map((place) => {
    const value = column.cosines[place], [nTokens, nCut] = column.read[place], { text, label } = data.passages[place];
    const alike = (column.duplicates && column.duplicates.of[place]) || [];
    const labels = { true: ["pg-yes", "ranking.relevant"], false: ["pg-no", "ranking.not_relevant"], null: ["pg-unsaid", "ranking.no_label"] };
    const [tone, key] = labels[String(label)];
    return pg.el("div", { role: "row", class: "pg-e-row", data: { place } },
      cell("rank", String(column.ranks[place])),
      cell("cosine", pg.el("span", { class: "pg-number", text: cosine(value) })),
      band ? cell("beside",
        pg.el("span", { class: "pg-strip-line", "aria-hidden": "true" },
          pg.el("span", { class: "pg-strip-band", style: { left: across(band.low), width: `calc(${across(band.high)} - ${across(band.low)})` } }),
          pg.el("span", { class: "pg-strip-dot", style: { left: across(value) } })),
        pg.el("span", { class: "pg-strip-words", text: beside(column, value, "query") })) : null,
      cell("tokens", pg.el("span", { text: pg.number(nTokens), data: { unit: pg.say("ranking.tokens").toLowerCase() } }),
        nCut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: nCut }), title: pg.say("ranking.cut_title", { n: nCut }) }) : null),
      cell("passage", pg.el("button", { type: "button", class: "pg-e-open", data: { place }, title: pg.say("embeddings.open_pair") },
        pg.el("span", { class: "pg-e-place", text: `${place + 1} ·` }), pg.el("span", { class: "pg-preview", dir: "auto", text: text.length > 300 ? `${text.slice(0, 300)}…` : text })),
        alike.length ? pg.el("span", { class: "pg-badge pg-alike", text: pg.say("embeddings.alike", { places: alike.map((other) => other + 1).join(", ") }) }) : null),
      data.labelled ? cell("label", pg.el("span", { class: `pg-label ${tone}`, text: pg.say(key) })) : null);
  });
  $(".pg-table-part").replaceChildren(
    pg.el("div", { class: "pg-e-figure-head" }, pg.el("h3", { text: pg.say("embeddings.table") }),
      pg.el("button", { type: "button", class: "pg-button pg-e-small", id: "embeddings-csv", title: pg.say("embeddings.csv_title"), data: { save: "csv" } }, pg.svg(DOWN, 14), pg.el("span", { class: "pg-button-text", text: "CSV" }))),
    pg.el("p", { class: "pg-muted pg-explains", text: pg.say(band ? "embeddings.table_hint" : "embeddings.table_plain") }),
    list.length > 1 ? pg.el("span", { class: "pg-segments", role: "group", "aria-label": pg.say("embeddings.models") }, ...list.map(({ column: each, at }) =>
      pg.el("button", { type: "button", text: each.model, "aria-pressed": String(at === chosen.table), data: { table: at } }))) : "",
    pg.el("div", { role: "table", class: `pg-e-table ${band ? "pg-beside" : ""} ${data.labelled ? "pg-labelled" : ""}`, "aria-label": `${pg.say("embeddings.table")}, ${column.model}` },
      pg.el("div", { role: "rowgroup" }, pg.el("div", { role: "row", class: "pg-e-heads" }, ...heads.map((name) => pg.el("div", { role: "columnheader", class: `pg-e-${name}`, text: pg.say(`embeddings.head_${name}`) })))),
      pg.el("div", { role: "rowgroup", class: "pg-e-rows" }, ...rows)));
}

// ---- everything -----------------------------------------------------------------------------------------------------

function drawEmpty() {
  $(".pg-empty").replaceChildren(
    pg.el("div", { class: "pg-heat-art", "aria-hidden": "true" }, ...[9, 5, 2, 1, 5, 9, 3, 2, 2, 3, 9, 6, 1, 2, 6, 9].map((share) => pg.el("span", { style: { opacity: String(share / 10) } }))),
    pg.el("h2", { text: pg.say("embeddings.empty_title") }),
    pg.el("ol", {}, ...["embeddings.empty_one", "embeddings.empty_two", "embeddings.empty_three"].map((key) => pg.el("li", { text: pg.say(key) }))),
    pg.el("p", { class: "pg-hint", text: pg.say("embeddings.empty_hint") }));
}

function drawMeaning() {
  const box = $(".pg-meaning");
  box.querySelector("summary").textContent = pg.say("meaning.title");
  box.querySelector("div").replaceChildren(...["meaning.cosine", "embeddings.means_background", "embeddings.means_colours", "embeddings.means_duplicates", "embeddings.means_map"]
    .map((key) => pg.el("p", { text: pg.say(key) })));
}

function draw() {
  const value = props.value;
  const there = Boolean(value && value.columns && value.columns.length);
  $(".pg-empty").hidden = there;
  $(".pg-result").hidden = !there;
  forget();
  hideTip();
  data = there ? value : null;
  if (!there) {
    drawEmpty();
    return;
  }
  if (chosen.run !== data.nonce) Object.assign(chosen, { run: data.nonce, pair: null, cell: {} });
  const any = ready().length > 0;
  $(".pg-warnings").replaceChildren(...data.warnings.map((item) => pg.el("li", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) })));
  $(".pg-models-strip").replaceChildren(...data.columns.map(modelCard));
  $(".pg-embeddings").classList.toggle("pg-e-one", ready().length === 1);
  for (const part of [".pg-meaning", ".pg-arrange", '[data-part="query"]', '[data-part="passages"]']) $(part).hidden = !any;
  if (any) {
    drawMeaning();
    drawArrange();
    drawQuery();
    drawPassages();
  }
  drawPair();
  if (chosen.focus) {
    $(chosen.focus)?.focus({ preventScroll: true });
    chosen.focus = null;
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !data) return;
  const { save: format, column, table, place, pair, a, b, large, close } = button.dataset;
  if (button.dataset.arrange) arrange(button);
  else if (format === "csv") trigger("exported", { format });
  else if (table !== undefined) {
    chosen.table = Number(table);
    drawTable();
    $(`button[data-table="${table}"]`).focus();
  } else if (pair !== undefined) {
    chosen.pair = { ...chosen.pair, at: Number(pair) };
    drawPair();
    $(`button[data-pair="${pair}"]`).focus();
  } else if (a !== undefined) openPair({ at: Number(column), a: Number(a), b: Number(b), kind: "passages" }, button);
  else if (place !== undefined) openPair({ at: chosen.table, a: QUERY, b: Number(place), kind: "query" }, button);
  else if (large) {
    button.disabled = true;
    trigger("arranged", { large: true });
  } else if (close) closePair();
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest(".pg-pair-card")) closePair();
});

pg.redrawOnSwitch(element, draw);
watch("value", draw);
