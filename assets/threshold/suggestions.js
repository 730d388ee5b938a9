// Thresholds that a rule would choose. A card moves the line when it is pressed; another parameter only asks for another value.
const pg = window.playground;
const panel = () => window.playgroundThreshold;
const PERCENT = ["precision", "recall"];
const LIMITS = { "f-beta": [0.1, 10, 0.1], precision: [1, 100, 1], recall: [1, 100, 1], cost: [0.1, 100, 0.1] };
// What was typed and asked for, by method: an answer to an older question must not come back over a newer one.
let typed = {}, wanted = {}, cards = {};
let token = null, mine = null;
const answer = () => {
  mine = mine || panel()?.answers();
  return mine ? mine(props.value) : null;
};
const waiting = {};

const root = () => element.querySelector(".pg-lab-cards");
const textKey = (method) => method.replace("-", "_");
const shown = (method, parameter) => Number((PERCENT.includes(method) ? 100 * parameter : parameter).toFixed(4));
const meant = (method, value) => (PERCENT.includes(method) ? value / 100 : value);

function isOutside(method) {
  const [low, high] = LIMITS[method], text = typed[method];
  return text !== undefined && (text.trim() === "" || !(Number(text) >= low && Number(text) <= high));
}

// What stands on the card was not chosen with a parameter that is out of range: it must not be taken for that.
function check(node, method) {
  const outside = isOutside(method), [low, high] = LIMITS[method];
  const box = node.querySelector("input"), said = node.querySelector(".pg-lab-card-range"), use = node.querySelector("button[data-use]");
  if (outside) box.setAttribute("aria-invalid", "true");
  else box.removeAttribute("aria-invalid");
  said.textContent = outside ? pg.say("panel.parameter_range", { low, high }) : "";
  if (use) use.disabled = outside;
}

function ask(method, box) {
  typed[method] = box.value;
  check(box.closest(".pg-lab-card"), method);
  clearTimeout(waiting[method]);
  if (isOutside(method)) return;
  const value = Number(box.value);
  waiting[method] = setTimeout(() => {
    wanted[method] = meant(method, value);
    trigger("asked", { token: panel().data.token, method, parameter: wanted[method] });
  }, 300);
}

function control(one) {
  const id = `threshold-parameter-${textKey(one.method)}`, [min, max, step] = LIMITS[one.method];
  const box = pg.el("input", { type: "number", id, min, max, step, inputmode: "decimal", "aria-describedby": `threshold-range-${textKey(one.method)}` });
  box.value = typed[one.method] ?? String(shown(one.method, one.parameter));
  box.addEventListener("input", () => ask(one.method, box));
  return pg.el("label", { class: "pg-lab-parameter", for: id }, pg.el("span", { text: pg.say(`panel.parameter_${textKey(one.method)}`) }), box,
    PERCENT.includes(one.method) ? pg.el("span", { text: "%" }) : null);
}

const isOn = (one) => {
  const { line } = panel();
  return one.value !== null && line.method === one.method && line.parameter === one.parameter && line.threshold === one.value;
};

function card(one) {
  const node = filled(one);
  node.querySelector(".pg-lab-card-head").after(pg.el("p", { class: "pg-lab-card-range", id: `threshold-range-${textKey(one.method)}`, role: "status" }));
  check(node, one.method);
  return node;
}

