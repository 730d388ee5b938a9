// How the ranking changes with the layer at which the model stops; there only for a model that may stop at several.
const pg = window.playground;
const here = element.querySelector(".dp-here");
let node = null;

function bind(plot) {
  // On a phone the ends of the lines carry their numbers alone.
  if (plot.clientWidth < 520) window.Plotly.relayout(plot, { "yaxis.ticktext": plot.layout.yaxis.ticktext.map((text) => text.split(" ")[0]) });
  plot.on("plotly_click", (event) => trigger("layered", { layer: event.points[0].x }));
}

function draw() {
  const value = props.value;
  element.classList.toggle("pg-unseen", !value);
  if (!value) {
    here.replaceChildren();
    return;
  }
  node = value.figure ? pg.el("div", { class: "pg-plot dp-plot" }) : null;
  const button = pg.el("button", { type: "button", class: "pg-button", on: { click: () => trigger("deepened", {}) } },
    pg.el("span", { class: "pg-button-text", text: pg.say("depth.look") }));
  here.replaceChildren(pg.el("div", { class: "pg-card dp-card" },
    pg.el("h3", { class: "dp-title", text: pg.say("depth.title") }),
    pg.el("p", { class: "pg-muted", text: pg.say("depth.about") }),
    ...(node ? [pg.el("ul", { class: "dp-said" }, ...value.said.map((said) => pg.el("li", { text: pg.phrase(said) }))), node] : [button])));
  if (node) window.playgroundFigures.show(node, value.figure, bind);
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
draw();
