// The pairs around the line, and the worst on either side. Texts that are not here yet are asked for where they are looked at.
const pg = window.playground;
const panel = () => window.playgroundThreshold;
const FIRST = 5, MORE = 15, MOST = 200, PAUSE = 250;
const chosen = { token: null, view: null, n: FIRST, open: null };
let texts = new Map();
let whole = new Map();
let asked = new Set();
let unread = [];
let last = null;
let drawnFor = "";
let pause = 0;

const root = () => element.querySelector(".pg-lab-list");

// The n nearest dropped and kept places, best first; the last dropped is place - 1.
function near() {
  const { data, placeOf, threshold } = panel();
  const place = placeOf(threshold);
  const kept = [], dropped = [];
  for (let at = place; at < Math.min(data.n, place + chosen.n); at += 1) kept.push(at);
  for (let at = place - 1; at >= Math.max(0, place - chosen.n); at -= 1) dropped.push(at);
  return [kept.reverse(), dropped];
}

// The highest scored that are not relevant and the lowest scored that are.
function worst() {
  const { data, isRelevant } = panel();
  const wrong = [], missed = [];
  for (let at = data.n - 1; at >= 0 && wrong.length < chosen.n; at -= 1) if (!isRelevant(at)) wrong.push(at);
  for (let at = 0; at < data.n && missed.length < chosen.n; at += 1) if (isRelevant(at)) missed.push(at);
  return [wrong, missed];
}

// Without a line there is nothing near it.
const view = () => chosen.view || (panel().threshold === null ? "worst" : "near");

function row(at) {
  const { data, short, isRelevant, threshold } = panel();
  const right = isRelevant(at), keep = threshold !== null && data.pairs[at] >= threshold;
  const error = threshold !== null && right !== keep;
  const found = texts.get(at), open = chosen.open === at;
  const button = pg.el("button", { type: "button", class: "pg-lab-open", "aria-expanded": String(open), data: { at } },
    pg.el("span", { class: "pg-lab-query", dir: "auto", text: found ? found.query : "…" }),
    pg.el("span", { class: "pg-lab-passage", dir: "auto", text: found ? found.text : "" }));
  return pg.el("li", { class: `pg-lab-row ${error ? "pg-lab-error" : ""}`, data: { at } },
    pg.el("span", { class: "pg-lab-score", text: short(data.pairs[at]), title: String(data.pairs[at]) }),
    button,
    pg.el("span", { class: "pg-lab-said" }, pg.el("span", { class: `pg-label ${right ? "pg-yes" : "pg-no"}`, text: pg.say(right ? "ranking.relevant" : "ranking.not_relevant") }),
      error ? pg.el("span", { class: "pg-lab-mistake", text: pg.say(right ? "panel.missed" : "panel.let_in") }) : null),
    open ? opened(at) : null);
}

function opened(at) {
  const both = whole.get(at);
  if (!both) return pg.el("div", { class: "pg-lab-whole", text: pg.say("panel.fetching") });
  return pg.el("div", { class: "pg-lab-whole" },
    pg.el("p", {}, pg.el("b", { text: `${pg.say("input.query")} ` }), pg.el("span", { dir: "auto", text: both.query })),
    pg.el("p", { class: "pg-lab-whole-text", dir: "auto", text: both.text }));
}

const rows = (places) => pg.el("ol", { class: "pg-lab-rows" }, ...places.map(row));
const group = (key, places, values) => pg.el("section", {}, pg.el("h4", { text: pg.say(key, values) }),
  places.length ? rows(places) : pg.el("p", { class: "pg-hint", text: pg.say("panel.nobody_here") }));

function want(places) {
  const missing = places.filter((at) => !texts.has(at) && !asked.has(at));
  if (!missing.length) return;
  clearTimeout(pause);
  // While the line moves the places change with every step.
  pause = setTimeout(() => {
    for (const at of missing) asked.add(at);
    trigger("wanted", { token: panel().data.token, places: missing });
  }, PAUSE);
}

function sides() {
  if (view() === "near" && panel().threshold === null) return null;
  return view() === "near" ? near() : worst();
}