function filled(one) {
  const { exact, share, rawName } = panel();
  const head = pg.el("div", { class: "pg-lab-card-head" }, pg.el("h4", { text: pg.say(`panel.card_${textKey(one.method)}`) }), control(one));
  const hint = pg.el("p", { class: "pg-lab-card-hint", text: pg.say(`panel.hint_${textKey(one.method)}`) });
  const warnings = one.warnings.map((item) => pg.el("p", { class: "pg-lab-card-warning", text: pg.phrase(item) }));
  if (one.value === null) {
    return pg.el("div", { class: "pg-lab-card pg-lab-none", data: { method: one.method, parameter: one.parameter } }, head, hint, pg.el("p", { class: "pg-lab-why", text: one.reason ? pg.phrase(one.reason) : "" }));
  }
  const on = isOn(one);
  return pg.el("div", { class: `pg-lab-card${on ? " pg-lab-on" : ""}`, data: { method: one.method, parameter: one.parameter } }, head, hint,
    pg.el("p", { class: "pg-lab-card-value" }, pg.el("strong", { text: exact(one.value) }), pg.el("span", { text: ` ${rawName()}` })),
    pg.el("p", { class: "pg-lab-card-says", text: pg.say("panel.card_says", { precision: share(one.precision), recall: share(one.recall) }) }),
    pg.el("p", { class: "pg-lab-card-band", text: bandText(one) }),
    ...warnings,
    pg.el("button", {
      type: "button", class: `pg-button${on ? "" : " pg-primary"}`, "aria-pressed": String(on), data: { use: one.method },
      "aria-label": `${pg.say(on ? "panel.used" : "panel.use")}: ${pg.say(`panel.card_${textKey(one.method)}`)}, ${exact(one.value)}`,
    }, pg.el("span", { class: "pg-button-text", text: pg.say(on ? "panel.used" : "panel.use") })));
}

function bandText(one) {
  if (one.interval) return pg.say("panel.band", { low: panel().exact(one.interval[0]), high: panel().exact(one.interval[1]) });
  return one.no_interval ? pg.phrase(one.no_interval) : pg.say("panel.band_coming");
}

function take(value) {
  if (token !== value.token) [token, typed, wanted, cards] = [value.token, {}, {}, {}];
  for (const one of value.suggestions) if (wanted[one.method] === undefined || wanted[one.method] === one.parameter) cards[one.method] = one;
  return value.suggestions.map((one) => cards[one.method] || one);
}

const row = (list) => pg.el("div", { class: "pg-lab-card-row" }, ...list.map(card));

// Refused is the one number for everybody. Who has to have some precision all the same may see what it costs.
let isOpen = false;
function allTheSame(list) {
  if (!["does-not-separate", "too-few"].includes(panel().data.verdict.kind)) return [];
  const fold = pg.el("details", { class: "pg-lab-all-the-same", open: isOpen, on: { toggle: () => { isOpen = fold.open; } } },
    pg.el("summary", { text: pg.say("panel.all_the_same") }), row(list));
  return [fold];
}

const shownCards = () => Object.values(cards);

function draw() {
  const value = answer(), box = root();
  const there = Boolean(value && value.suggestions.length);
  box.hidden = !there;
  if (!there) return;
  const focused = box.contains(document.activeElement) ? document.activeElement.id || document.activeElement.dataset.use : null;
  const list = take(value);
  for (const one of list) if (typed[one.method] !== undefined && Number(typed[one.method]) === shown(one.method, one.parameter)) delete typed[one.method];
  const refused = panel().data.refuses;
  box.replaceChildren(
    pg.el("h3", { text: pg.say("panel.suggested") }),
    pg.el("p", { class: "pg-hint", text: pg.say(!refused ? "panel.suggested_hint" : panel().data.verdict.kind === "does-not-separate" ? "panel.suggested_refused" : "panel.suggested_none") }),
    ...(refused ? allTheSame(list) : [row(list)]));
  if (focused) (box.querySelector(`#${CSS.escape(focused)}`) || box.querySelector(`[data-use="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
  for (const one of list) if (one.interval) panel().band(one.method, one.parameter, one.interval);
}

// Only which card is on: an input that somebody types in must stay.
function mark() {
  if (!panel()?.data || root().hidden) return;
  for (const one of shownCards()) {
    const node = root().querySelector(`.pg-lab-card[data-method="${one.method}"]`), button = node?.querySelector("button");
    if (!button) continue;
    const on = isOn(one);
    if ((button.getAttribute("aria-pressed") === "true") === on) continue;
    node.classList.toggle("pg-lab-on", on);
    button.classList.toggle("pg-primary", !on);
    button.setAttribute("aria-pressed", String(on));
    button.querySelector(".pg-button-text").textContent = pg.say(on ? "panel.used" : "panel.use");
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-use]");
  const one = button && shownCards().find((each) => each.method === button.dataset.use);
  if (one && one.value !== null) panel().set(one.value, { method: one.method, parameter: one.parameter, interval: one.interval });
});
pg.hear(element, "playground:pairs", draw);
pg.hear(element, "playground:threshold", mark);
pg.redrawOnSwitch(element, draw);
watch("value", draw);
