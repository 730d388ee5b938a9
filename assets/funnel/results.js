// One query: the stages with their cost, the answers in their documents, what was rescued, lost and never reached.
const FIRST_ROWS = 20;
let data = null, rows = [];
const kept = { nonce: null, shown: FIRST_ROWS, open: false };

const nameOf = (stage) => stage.name[pg.language] || stage.name.en;
const number = (value, digits) => pg.signed(value, digits);
const fate = (row) => (row.fate ? pg.el("span", { class: `pg-badge fn-${row.fate}`, title: pg.say(`funnel.${row.fate}_title`), text: pg.say(`funnel.${row.fate}`) }) : null);
const grade = (row) => (row.grade === null ? null
  : pg.el("span", { class: `pg-label ${row.grade > 0 ? "pg-yes" : "pg-no"}`, text: pg.say(row.grade > 0 ? "funnel.is_relevant" : "funnel.not_relevant") }));

// ---- the way through the stages --------------------------------------------------------------------------------------

function stageCard(stage, at) {
  const facts = [];
  if (stage.n_in !== null) facts.push([pg.say("funnel.passages"), `${pg.number(stage.n_in)} → ${stage.n_out === null ? none : pg.number(stage.n_out)}`]);
  facts.push([pg.say("funnel.took"), seconds(stage.seconds)]);
  if (at > 0 && stage.n_tokens !== null) facts.push([pg.say("funnel.tokens"), pg.number(stage.n_tokens)]);
  if (stage.n_cached) facts.push([pg.say("funnel.cached"), pg.number(stage.n_cached)]);
  if (stage.scale) facts.push([pg.say("funnel.scale"), stage.scale === "fused" ? pg.say("funnel.fused") : pg.say(`ranking.raw_${stage.scale}`)]);
  if (stage.ran) facts.push([pg.say("funnel.ran_on"), [pg.ranOn(stage.ran[0], stage.ran[1]), stage.ran[2] && `@${stage.ran[2]}`].filter(Boolean).join(" ")]);
  return pg.el("li", { class: `fn-step fn-${stage.state}`, title: stage.fingerprint ? pg.say("funnel.fingerprint", { id: stage.fingerprint.slice(0, 33) }) : null },
    pg.el("span", { class: "fn-place", text: pg.say("funnel.stage", { n: at + 1 }) }), pg.el("h3", { text: nameOf(stage) }),
    pg.el("dl", {}, ...facts.flatMap(([key, value]) => [pg.el("dt", { text: key }), pg.el("dd", { text: value })])),
    stage.state === "done" ? null : pg.el("p", { class: `fn-state pg-${stage.state === "failed" ? "bad" : "warn"}`,
      text: [pg.say(`funnel.state_${stage.state}`, { n: stage.n_scored || 0, total: stage.n_in || 0 }), stage.said ? pg.phrase(stage.said) : ""].filter(Boolean).join(" ") }));
}

function drawVerdict() {
  const box = $(".fn-verdict"), { n_rescued: rescued, n_lost: lost, top_n: top } = data;
  const lines = [];
  const reranked = data.stages.slice(1).some((stage) => stage.state === "done");
  if (reranked && !data.running) {
    lines.push(rescued ? pg.say("funnel.rescued_n", { n: rescued, top }) : pg.say("funnel.rescued_none", { top }));
    if (lost) lines.push(pg.say("funnel.lost_n", { n: lost, top }));
  }
  if (data.labelled && !data.running) {
    const relevant = rows.filter((row) => row.grade > 0), there = relevant.filter((row) => row.answer);
    lines.push(pg.say("funnel.relevant_n", { n: there.length, total: data.n_relevant, brought: relevant.length }));
  }
  box.hidden = lines.length === 0;
  box.replaceChildren(...lines.map((text) => pg.el("p", { text })));
}

// ---- the answers -----------------------------------------------------------------------------------------------------

function stagesOf(row) {
  return pg.el("p", { class: "fn-at" }, ...row.at.flatMap((at, place) => {
    const name = nameOf(data.stages[place]);
    const text = at ? `${name}: ${at[0]}${at[2] ? "=" : ""} (${number(at[1], 3)})` : `${name}: ${none}`;
    return place ? [pg.el("span", { "aria-hidden": "true", text: "→" }), pg.el("span", { text })] : [pg.el("span", { text })];
  }));
}

function inDocument(row) {
  const [before, after] = row.around || ["", ""];
  return pg.el("p", { class: "fn-text", dir: "auto" }, before ? pg.el("span", { class: "fn-around", text: before }) : null,
    pg.el("mark", { text: row.text }), after ? pg.el("span", { class: "fn-around", text: after }) : null);
}

function answer(row) {
  return pg.el("li", { class: `fn-answer ${row.fate ? `fn-is-${row.fate}` : ""}`, data: { id: row.id } },
    pg.el("span", { class: "fn-rank", text: String(row.answer) }),
    pg.el("div", {}, pg.el("div", { class: "fn-answer-head" }, pg.el("strong", { text: row.title || row.id, dir: "auto" }), fate(row), grade(row)),
      stagesOf(row), pg.el("details", { class: "fn-doc", open: row.answer === 1 }, pg.el("summary", { dir: "auto", text: row.text.slice(0, 160) }), inDocument(row))));
}