function drawRows() {
  const box = root().querySelector(".pg-lab-groups"), both = sides();
  drawViews();
  if (!both) {
    box.replaceChildren(pg.el("p", { class: "pg-hint", text: pg.say("panel.list_needs_line") }));
    root().querySelector(".pg-lab-more").hidden = true;
    drawnFor = "";
    return;
  }
  const focus = document.activeElement?.classList.contains("pg-lab-open") && box.contains(document.activeElement) ? document.activeElement.dataset.at : null;
  const [first, second] = both, { threshold, exact, counts } = panel();
  const keys = view() === "near" ? ["panel.just_kept", "panel.just_dropped"] : ["panel.highest_wrong", "panel.lowest_right"];
  const found = threshold === null ? null : counts(threshold);
  box.replaceChildren(
    group(keys[0], first, { n: first.length, total: found ? found.tp + found.fp : 0 }),
    view() === "near" ? pg.el("p", { class: "pg-lab-cut" }, pg.el("span", { text: pg.say("panel.line_here", { value: exact(threshold) }) })) : pg.el("span", {}),
    group(keys[1], second, { n: second.length, total: found ? found.fn + found.tn : 0 }));
  if (focus !== null) box.querySelector(`[data-at="${focus}"] button, button[data-at="${focus}"]`)?.focus({ preventScroll: true });
  const more = root().querySelector(".pg-lab-more");
  more.hidden = chosen.n >= MOST || (first.length < chosen.n && second.length < chosen.n);
  more.textContent = pg.say("panel.show_more");
  drawnFor = key();
  want([...first, ...second]);
}

// What the rows depend on: most steps of a drag change nothing here.
function key() {
  const { data, threshold, placeOf } = panel();
  return [data.token, view(), chosen.n, chosen.open, pg.language, threshold === null ? "" : placeOf(threshold), texts.size, whole.size].join(" ");
}

function moved() {
  if (!panel()?.data || root().hidden) return;
  if (drawnFor !== key()) drawRows();
  else {
    const cut = root().querySelector(".pg-lab-cut span");
    if (cut && panel().threshold !== null) cut.textContent = pg.say("panel.line_here", { value: panel().exact(panel().threshold) });
  }
}

function take() {
  const { data } = panel();
  if (chosen.token !== data.token) {
    texts = new Map();
    whole = new Map();
    asked = new Set();
    Object.assign(chosen, { token: data.token, open: null, n: FIRST });
  }
  for (const value of unread.filter((each) => each.token === data.token)) {
    const { previews } = value;
    if (previews) previews.passages.forEach((text, number) => texts.set(previews.places ? previews.places[number] : number, { query: previews.queries[previews.of[number]], text }));
    if (value.whole) whole.set(value.whole.place, value.whole);
  }
  unread = unread.filter((each) => each.token !== data.token);
}

// An answer may come before its pairs, or belong to those that were here before.
function arrived() {
  const { value } = props;
  if (value && value !== last) unread = [...unread, value].slice(-4);
  last = value;
  draw();
}

function draw() {
  const there = Boolean(panel()?.data);
  root().hidden = !there;
  if (!there) return;
  take();
  root().querySelector("h3").textContent = pg.say("panel.list");
  drawRows();
}

function drawViews() {
  const box = root().querySelector(".pg-lab-views");
  if (box.dataset.shown === `${view()} ${pg.language}`) return;
  box.dataset.shown = `${view()} ${pg.language}`;
  box.setAttribute("aria-label", pg.say("panel.list"));
  box.replaceChildren(...["near", "worst"].map((each) => pg.el("button", {
    type: "button", "aria-pressed": String(view() === each), data: { view: each }, text: pg.say(`panel.view_${each}`),
  })));
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !panel()?.data) return;
  const { view: wanted, at } = button.dataset;
  if (wanted) {
    chosen.view = wanted;
    chosen.n = FIRST;
    draw();
    root().querySelector(`button[data-view="${wanted}"]`).focus();
  } else if (at !== undefined) {
    const place = Number(at);
    chosen.open = chosen.open === place ? null : place;
    if (chosen.open !== null && !whole.has(place)) trigger("opened", { token: panel().data.token, place });
    drawRows();
  } else if (button.classList.contains("pg-lab-more")) {
    chosen.n += MORE;
    drawRows();
  }
});
pg.hear(element, "playground:pairs", draw);
pg.hear(element, "playground:threshold", moved);
pg.redrawOnSwitch(element, arrived);
watch("value", arrived);
