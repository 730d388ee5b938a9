// What is being trained, behind the page: its curves, and Stop and Resume.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
let last = { lines: [] };

const tool = (name, id, options) => pg.el("button", { type: "button", class: "pg-button", id: `training-${name}`, ...options, on: { click: () => trigger(options.event, { id }) } },
  pg.el("span", { class: "pg-button-text", text: pg.say(`training.${name}`) }));

function line({ id, name, base, set_id: setId, set, warnings, state, stopping, said, left }) {
  const tools = state === "running"
    ? [stopping ? null : tool("stop", id, { event: "halted", class: "pg-button pg-danger" })]
    : [tool("resume", id, { event: "resumed" }), tool("forget", id, { event: "forgotten" })];
  return pg.el("li", { class: "tr-line", data: { state } },
    pg.el("div", { class: "tr-head" }, pg.el("strong", { text: name }), pg.el("span", { class: "pg-muted", text: pg.say("training.of", { base, set: pg.setName(setId, set) }) })),
    pg.el("p", { class: `pg-phrase pg-${said.tone || "plain"}`, role: "status", text: [pg.phrase(said), left ? pg.phrase(left) : ""].filter(Boolean).join(" · ") }),
    said.bar ? pg.bar(said.bar) : null,
    ...warnings.map((warning) => pg.el("p", { class: "pg-warn", text: pg.phrase(warning) })),
    pg.el("div", { class: "tr-tools" }, ...tools.filter(Boolean)));
}

function draw() {
  const root = $(".tr-jobs");
  if (!root) return;
  const state = props.value || { lines: [] };
  if (state.lines) last = state;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  $(".tr-refused").hidden = !state.refused;
  $(".tr-refused").textContent = state.refused ? pg.phrase(state.refused) : "";
  root.hidden = !last.lines.length && !state.refused;
  $(".tr-lines").replaceChildren(...last.lines.map(line));
  const shown = [...last.lines].reverse().find((each) => each.figure);
  $(".tr-curve").hidden = !shown;
  if (shown) window.playgroundFigures.show($(".tr-curve"), shown.figure, () => {});
  if (focused) document.getElementById(focused)?.focus();
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
