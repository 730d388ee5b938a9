// The ranking: where it came from, and what the visitor does to it. All text of a user enters by textContent.
// The other scripts of this folder that draw it (query words, threshold, rows, why) come before this one, in one scope.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const labels = window.playgroundLabels;

// What the visitor chose, kept over redraws and new runs of the same model.
const chosen = { model: null, threshold: null, touched: false, unit: "logit", sort: "rank", down: false, open: new Set(), run: null };
let data = null;
let announced = null;

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const logitOf = (p) => Math.log(p) - Math.log1p(-p);
const hasUnits = () => ["logit", "log-odds"].includes(data.scale.name);
const inUnit = (logit) => (chosen.unit === "sigmoid" ? sigmoid(logit) : logit);

// ---- where the numbers come from ------------------------------------------------------------------------------------

const dot = () => pg.el("span", { class: "pg-dot", "aria-hidden": "true", text: "·" });

function drawFacts() {
  const { run } = data;
  const facts = [
    pg.el("strong", { text: run.model, title: run.model_id }),
    run.revision ? pg.el("code", { text: `@${run.revision.slice(0, 10)}`, title: run.revision }) : null,
    pg.el("span", { text: pg.ranOn(run.device, run.precision) }),
    pg.el("span", { text: run.seconds < 0.1 ? pg.say("result.milliseconds", { n: Math.round(run.seconds * 1000) || "<1" }) : pg.say("result.seconds", { seconds: pg.number(run.seconds, run.seconds < 10 ? 2 : 1) }) }),
    run.passages_per_second !== null ? pg.el("span", { text: pg.say("result.passages_per_second", { n: Math.round(run.passages_per_second) || pg.number(run.passages_per_second, 1) }) }) : null,
    run.tokens_per_second !== null ? pg.el("span", { text: pg.say("result.tokens_per_second", { n: Math.round(run.tokens_per_second) }) }) : null,
    run.n_cached > 0 ? pg.el("span", { text: pg.say("result.cached", { n: run.n_cached }) }) : null,
    data.streaming ? pg.el("span", { class: "pg-live", text: pg.say("result.streaming", { n: data.n_scored, total: data.n_total }) }) : null,
  ].filter(Boolean);
  $(".pg-facts").replaceChildren(...facts.flatMap((fact, at) => (at && fact.tagName !== "CODE" ? [dot(), fact] : [fact])));
  $(".pg-exports").replaceChildren(...(data.streaming ? [] : exportButtons()));
  $(".pg-warnings").replaceChildren(...data.warnings.map((item) => pg.el("li", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) })));
  $(".pl-mode-here").replaceChildren(...[window.playgroundFind.button(element), labels.modes(data.rows.map(pairOf))].filter(Boolean));
  drawMeaning();
  drawReplay();
}

function exportButtons() {
  const button = (format, key, path) => pg.el("button", { type: "button", class: "pg-button", id: `ranking-export-${format}`, data: { format }, title: pg.say(`${key}_title`) },
    pg.svg(path, 15), pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const down = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";
  return [
    button("csv", "export.csv", down), button("json", "export.json", down), button("snippet", "export.snippet", "M8 7l-5 5 5 5M16 7l5 5-5 5"),
    data.run_id ? button("link", "export.link", "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1") : null,
  ].filter(Boolean);
}

function drawMeaning() {
  const box = $(".pg-meaning");
  box.querySelector("summary").textContent = pg.say("meaning.title");
  const keys = [`meaning.${data.scale.name}`, ...(hasUnits() ? ["meaning.sigmoid"] : []), data.scale.level ? "meaning.level" : "meaning.order", "meaning.threshold"];
  box.querySelector("div").replaceChildren(...keys.map((key) => pg.el("p", { text: pg.say(key) })));
}

function drawReplay() {
  const box = $(".pg-replay");
  box.hidden = !data.replay;
  if (!data.replay) return;
  box.replaceChildren(pg.el("strong", { text: pg.say("replay.title") }),
    pg.el("ul", {}, ...data.replay.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) }))));
}

