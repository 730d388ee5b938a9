// What was trained: before and after on queries it did not learn from, and what can be done with it.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const opened = new Set();
const three = (value) => pg.signed(value, 3);
const plus = (value) => (value > 0 ? `+${three(value)}` : three(value));

const tool = (name, act, options = {}) => pg.el("button", { type: "button", class: "pg-button", ...options, on: { click: act } }, pg.el("span", { class: "pg-button-text", text: pg.say(`training.${name}`) }));

// Too small to tell unless the interval leaves out zero.
const verdictOf = (result) => (["better", "worse"].includes(result.verdict) ? result.verdict : "unclear");

function measured(result) {
  const verdict = verdictOf(result);
  const values = { before: three(result.before), after: three(result.after), n: result.n_queries };
  return [
    pg.el("p", { class: `tr-verdict tr-${verdict}`, text: pg.say(`training.verdict_${verdict}`) }),
    pg.el("p", { text: pg.say("training.figures", values) }),
    result.max_length ? pg.el("p", { class: "pg-muted", text: pg.say("training.alike", { precision: result.precision, device: result.device, tokens: result.max_length }) }) : null,
    pg.el("p", { class: "pg-muted", text: pg.say("training.interval", { difference: plus(result.difference), low: plus(result.low), high: plus(result.high), wins: result.wins, losses: result.losses }) }),
    verdict === "unclear" && result.difference > 0 ? pg.el("p", { class: "pg-warn", text: pg.say("training.by_chance") }) : null,
  ];
}

function changed(change) {
  const better = change.after > change.before;
  return pg.el("li", { class: better ? "tr-up" : "tr-down" },
    pg.el("strong", { text: change.query }),
    pg.el("span", { class: "tr-move", text: `${better ? "▲" : "▼"} ${three(change.before)} → ${three(change.after)}` }),
    pg.el("span", { class: "pg-muted", text: pg.say("training.first_now", { text: change.first_after.slice(0, 160) }) }),
    change.first_before === change.first_after ? null : pg.el("span", { class: "pg-muted", text: pg.say("training.first_before", { text: change.first_before.slice(0, 160) }) }));
}

function more(name, id, build) {
  const key = `${id}-${name}`;
  const details = pg.el("details", { open: opened.has(key) }, pg.el("summary", { text: pg.say(`training.${name}`) }));
  const fill = () => { if (details.childElementCount === 1) details.append(build()); };
  if (details.open) fill();
  details.addEventListener("toggle", () => { if (details.open) { opened.add(key); fill(); } else opened.delete(key); });
  return details;
}

function renaming(item, each) {
  const box = pg.el("input", { value: each.name, maxlength: 80, "aria-label": pg.say("training.name") });
  const save = (event) => { event.preventDefault(); trigger("acted", { verb: "rename", id: each.id, name: box.value }); };
  item.querySelector(".tr-head").replaceChildren(pg.el("form", { class: "tr-rename", on: { submit: save } }, box, pg.el("button", { class: "pg-button", type: "submit" }, pg.el("span", { class: "pg-button-text", text: pg.say("training.save") }))));
  box.focus();
}

// A second press deletes: there is no bin for weights.
function removing(button, each) {
  if (button.dataset.sure) { trigger("acted", { verb: "delete", id: each.id }); return; }
  button.dataset.sure = "yes";
  button.querySelector(".pg-button-text").textContent = pg.say("training.sure");
  button.addEventListener("blur", draw, { once: true });
}

function line({ id, result, line: whole, line_kept: kept }) {
  const text = pg.say("training.threshold", { value: three(result.threshold), scale: result.scale, f1: three(result.f1) });
  const beside = kept ? pg.el("span", { class: "pg-good", text: pg.say("training.threshold_kept") }) : whole ? tool("keep", () => trigger("kept", { id })) : null;
  return pg.el("div", { class: "tr-threshold" }, pg.el("span", { text }), beside);
}

function item(each) {
  const { result } = each;
  const facts = { base: each.base, set: pg.setName(each.set_id, each.set), train: each.n_train, dev: each.n_dev, epochs: each.epochs };
  const curve = () => { const node = pg.el("div", { class: "tr-curve" }); requestAnimationFrame(() => window.playgroundFigures.show(node, each.figure, () => {})); return node; };
  const node = pg.el("li", { class: "tr-one", data: { id: each.id } },
    pg.el("div", { class: "tr-head" }, pg.el("strong", { text: each.name }), pg.el("time", { class: "pg-muted", datetime: each.made, text: each.made.slice(0, 16).replace("T", " ") })),
    pg.el("p", { class: "pg-muted", text: pg.say(each.adapters ? "training.facts_adapters" : "training.facts", facts) }),
    ...(result ? measured(result) : [pg.el("p", { class: "pg-warn", text: pg.say("training.not_measured") })]),
    result && result.threshold !== null ? line(each) : null,
    each.reason ? pg.el("p", { text: pg.phrase(each.reason) }) : null,
    ...each.warnings.map((warning) => pg.el("p", { class: "pg-warn", text: pg.phrase(warning) })),
    result && result.changes.length ? more("changes", each.id, () => pg.el("ul", { class: "tr-changes" }, ...result.changes.map(changed))) : null,
    each.figure ? more("curves", each.id, curve) : null,
    pg.el("div", { class: "tr-tools" },
      tool("use", () => trigger("used", { id: each.id })),
      tool("download", () => trigger("zipped", { id: each.id })),
      tool("rename", () => renaming(node, each)),
      tool("delete", (event) => removing(event.currentTarget, each), { class: "pg-button pg-danger" })));
  return node;
}

function draw() {
  const root = $(".tr-models");
  if (!root) return;
  const { trained } = props.value || { trained: [] };
  root.hidden = !trained.length;
  $("h3").textContent = pg.say("training.models");
  $(".tr-list").replaceChildren(...trained.map(item));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
