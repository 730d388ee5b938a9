// One or more short sentences: the live line, the progress, the notices. A list of {key|template|text, values, tone}.
const pg = window.playground;

function bar({ done, total }) {
  const share = total > 0 ? Math.min(100, (100 * done) / total) : 0;
  return pg.el("div", {
    class: total > 0 ? "pg-progress" : "pg-progress pg-endless", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": total || null,
    "aria-valuenow": total > 0 ? done : null, "aria-label": pg.say("run.progress"),
  }, pg.el("span", { style: { width: `${share}%` } }));
}

function draw() {
  const root = element.querySelector(".pg-phrases");
  if (!root) return;
  const items = Array.isArray(props.value) ? props.value : [];
  root.replaceChildren(...items.flatMap((item) => [
    item.bar ? bar(item.bar) : null,
    pg.el("span", { class: `pg-phrase pg-${item.tone || "plain"}`, text: pg.phrase(item) }),
  ].filter(Boolean)));
  root.hidden = items.length === 0;
}
pg.drawn(element, draw);
watch("value", draw);
