// A figure's title, and the figure as a file: pictures are made here, a page of its own on the server.
const pg = window.playground;
const PAPER = { paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", font: { color: "#1b1f20" } };
const TITLE_PIXELS = 46;
const DOWN = "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14";
const KEYS = { rank_shift: "compare.figure_rank_shift", score_percentiles: "compare.figure_score_percentiles" };
const HINTS = { rank_shift: "compare.hint_rank_shift", score_percentiles: "compare.hint_score_percentiles" };

// Plotly reads markup and TeX in a title.
const safe = (text) => text.replace(/\s+/gu, " ").trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("$", "&#36;");
const shorten = (text, n) => (Array.from(text).length > n ? `${Array.from(text).slice(0, n - 1).join("")}…` : text);

async function picture(format) {
  const plot = document.querySelector(`#${props.value.plot} .js-plotly-plot`);
  if (!plot || !window.Plotly) return;
  const width = Math.max(720, plot.clientWidth), layout = JSON.parse(JSON.stringify(plot.layout));
  const query = window.playgroundCompare?.query || "";
  Object.assign(layout, PAPER, { autosize: false, width, height: (layout.height || 450) + TITLE_PIXELS });
  layout.title = { text: safe(shorten(query, 90)), x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 12 }, font: { size: 16 } };
  layout.margin = { ...layout.margin, t: (layout.margin?.t || 0) + TITLE_PIXELS };
  const data = JSON.parse(JSON.stringify(plot.data));
  const address = await window.Plotly.toImage({ data, layout }, { format, width, height: layout.height, scale: format === "png" ? 2 : 1 });
  const link = pg.el("a", { href: address, download: `${props.value.figure.replaceAll("_", "-")}.${format}` });
  document.body.append(link);
  link.click();
  link.remove();
}

function draw() {
  const root = element.querySelector(".pg-figure-head");
  if (!root || !props.value) return;
  const { figure } = props.value;
  const button = (format, act) => pg.el("button", {
    type: "button", class: "pg-button", id: `compare-${figure}-${format}`, title: pg.say("compare.figure_as", { format: format.toUpperCase() }),
    "aria-label": pg.say("compare.figure_as", { format: format.toUpperCase() }), on: { click: act },
  }, pg.svg(DOWN, 15), pg.el("span", { class: "pg-button-text", text: format.toUpperCase() }));
  root.replaceChildren(
    pg.el("div", { class: "pg-figure-words" }, pg.el("h2", { text: pg.say(KEYS[figure]) }), pg.el("p", { class: "pg-hint", text: pg.say(HINTS[figure]) })),
    pg.el("div", { class: "pg-exports" }, button("png", () => picture("png")), button("svg", () => picture("svg")),
      button("html", () => trigger("exported", { format: "html", figure }))));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