// Each example is one click from a finished ranking.
let examples = [];
function drawEmpty() {
  examples = props.value?.examples || examples;
  $(".pg-empty").replaceChildren(
    pg.el("h2", { text: pg.say("empty.title") }),
    pg.el("p", { class: "pg-hint", text: pg.say("empty.examples") }),
    pg.el("div", { class: "pg-examples" }, ...examples.map(({ id, title, look_for }) => pg.el("button", { type: "button", class: "pg-example", data: { example: id }, on: { click: (event) => {
      for (const card of element.querySelectorAll(".pg-example")) card.disabled = true;
      event.currentTarget.classList.add("pg-busy");
      trigger("examplechosen", { id });
    } } },
      pg.el("strong", { text: title[pg.language] }), pg.el("span", { text: look_for[pg.language] })))),
    pg.el("h3", { text: pg.say("empty.own") }),
    pg.el("ol", {}, ...["empty.one", "empty.two", "empty.three"].map((key) => pg.el("li", { text: pg.say(key) }))),
    pg.el("p", { class: "pg-hint", text: pg.say("empty.hint") }));
}

// ---- everything -----------------------------------------------------------------------------------------------------

function draw() {
  const value = props.value;
  const there = Boolean(value && value.rows);
  $(".pg-empty").hidden = there;
  $(".pg-result").hidden = !there;
  if (!there) {
    data = null;
    drawEmpty();
    return;
  }
  if (chosen.run !== value.nonce) [chosen.open, looked, whys].forEach((each) => each.clear());
  chosen.run = value.nonce;
  const sent = JSON.parse(value.rows);
  data = { ...value, rows: sent, logits: sent.map((row) => row.logit).sort((a, b) => b - a), terms: termsOf(value.query) };
  labels.take(data.query, sent.map((row) => row.text), sent.map((row) => row.said), !data.streaming);
  if (!hasUnits()) chosen.unit = "logit";
  startThreshold();
  axis = axisOf(data);
  drawHead();
  drawRows();
  drawThreshold();
  drawFacts();
  if (!data.streaming && announced !== value.nonce) {
    announced = value.nonce;
    document.dispatchEvent(new CustomEvent("playground:ranking"));
  }
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

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !data) return;
  const { sort, unit, format } = button.dataset;
  if (whyClicked(button)) return;
  if (sort) {
    chosen.down = chosen.sort === sort ? !chosen.down : false;
    chosen.sort = sort;
    drawHead();
    drawRows();
    $(`button[data-sort=${sort}]`).focus();
  } else if (unit && unit !== chosen.unit) {
    chosen.unit = unit;
    axis = axisOf(data);
    drawHead();
    drawRows();
    drawThreshold();
    trigger("unitchosen", { unit, threshold: chosen.threshold });
    $(`button[data-unit=${unit}]`).focus();
  } else if (format) exported(button);
  else if (button.classList.contains("pg-passage")) toggleRow(button);
});
element.addEventListener("input", (event) => {
  if (data && event.target.matches(".pg-threshold input") && event.target.value !== "") setThreshold(Number(event.target.value));
});

const rowOf = (index) => data.rows.find((row) => row.index === index);
labels.attach(element, (message) => trigger("graded", message), { pairAt: (of, place) => (data?.of === of ? pairOf(rowOf(place)) : null) });
const list = window.playgroundLists.make($(".pg-rows"), drawRow, (nodes) => {
  paintRows(nodes, keepCount());
  window.playgroundFind.drawn(element);
});
window.playgroundFind.over(element, {
  isLong: () => Boolean(data) && list.isLong,
  texts: () => list.items.map((row) => row.text),
  go: (n) => goTo(list.items[n]),
  reveal: (node) => toggleRow(node.querySelector(".pg-passage")),
  leave: (n) => list.reach(n).querySelector(".pg-passage").focus(),
  where: ".pg-preview, .pg-whole",
});

// Other parts of the page reach the rows through this.
window.playgroundRanking = {
  labelled(value) {
    if (!data || data.of !== value.of) return;
    labels.take(data.query, data.rows.map((row) => row.text), data.rows.map((row) => value.labels[row.index]));
    labels.repaint();
  },
  // A raw score, also one that lies beyond the slider.
  set(logit) {
    if (!data || !Number.isFinite(logit)) return;
    Object.assign(chosen, { threshold: logit, touched: true });
    paint();
  },
  get threshold() { return data ? chosen.threshold : null; },
  explained,
  show(index) {
    if (data) goTo(rowOf(index)).querySelector(".pg-passage").focus({ preventScroll: true });
  },
};

pg.redrawOnSwitch(element, draw);
// A run ends with its last message once more.
watch("value", () => { if (!props.value?.nonce || props.value.nonce !== chosen.run) draw(); });
