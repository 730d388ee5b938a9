// A figure's title, and the figure as a file: pictures are made here, a page of its own on the server.
const pg = window.playground;
const KEYS = { rank_shift: "compare.figure_rank_shift", score_percentiles: "compare.figure_score_percentiles" };
const HINTS = { rank_shift: "compare.hint_rank_shift", score_percentiles: "compare.hint_score_percentiles" };

function save(format) {
  const { figure, plot: id } = props.value;
  if (format === "html") {
    trigger("exported", { format, figure });
    return;
  }
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  if (plot) window.playgroundFigures.save(plot, { format, name: figure.replaceAll("_", "-"), width: Math.max(720, plot.clientWidth), title: window.playgroundCompare?.query || "" });
}

function draw() {
  const root = element.querySelector(".pg-figure-head");
  if (!root || !props.value) return;
  const { figure } = props.value;
  root.replaceChildren(
    pg.el("div", { class: "pg-figure-words" }, pg.el("h2", { text: pg.say(KEYS[figure]) }), pg.el("p", { class: "pg-hint", text: pg.say(HINTS[figure]) })),
    window.playgroundFigures.buttons(pg.say(KEYS[figure]), save, ["png", "svg", "html"]));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
