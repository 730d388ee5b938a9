// The scoring that goes on behind the page: a line for each model, and Stop.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const SIGNS = { done: "✓", failed: "✕", running: "…", waiting: "·", stopped: "■" };

function line({ number, name, set, set_name: setName, state, key, said, left, warnings }) {
  return pg.el("li", { class: `threshold-line-${state}`, data: { number, state } },
    pg.el("span", { class: "pg-sign", "aria-hidden": "true", text: SIGNS[state] || "·" }),
    pg.el("strong", { text: name.replace(/ [(（].*[)）]$/, "") }),
    pg.el("span", { class: "pg-muted", text: pg.setName(set, setName) }),
    pg.el("span", { class: `pg-phrase pg-${said.tone || "plain"}`, text: pg.phrase(said) }),
    left ? pg.el("span", { class: "pg-muted", text: `· ${pg.phrase(left)}` }) : null,
    key ? pg.el("button", { type: "button", class: "pg-button threshold-show", on: { click: () => trigger("scoresshown", { scorer: key, set }) } },
      pg.el("span", { class: "pg-button-text", text: pg.say("labelled_set.show") })) : null,
    ...(warnings || []).map((each) => pg.el("span", { class: "pg-warn", text: pg.phrase(each) })),
    said.bar ? pg.bar(said.bar) : null);
}

function draw() {
  const root = $(".threshold-jobs");
  if (!root) return;
  const { active, lines } = props.value || { active: false, lines: [] };
  const focused = element.contains(document.activeElement);
  root.hidden = !lines.length;
  $(".threshold-lines").replaceChildren(...lines.map(line));
  const tool = (id, key, options) => pg.el("button", { type: "button", id, ...options }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  $(".threshold-job-tools").replaceChildren(active
    ? tool("threshold-stop", "run.stop", { class: "pg-button pg-danger", on: { click: () => trigger("halted", {}) } })
    : tool("threshold-dismiss", "labelled_set.dismiss", { class: "pg-button", on: { click: () => trigger("dismissed", {}) } }));
  if (focused) element.querySelector("button")?.focus();
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
