// One or more short sentences: the live line, the progress, the notices. A list of {key|template|text, values, tone}.
const pg = window.playground;

function draw() {
  const root = element.querySelector(".pg-phrases");
  if (!root) return;
  const items = Array.isArray(props.value) ? props.value : [];
  root.replaceChildren(...items.flatMap((item) => [
    item.bar ? pg.bar(item.bar) : null,
    pg.el("span", { class: `pg-phrase pg-${item.tone || "plain"}`, text: pg.phrase(item) }),
  ].filter(Boolean)));
  root.hidden = items.length === 0;
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
