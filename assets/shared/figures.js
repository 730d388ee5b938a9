// Figures that our own scripts draw, and every figure of the page as a PNG or SVG file.
window.playgroundFigures = (() => {
  const pg = window.playground;
  const MARGIN = 400;
  const PAPER = { paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" }, INK = "#1b1f20", LINE = "#b34f00";

  // ---- drawn once a figure comes near the window, and again when its width changes ----------------------------------

  let plots = [];
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(plots.find((plot) => plot.node === entry.target));
  }, { rootMargin: `${MARGIN}px` });
  const sized = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const plot = plots.find((each) => each.node === entry.target);
      if (plot && plot.width && entry.contentRect.width > 0 && Math.abs(entry.contentRect.width - plot.width) > 2) draw(plot);
    }
  });

  // Plotly comes with the first plot of gradio's own on the page.
  let asking = 0;
  function draw(plot) {
    if (!plot || !plot.node.isConnected || !plot.node.clientWidth) return;
    if (!window.Plotly) {
      plot.wanted = true;
      asking = asking || setInterval(() => {
        if (!window.Plotly) return;
        clearInterval(asking);
        asking = 0;
        for (const each of plots) if (each.wanted) draw(each);
      }, 120);
      return;
    }
    plot.wanted = false;
    plot.width = plot.node.clientWidth;
    const { data, layout } = JSON.parse(plot.text);
    layout.width = plot.width;
    window.Plotly.newPlot(plot.node, data, layout, { displayModeBar: false, responsive: false }).then(() => plot.after(plot.node));
  }

  // `figure` is plotly's JSON by language; `after` is called with the node whenever it was drawn.
  function show(node, figure, after) {
    const before = plots.find((plot) => plot.node === node), text = figure[pg.language] || figure.en;
    plots = plots.filter((plot) => plot.node.isConnected || plot.node === node);
    if (before && before.text === text) {
      before.after = after;
      if (before.width) after(node);
      return;
    }
    if (before) Object.assign(before, { text, after });
    else plots.push({ node, text, after, width: 0 });
    node.style.minHeight = `${JSON.parse(text).layout.height || 200}px`;
    near.unobserve(node);
    near.observe(node);
    sized.observe(node);
  }

  // ---- as a file ----------------------------------------------------------------------------------------------------

  // Plotly reads markup and TeX in a title.
  const safe = (text) => text.replace(/\s+/gu, " ").trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("$", "&#36;");
  const shorten = (text, n) => (Array.from(text).length > n ? `${Array.from(text).slice(0, n - 1).join("")}…` : text);

  // What our scripts lay over a figure, as plotly draws it: {x}, {y} or both, each a number on its axis; `text` stands at x.
  function marked({ data, layout }, { x = null, y = null, text = "" }) {
    const line = { type: "line", line: { color: LINE, width: 2 } };
    if (x !== null && y !== null) data.push({ type: "scatter", mode: "markers", x: [x], y: [y], marker: { color: LINE, size: 12 }, showlegend: false });
    else if (x !== null) layout.shapes = [...(layout.shapes || []), { ...line, xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1 }];
    else layout.shapes = [...(layout.shapes || []), { ...line, xref: "paper", yref: "y", x0: 0, x1: 1, y0: y, y1: y }];
    if (text) layout.annotations = [...(layout.annotations || []), { xref: "x", x, xanchor: "left", yref: "paper", y: 1, yanchor: "bottom", text: safe(text), showarrow: false, font: { color: LINE } }];
  }

  // A figure on white paper under a title and, smaller, where it comes from. `legend` names its traces where the page does that.
  async function save({ data, layout }, { format, name, width, title, caption = "", mark = null, legend = false }) {
    if (!window.Plotly) return;
    const figure = JSON.parse(JSON.stringify({ data, layout })), head = caption ? 70 : 46;
    const under = caption ? `<br><sup>${safe(shorten(caption, 160))}</sup>` : "";
    if (mark) marked(figure, mark);
    if (legend) {
      for (const trace of figure.data) trace.showlegend = Boolean(trace.name);
      Object.assign(figure.layout, { showlegend: true, legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "bottom" } });
    }
    const { layout: own } = figure, height = (own.height || 450) + head;
    Object.assign(own, PAPER, { autosize: false, width, height, font: { ...own.font, color: INK } });
    own.title = { text: `${safe(shorten(title, 90))}${under}`, x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: caption ? 24 : 12 }, font: { size: 16 } };
    own.margin = { ...own.margin, t: (own.margin?.t || 0) + head };
    const address = await window.Plotly.toImage(figure, { format, width, height, scale: format === "png" ? 2 : 1 });
    pg.download({ name: `${name}.${format}`, blob: await (await fetch(address)).blob() });
  }

  // The buttons of one figure; `act` is given the format that was pressed.
  function buttons(label, act, formats = ["png", "svg"]) {
    return pg.el("span", { class: "pg-figure-files" }, ...formats.map((format) => {
      const title = pg.say("export.figure_as", { format: format.toUpperCase() });
      return pg.el("button", { type: "button", class: "pg-button", title, "aria-label": `${title}: ${label}`, data: { save: format }, on: { click: () => act(format) } },
        pg.el("span", { class: "pg-button-text", text: format.toUpperCase() }));
    }));
  }

  const axes = (node) => (node && node._fullLayout && node._fullLayout.xaxis ? node._fullLayout : null);
  return { show, save, buttons, axes };
})();
