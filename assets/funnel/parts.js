// What both parts of the funnel draw with.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const none = "–";

const seconds = (value) => (value === null || value === undefined ? none
  : value < 1 ? pg.say("result.milliseconds", { n: Math.round(value * 1000) }) : pg.say("funnel.seconds", { n: value.toFixed(value < 10 ? 2 : 1) }));

function warn(items) {
  $(".pg-warnings").replaceChildren(...items.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })));
}

// A figure that is kept while its text is the same, so that nothing jumps.
function figure(box, title, about, value, { name, said = [], bind = () => {} }) {
  box.hidden = !value;
  if (!value) {
    box.replaceChildren();
    return;
  }
  const node = pg.el("div", { class: "pg-plot fn-plot" });
  const save = (format) => window.playgroundFigures.save(node, { format, name, width: Math.max(720, node.clientWidth), title, legend: false });
  box.replaceChildren(
    pg.el("div", { class: "pg-figure-head" }, pg.el("div", { class: "pg-figure-words" }, pg.el("h3", { text: title }), pg.el("p", { class: "pg-hint", text: about })),
      window.playgroundFigures.buttons(title, save)),
    ...(said.length ? [pg.el("ul", { class: "fn-said" }, ...said.map((item) => pg.el("li", { class: `pg-${item.tone || "plain"}`, text: pg.phrase(item) })))] : []), node);
  window.playgroundFigures.show(node, value, bind);
}
