// ---- rows -----------------------------------------------------------------------------------------------------------

const PREVIEW_CHARS = 360;
const COLUMNS = ["rank", "moved", "score", "shown", "logit", "tokens", "passage", "label"];
const sortValue = {
  rank: (row) => row.rank, moved: (row) => -(row.index + 1 - row.rank), score: (row) => -row.logit, shown: (row) => -row.logit, logit: (row) => -row.logit,
  tokens: (row) => -(row.tokens + row.cut), passage: (row) => row.index, label: (row) => labelOrder(labels.effective(pairOf(row))),
};
// Where the display score is the raw one, one column says it all.
const twoScores = () => data.scale.activation === "sigmoid";
const columns = () => COLUMNS.filter((name) => name !== "logit" || twoScores());

const pairOf = (row) => ({ query: data.query, text: row.text, of: data.of, place: row.index, input: row.label });
// The best grade first, then not relevant, unsure, and what nobody labelled.
const labelOrder = (now) => (!now ? 9 : now.grade === labels.UNSURE ? 8 : 3 - now.grade);

// These begin with the most.
const MOST_FIRST = new Set(["moved", "score", "shown", "logit", "tokens", "label"]);
const descending = () => chosen.down !== MOST_FIRST.has(chosen.sort);

function ordered() {
  const value = sortValue[chosen.sort];
  const list = [...data.rows].sort((a, b) => value(a) - value(b) || a.rank - b.rank || a.index - b.index);
  return chosen.down ? list.reverse() : list;
}

function moved(row) {
  const n = row.index + 1 - row.rank;
  const key = n > 0 ? "ranking.up" : n < 0 ? "ranking.down" : "ranking.same";
  return pg.el("span", { class: `pg-move ${n > 0 ? "pg-up" : n < 0 ? "pg-down" : ""}`, title: pg.say(key, { n: Math.abs(n), place: row.index + 1 }) },
    pg.el("span", { "aria-hidden": "true", text: n > 0 ? `▲${n}` : n < 0 ? `▼${-n}` : "–" }),
    pg.el("span", { class: "pg-hidden", text: pg.say(key, { n: Math.abs(n), place: row.index + 1 }) }));
}

function bar(row) {
  // On the slider's own axis, so that longer is always better, also where every logit is below zero.
  const here = place(inUnit(row.logit), axis);
  return pg.el("span", { class: "pg-track", "aria-hidden": "true" },
    pg.el("span", { class: "pg-bar", style: { width: `${Math.max(1, here)}%` } }),
    axis.low < 0 && axis.high > 0 ? pg.el("span", { class: "pg-zero", style: { left: `${place(0, axis)}%` } }) : null);
}

function passage(row) {
  const text = beginning(row), long = text.length > PREVIEW_CHARS;
  const shown = long ? splitAt(text.slice(0, PREVIEW_CHARS * 2), PREVIEW_CHARS)[0] + "…" : text;
  const id = `pg-whole-${row.index}`;
  const open = chosen.open.has(row.id);
  const button = pg.el("button", {
    type: "button", class: "pg-passage", "aria-expanded": String(open), "aria-controls": id, data: { id: row.id },
  }, pg.el("span", { class: "pg-preview", dir: "auto" }, ...marked(shown.replace(/\s+/gu, " "), data.terms)),
    pg.svg("M6 9l6 6 6-6", 16));
  return pg.el("div", { class: "pg-text" }, button,
    pg.el("div", { class: "pg-whole", id, hidden: !open, dir: "auto" }, ...(open ? whole(row) : [])), whyButton(row));
}

function tokens(row) {
  return [
    row.tokens === null
      ? pg.el("span", { text: "–", data: { unit: pg.say("ranking.tokens").toLowerCase() }, title: pg.say("ranking.tokens_unknown") })
      : pg.el("span", { text: pg.number(row.tokens), data: { unit: pg.say("ranking.tokens").toLowerCase() }, title: pg.say("ranking.tokens_read", { n: row.tokens }) }),
    row.windows ? windowsBadge(row) : null,
    row.cut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: row.cut }), title: pg.say("ranking.cut_title", { n: row.cut }) }) : null,
  ];
}

function drawRow(row, at) {
  const cell = (name, ...children) => pg.el("div", { role: "cell", class: `pg-cell pg-c-${name}` }, ...children);
  return pg.el("div", { role: "row", class: "pg-row", "aria-rowindex": at + 2, data: { index: row.index, rank: row.rank } },
    cell("rank", pg.el("span", { text: row.tied ? `${row.rank}=` : String(row.rank), title: row.tied ? pg.say("ranking.tied") : null })),
    cell("moved", moved(row)),
    cell("score", bar(row)),
    cell("shown", pg.el("span", { class: "pg-number", text: pg.signed(row.score, 3) })),
    ...(twoScores() ? [cell("logit", pg.el("span", { class: "pg-number", text: pg.signed(row.logit, 3) }))] : []),
    cell("tokens", ...tokens(row)),
    cell("passage", passage(row)),
    cell("label", labels.control(pairOf(row))), ...whyCell(row));
}

function drawRows() {
  list.show(ordered());
  const missing = $(".pg-missing");
  missing.hidden = !(data.n_missing > 0 && !data.streaming);
  missing.textContent = data.n_missing > 0 ? pg.say("ranking.missing", { n: data.n_missing }) : "";
  window.playgroundFind.changed(element);
}

function drawHead() {
  const table = $(".pg-table");
  table.classList.toggle("pg-one-score", !twoScores());
  table.classList.toggle("pg-unit-logit", chosen.unit === "logit");
  table.classList.toggle("pg-unit-sigmoid", chosen.unit === "sigmoid");
  $(".pg-headings").replaceChildren(...columns().map((name) => {
    const on = chosen.sort === name;
    const key = name === "shown" && twoScores() ? "ranking.score_sigmoid" : name === "shown" ? `ranking.raw_${data.scale.name}` : name === "logit" ? `ranking.raw_${data.scale.name}` : `ranking.${name}`;
    return pg.el("div", { role: "columnheader", class: `pg-cell pg-c-${name}`, "aria-sort": on ? (descending() ? "descending" : "ascending") : "none" },
      pg.el("button", { type: "button", data: { sort: name }, title: pg.say("ranking.sort") },
        pg.el("span", { text: pg.say(key) }), pg.el("span", { class: "pg-arrow", "aria-hidden": "true", text: on ? (descending() ? "↓" : "↑") : "" })));
  }));
  table.setAttribute("aria-rowcount", String(data.rows.length + 1));
  table.setAttribute("aria-label", pg.say("ranking.table"));
}

function toggleRow(button) {
  const row = list.items.find((each) => each.id === button.dataset.id);
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  const full = element.querySelector(`#${button.getAttribute("aria-controls")}`);
  full.hidden = !open;
  full.replaceChildren(...(open ? whole(row) : []));
  if (open && row.windows) toWindow(full, looked.get(row.id) ?? row.windows.best[0]);
  if (open) chosen.open.add(row.id);
  else chosen.open.delete(row.id);
}

// Scrolls to the row of a passage and makes it flash; returns it.
function goTo(row) {
  const node = list.reach(list.items.indexOf(row));
  for (const old of element.querySelectorAll(".pg-flash")) old.classList.remove("pg-flash");
  void node.offsetWidth;
  node.classList.add("pg-flash");
  return node;
}
