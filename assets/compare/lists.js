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

let lists = new Map();

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

function drawItem(column, row, at, moves) {
  const title = `${rawOf(column, row)} · ${pg.say("plot.at_percentile", { percentile: Math.round(row.percentile) })} · ${row.tokens === null ? pg.say("ranking.tokens_unknown") : pg.say("ranking.tokens_read", { n: row.tokens })}${row.cut ? ` · ${pg.say("ranking.cut", { n: row.cut })}` : ""}`;
  return pg.el("li", { class: `pg-item${lit === row.place ? " pg-lit" : ""}`, title, "aria-setsize": column.rows.length, "aria-posinset": at + 1, data: { place: row.place } },
    pg.el("span", { class: "pg-item-rank" }, pg.el("span", { text: rankText(row), title: row.tied ? pg.say("ranking.tied") : null }),
      moves ? badge(moves.get(row.place), baselineName()) : null),
    pick(row.place, row.cut ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: row.cut }) }) : null),
    labels.control(pairOf(row.place)));
}

function under(column) {
  const scale = column.scale && column.scale !== "bm25" ? pg.say(`ranking.raw_${column.scale}`).toLowerCase() : "";
  const parts = [pg.say(`compare.kind_${column.kind}`), scale, pg.ranOn(column.device, column.precision)];
  return parts.filter(Boolean).join(" · ");
}

function drawColumn(column) {
  const moves = data.running ? null : movements(column);
  const ranked = column.rows.length ? pg.el("ol") : null;
  const isBaseline = !data.running && chosen.baseline === column.at && comparable().length > 1;
  const section = pg.el("section", { class: `pg-column pg-state-${column.state}${column.earlier ? " pg-column-earlier" : ""}` },
    pg.el("header", {}, pg.el("h3", { title: column.id }, symbol(column), pg.el("span", { text: column.name })),
      pg.el("p", { text: under(column) }),
      isBaseline ? pg.el("span", { class: "pg-badge", text: pg.say("compare.is_baseline") }) : null,
      column.state === "done" ? null : pg.el("p", { class: `pg-column-state pg-${column.state === "failed" ? "bad" : "muted"}`, text: pg.say(`compare.state_${column.state}`) })),
    pg.el("div", {},
      pg.el("div", { class: "pg-column-said" }, ...column.said.map((item) => pg.el("p", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) }))),
      ranked));
  if (ranked) lists.set(column, window.playgroundLists.make(ranked, (row, at) => drawItem(column, row, at, moves), () => window.playgroundFind.drawn(element)));
  return section;
}

function drawLists() {
  const part = $(".pg-lists");
  part.querySelector("h2").textContent = pg.say("compare.lists");
  part.querySelector(".pg-hint").textContent = pg.say("compare.lists_hint");
  part.querySelector(".pg-scroller").setAttribute("aria-label", pg.say("compare.lists"));
  drawBaseline();
  const modes = labels.modes(data.passages.map((passage, place) => pairOf(place)));
  part.querySelector(".pl-mode-here").replaceChildren(...[window.playgroundFind.button(element), modes].filter(Boolean));
  lists = new Map();
  part.querySelector(".pg-columns").replaceChildren(...data.columns.map(drawColumn));
  // In the page by now, so that each knows which of its rows are near the screen.
  for (const [column, list] of lists) list.show(column.rows.slice(0, chosen.rows));
  const longest = Math.max(0, ...data.columns.map((column) => column.rows.length));
  fold(part.querySelector(".pg-fold"), chosen.rows, longest, () => { chosen.rows += MORE_ROWS; drawMarked(); });
}

// Search goes through the passages in the order of the first list.
const firstList = () => data.columns.find((column) => column.rows.length);
function goTo(n) {
  const column = firstList();
  if (n >= chosen.rows) {
    chosen.rows = n + MORE_ROWS;
    drawMarked();
  }
  light(column.rows[n].place);
  return lists.get(column).reach(n);
}
