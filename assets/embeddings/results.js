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

// Gradio may have lost the update that shows the hidden plot, where it came before the tab was there: it is asked for again.
let waiting = 0;
function paint(plot) {
  if (!plot || !plot.node.isConnected || !plot.node.clientWidth) return;
  if (!window.Plotly) {
    plot.wanted = true;
    let ticks = 0;
    waiting = waiting || setInterval(() => {
      ticks += 1;
      if (!window.Plotly && ticks % 20 === 0) trigger("plotless");
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
  drawModes();
  drawPair();
  if (chosen.focus) {
    $(chosen.focus)?.focus({ preventScroll: true });
    chosen.focus = null;
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !data) return;
  const { save: format, column, table, place, pair, a, b, large, close, modes: shown } = button.dataset;
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
  } else if (shown) modesOfPair(chosen.pair);
  else if (close) closePair();
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest(".pg-pair-card")) closePair();
});

pg.redrawOnSwitch(element, draw);
watch("value", draw);
