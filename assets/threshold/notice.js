// What the last action on the set has to say, and Undo where something was deleted.
const pg = window.playground;

function draw() {
  const root = element.querySelector(".threshold-notice");
  if (!root) return;
  const { said, undo } = props.value || { said: [], undo: "" };
  root.hidden = !said.length;
  root.replaceChildren(...said.map((item) => pg.el("p", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })));
  if (undo) {
    root.append(pg.el("button", { type: "button", id: "threshold-undo", class: "pg-button pg-primary", on: { click: () => trigger("undone", { verb: "restore", id: undo }) } },
      pg.el("span", { class: "pg-button-text", text: pg.say("history.undo") })));
  }
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
