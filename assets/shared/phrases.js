// One or more short sentences: the live line, the progress, the notices. A list of {key|template|text, values, tone}; one
// with `act` is a button that sends it.
const pg = window.playground;

function draw() {
  const root = element.querySelector(".pg-phrases");
  if (!root) return;
  const items = Array.isArray(props.value) ? props.value : [];
  root.replaceChildren(...items.flatMap((item) => [
    item.bar ? pg.bar(item.bar) : null,
    item.act ? pg.el("button", { type: "button", class: "pg-button pg-primary", on: { click: () => trigger("acted", item.act) } }, pg.el("span", { class: "pg-button-text", text: pg.phrase(item) }))
      : pg.el("span", { class: `pg-phrase pg-${item.tone || "plain"}`, text: pg.phrase(item) }),
  ].filter(Boolean)));
  root.hidden = items.length === 0;
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
