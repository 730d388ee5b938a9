// Many queries: how deep it pays to rerank, the figures before and after, and which queries gain and lose.
const FIRST_QUERIES = 15;
const chosen = { order: "gain", shown: FIRST_QUERIES };
let many = null, queries = [];

const three = (value) => value.toFixed(3);
const change = (value) => `${value > 0.0005 ? "+" : value < -0.0005 ? "\u2212" : "±"}${Math.abs(value).toFixed(3)}`;
const tone = (value) => (value > 0.0005 ? "pg-up" : value < -0.0005 ? "pg-down" : "pg-muted");
const between = ([mean, low, high], said = three) => pg.el("td", {}, pg.el("strong", { text: said(mean) }), low === null ? null : pg.el("small", { text: ` ${said(low)} … ${said(high)}` }));
const gain = (row) => (row.figures ? row.figures.after - row.figures.before : 0);
const keyName = (key) => (key.startsWith("r@") ? pg.say("funnel.recall_at", { k: key.slice(2) }) : key.toUpperCase());

function table(heads, body) {
  return pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": pg.say("funnel.many_title") },
    pg.el("table", { class: "fn-table" }, pg.el("thead", {}, pg.el("tr", {}, ...heads.map((text) => pg.el("th", { scope: "col", text })))), pg.el("tbody", {}, ...body)));
}

function drawNumbers() {
  const box = $(".fn-numbers");
  box.hidden = !many.figures || many.figures.length === 0;
  if (box.hidden) return;
  const heads = ["funnel.figure", "funnel.before", "funnel.after", "funnel.difference", "funnel.gain_same_lose"].map((key) => pg.say(key));
  const rows = many.figures.map((row) => pg.el("tr", {}, pg.el("th", { scope: "row", text: keyName(row.key) }), between(row.before), between(row.after),
    between(row.difference, change), pg.el("td", { text: `${row.counts.join(" / ")} · ${pg.say(`funnel.verdict_${row.verdict.replace("-", "_")}`)}` })));
  box.replaceChildren(pg.el("h3", { text: pg.say("funnel.numbers", { n: many.n, k: many.k }) }), pg.el("p", { class: "pg-hint", text: pg.say("funnel.numbers_about") }), table(heads, rows));
}

function drawQueries() {
  const orders = { gain: (one, other) => gain(other) - gain(one), loss: (one, other) => gain(one) - gain(other), input: () => 0, rescued: (one, other) => other.rescued - one.rescued };
  if (!many.labelled && chosen.order !== "input") chosen.order = "rescued";
  const names = many.labelled ? ["gain", "loss", "input"] : ["rescued", "input"];
  const choose = pg.el("span", { class: "pg-segments", role: "group", "aria-label": pg.say("funnel.order") }, ...names.map((name) => pg.el("button", {
    type: "button", "aria-pressed": String(chosen.order === name), on: { click: () => { chosen.order = name; drawQueries(); } }, text: pg.say(`funnel.order_${name}`) })));
  const sorted = [...queries].sort(orders[chosen.order]);
  const heads = [pg.say("funnel.query"), ...(many.labelled ? ["NDCG@10", pg.say("funnel.difference"), "MRR@10", "MAP", pg.say("funnel.recall_at", { k: many.k })] : []), pg.say("funnel.rescued")];
  const line = (row) => pg.el("tr", {},
    pg.el("th", { scope: "row" }, pg.el("button", { type: "button", class: "fn-pick", dir: "auto", title: pg.say("funnel.open_query"), on: { click: () => trigger("picked", { id: row.id }) }, text: row.text })),
    ...(!many.labelled ? [] : row.figures ? [pg.el("td", { text: `${three(row.figures.before)} → ${three(row.figures.after)}` }), pg.el("td", { class: tone(gain(row)), text: change(gain(row)) }),
      ...["mrr", "map", "recall"].map((key) => pg.el("td", { text: three(row.figures[key]) }))] : [pg.el("td", { colspan: 5, class: "pg-muted", text: pg.say("funnel.no_labels") })]),
    pg.el("td", { text: String(row.rescued) }));
  const more = queries.length > chosen.shown ? pg.el("button", { type: "button", class: "pg-button", on: { click: () => { chosen.shown += 200; drawQueries(); } } },
    pg.el("span", { class: "pg-button-text", text: pg.say("compare.show_more", { shown: chosen.shown, total: queries.length }) })) : null;
  $(".fn-queries").replaceChildren(pg.el("div", { class: "fn-queries-head" }, pg.el("h3", { text: pg.say("funnel.by_query") }), choose), table(heads, sorted.slice(0, chosen.shown).map(line)), ...(more ? [more] : []));
}

function drawNegatives() {
  const box = $(".fn-negatives");
  box.hidden = !many.labelled || many.running;
  if (box.hidden || box.childElementCount) {
    if (box.childElementCount) box.replaceChildren();
    if (box.hidden) return;
  }
  const field = (name, value, step = 1) => {
    const input = pg.el("input", { type: "number", min: 0, step, value, id: `funnel-negatives-${name}` });
    return [input, pg.el("label", { class: "fn-field" }, pg.el("span", { text: pg.say(`funnel.negatives_${name}`) }), input)];
  };
  const [first, one] = field("first", 1), [last, two] = field("last", many.k), [n, three_] = field("n", 7), [margin, four] = field("margin", 0.05, 0.01);
  const random = pg.el("input", { type: "checkbox", id: "funnel-negatives-random" });
  const send = () => trigger("exported", { first: Number(first.value), last: Number(last.value), n: Number(n.value), margin: Number(margin.value), random: random.checked });
  box.replaceChildren(pg.el("h3", { text: pg.say("funnel.negatives") }), pg.el("p", { class: "pg-hint", text: pg.say("funnel.negatives_about") }),
    pg.el("div", { class: "fn-fields" }, one, two, three_, four, pg.el("label", { class: "fn-check" }, random, pg.el("span", { text: pg.say("funnel.negatives_random") })),
      pg.el("button", { type: "button", class: "pg-button", id: "funnel-negatives-export", on: { click: send } }, pg.svg("M12 4v11m0 0 4-4m-4 4-4-4M5 20h14", 15), pg.el("span", { class: "pg-button-text", text: pg.say("funnel.negatives_export") }))));
}

function draw() {
  many = props.value && props.value.queries ? props.value : null;
  const root = $(".fn-many");
  if (!root) return;
  root.hidden = !many;
  if (!many) return;
  queries = JSON.parse(many.queries);
  warn(many.warnings);
  figure($(".fn-figure"), pg.say("funnel.sweep"), pg.say(many.labelled ? "funnel.sweep_about" : "funnel.sweep_unlabelled"), many.figure, { name: "funnel-sweep", said: many.said });
  drawNumbers();
  drawQueries();
  drawNegatives();
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
