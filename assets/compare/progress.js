// Compare and Stop, and where each model stands.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const SIGNS = { done: "✓", failed: "✕", running: "…", waiting: "·", stopped: "■" };

function compare() {
  const run = $("#compare-run");
  if (!run || run.disabled) return;
  run.disabled = true;
  trigger("compared", { rows: window.playgroundCompareModels ? window.playgroundCompareModels.rows() : [] });
}

function line({ name, state, said }) {
  return pg.el("li", { class: `pg-line-${state}` },
    pg.el("span", { class: "pg-sign", "aria-hidden": "true", text: SIGNS[state] || "·" }),
    pg.el("strong", { text: name }), pg.el("span", { class: "pg-muted", text: pg.phrase(said) }), said.bar ? pg.bar(said.bar) : null);
}

function draw() {
  const value = props.value || { running: false, said: [], lines: [] };
  const button = (options, key) => pg.el("button", { type: "button", ...options }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const buttons = $(".pg-compare-buttons");
  if (!buttons) return;
  const focused = document.activeElement && buttons.contains(document.activeElement) ? document.activeElement.id : null;
  buttons.replaceChildren(
    button({ id: "compare-run", class: "pg-button pg-primary pg-big", disabled: value.running, title: pg.say("compare.run_title"), on: { click: compare } }, "compare.run"),
    button({ id: "compare-stop", class: "pg-button pg-big pg-danger", disabled: !value.running, on: { click: () => trigger("halted", {}) } }, "run.stop"));
  // The button that was pressed is gone or greyed; whoever drives by keyboard stays beside it.
  if (focused) $(value.running ? "#compare-stop" : `#${focused}`)?.focus();
  const said = $(".pg-phrases");
  said.replaceChildren(...value.said.flatMap((item) => [
    item.bar ? pg.bar(item.bar) : null, pg.el("span", { class: `pg-phrase pg-${item.tone || "plain"}`, text: pg.phrase(item) }),
  ].filter(Boolean)));
  said.hidden = value.said.length === 0;
  $(".pg-lines").replaceChildren(...value.lines.map(line));
  $(".pg-lines").hidden = value.lines.length === 0;
}

// In this view Ctrl+Enter compares; heard before the page's own listener, which would rerank.
function onKey(event) {
  if (!element.isConnected) {
    window.removeEventListener("keydown", onKey, true);
    return;
  }
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || element.offsetParent === null) return;
  event.preventDefault();
  event.stopPropagation();
  compare();
}
window.addEventListener("keydown", onKey, true);

pg.redrawOnSwitch(element, draw);
watch("value", draw);