function drawAnswers() {
  const found = rows.filter((row) => row.answer);
  $(".fn-answers").replaceChildren(
    pg.el("h3", { text: pg.say(data.running ? "funnel.answers_so_far" : "funnel.answers", { n: found.length }) }),
    found.length ? pg.el("ol", {}, ...found.map(answer)) : pg.el("p", { class: "pg-hint", text: pg.say("funnel.no_answer") }));
}

function drawUnreached() {
  const box = $(".fn-unreached"), missed = JSON.parse(data.unreached);
  box.hidden = missed.length === 0;
  box.replaceChildren(pg.el("h3", { text: pg.say("funnel.unreached", { n: missed.length, k: data.k }) }), pg.el("p", { class: "pg-hint", text: pg.say("funnel.unreached_about") }),
    pg.el("ul", {}, ...missed.map((one) => pg.el("li", {}, pg.el("strong", { text: one.title || one.id, dir: "auto" }), pg.el("p", { text: one.text, dir: "auto" })))));
}

function drawAll() {
  const box = $(".fn-all"), heads = data.stages.map(nameOf);
  box.hidden = rows.length === 0;
  box.querySelector("summary").textContent = pg.say("funnel.all", { n: rows.length });
  const cell = (at) => pg.el("td", { text: at ? `${at[0]}${at[2] ? "=" : ""}` : none, title: at ? number(at[1], 4) : null });
  const line = (row) => pg.el("tr", {}, ...row.at.map(cell),
    pg.el("th", { scope: "row" }, pg.el("span", { dir: "auto", text: `${row.title ? `${row.title}: ` : ""}${row.text}`.slice(0, 180) }), fate(row), grade(row)));
  const more = rows.length > kept.shown ? pg.el("button", { type: "button", class: "pg-button", on: { click: () => { kept.shown += 100; drawAll(); } } },
    pg.el("span", { class: "pg-button-text", text: pg.say("compare.show_more", { shown: kept.shown, total: rows.length }) })) : null;
  box.querySelector("div").replaceChildren(
    pg.el("div", { class: "pg-scroller", tabindex: "0", role: "region", "aria-label": pg.say("funnel.all", { n: rows.length }) },
      pg.el("table", { class: "fn-table" }, pg.el("thead", {}, pg.el("tr", {}, ...heads.map((text) => pg.el("th", { scope: "col", text })), pg.el("th", { scope: "col", text: pg.say("ranking.passage") }))),
        pg.el("tbody", {}, ...rows.slice(0, kept.shown).map(line)))), ...(more ? [more] : []));
}

// ---- everything ------------------------------------------------------------------------------------------------------

function drawStrip() {
  const facts = [pg.el("strong", { text: data.query, dir: "auto" }), pg.el("span", { text: data.corpus, dir: "auto" }), pg.el("span", { text: pg.say("live.passages", { n: data.n_corpus }) })];
  $(".pg-facts").replaceChildren(...facts.flatMap((fact, at) => (at ? [pg.el("span", { "aria-hidden": "true", text: "·" }), fact] : [fact])));
  $(".pg-exports").replaceChildren(...(data.run_id ? [pg.el("button", { type: "button", class: "pg-button", id: "funnel-link", title: pg.say("export.link_title"), on: { click: link } },
    pg.svg("M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1", 15), pg.el("span", { class: "pg-button-text", text: pg.say("export.link") }))] : []));
  warn(data.warnings);
}

function link(event) {
  const address = new URL(location.href), button = event.currentTarget;
  address.search = "";
  address.searchParams.set("run", data.run_id);
  address.hash = "";
  pg.copy(address.href).then(() => pg.flash(button, pg.say("export.copied")));
}

// A phone has no room for the words at the ends of the lines.
function bind(plot) {
  if (plot.clientWidth >= 520) return;
  const ends = (plot.layout.annotations || []).map((one) => (one.name === "end" ? { ...one, text: one.text.split(" ")[0] } : one));
  window.Plotly.relayout(plot, { annotations: ends, "xaxis.range": [-0.15, plot.layout.xaxis.tickvals.length - 0.75] });
}

function draw() {
  data = props.value && props.value.stages ? props.value : null;
  if (!$(".pg-empty")) return;
  $(".pg-empty").hidden = Boolean(data);
  $(".pg-result").hidden = !data;
  if (!data) {
    $(".pg-empty").replaceChildren(pg.el("h2", { text: pg.say("funnel.empty") }), pg.el("ol", {}, ...["one", "two", "three"].map((key) => pg.el("li", { text: pg.say(`funnel.empty_${key}`) }))));
    return;
  }
  rows = JSON.parse(data.rows);
  if (kept.nonce !== data.nonce) Object.assign(kept, { nonce: data.nonce, shown: FIRST_ROWS });
  drawStrip();
  $(".fn-way").replaceChildren(...data.stages.map(stageCard));
  drawVerdict();
  drawAnswers();
  figure($(".fn-figure"), pg.say("funnel.lines"), pg.say("funnel.lines_about"), data.figure, { name: "funnel-lines", bind });
  drawUnreached();
  drawAll();
}
// In this view Ctrl+Enter searches; heard before the page's own listener, which would rerank.
function onKey(event) {
  if (!element.isConnected) {
    window.removeEventListener("keydown", onKey, true);
    return;
  }
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || element.offsetParent === null) return;
  event.preventDefault();
  event.stopPropagation();
  document.querySelector("button#funnel-run, #funnel-run button")?.click();
}
window.addEventListener("keydown", onKey, true);

pg.redrawOnSwitch(element, draw);
watch("value", draw);
