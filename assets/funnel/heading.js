// What the part for many queries is for.
const pg = window.playground;
pg.redrawOnSwitch(element, () => element.querySelector(".fn-heading")?.replaceChildren(
  pg.el("h2", { text: pg.say("funnel.many_title") }), pg.el("p", { class: "pg-hint", text: pg.say("funnel.many_about") })));
