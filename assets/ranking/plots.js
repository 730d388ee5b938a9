// Keeps the two plots in step with the list: the line and the colours while the threshold moves, the row of a bar.
window.playgroundPlots = (() => {
  const find = (id) => {
    const plot = document.querySelector(`#${id} .js-plotly-plot`);
    return plot?.layout?.meta && plot._fullLayout?.xaxis && plot.calcdata && window.Plotly ? plot : null;
  };
  const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

  // Plotly would lay out the whole figure anew, with every word in it, for a few colours and a line: 100 ms for 60 bars.
  // So the drawing is changed where it stands, and what plotly keeps of it, for when it draws again by itself.
  function moveLine(plot, value) {
    const shape = plot.layout.shapes[0], { _offset, l2p } = plot._fullLayout.xaxis, x = _offset + l2p(value);
    Object.assign(shape, { x0: value, x1: value });
    for (const path of plot.querySelectorAll(".shapelayer path")) path.setAttribute("d", path.getAttribute("d").replace(/([ML])[^,]+/gu, `$1${x}`));
  }
  const barsOf = (plot, trace) => plot.querySelectorAll(".barlayer .trace.bars")[trace]?.querySelectorAll(".point path") || [];

  function bars(plot, logit, value) {
    const { logits, n_shown, kept_colour, dropped_colour } = plot.layout.meta;
    const colours = logits.slice(0, n_shown).map((each) => (each >= logit ? kept_colour : dropped_colour));
    plot.data[0].marker.color = colours;
    barsOf(plot, 0).forEach((path, at) => {
      path.style.fill = colours[at];
      Object.assign(plot.calcdata[0][at], { mc: colours[at], mcc: colours[at] });
    });
    moveLine(plot, value);
  }

  // Dropped bars stand on the axis, kept ones on top of them.
  function distribution(plot, logit, value) {
    const { logits, values, edges } = plot.layout.meta;
    const kept = new Array(edges.length - 1).fill(0), dropped = kept.slice();
    logits.forEach((each, at) => {
      let bin = 0;
      while (bin < kept.length - 1 && values[at] >= edges[bin + 1]) bin += 1;
      (each >= logit ? kept : dropped)[bin] += 1;
    });
    const { l2p } = plot._fullLayout.yaxis;
    for (const [trace, sizes, bases] of [[0, dropped, dropped.map(() => 0)], [1, kept, dropped]]) {
      plot.data[trace].y = sizes;
      barsOf(plot, trace).forEach((path, at) => {
        const base = bases[at], top = base + sizes[at];
        Object.assign(plot.calcdata[trace][at], { b: base, s: sizes[at], y: top });
        path.setAttribute("d", path.getAttribute("d").replace(/^M([^,]+),[^VH]+V[^VH]+H([^VHZ]+).*$/u, `M$1,${l2p(base)}V${l2p(top)}H$2V${l2p(base)}Z`));
      });
    }
    moveLine(plot, value);
  }

  let waiting = 0;
  function threshold() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      const ranking = window.playgroundRanking;
      if (!ranking || ranking.threshold === null) return;
      for (const [id, draw] of [["ranking-bars", bars], ["ranking-distribution", distribution]]) {
        const plot = find(id);
        if (!plot || !plot.layout.meta.logits?.length) continue;
        const unit = plot.layout.meta.unit;
        draw(plot, ranking.threshold, unit === "sigmoid" ? sigmoid(ranking.threshold) : ranking.threshold);
      }
    });
  }

  // The figure does not know its width: room for the numbers beside the bars, and on a phone ranks without texts.
  function fit(plot) {
    const width = plot.clientWidth, { values, n_shown } = plot.layout.meta;
    if (!width || !n_shown) return;
    const shown = values.slice(0, n_shown), narrow = width < 420;
    const low = Math.min(0, ...shown), high = Math.max(0, ...shown);
    const pad = ((high - low || 1) * 46) / Math.max(80, width - (narrow ? 60 : 200));
    const changes = plot.layout.meta.unit === "sigmoid" ? {} : { "xaxis.range": [low < 0 ? low - pad : 0, high > 0 ? high + pad : 0] };
    if (narrow) changes["yaxis.ticktext"] = plot.layout.yaxis.ticktext.map((text) => text.split(" ")[0]);
    window.Plotly.relayout(plot, changes);
  }

  function bind() {
    const plot = find("ranking-bars");
    if (!plot || plot.playgroundBound) return;
    plot.playgroundBound = true;
    fit(plot);
    plot.on("plotly_click", (event) => window.playgroundRanking?.show(event.points[0].customdata));
  }

  // Gradio mounts a plot anew whenever its figure changes. Only a new one is touched: our own redrawing must not wake us.
  const fresh = () => ["ranking-bars", "ranking-distribution"].map(find).filter((plot) => plot && !plot.playgroundSeen);
  let pending = 0;
  function greet() {
    pending = 0;
    const plots = fresh();
    for (const plot of plots) {
      plot.playgroundSeen = true;
      plot.on("plotly_afterplot", threshold);
    }
    if (!plots.length) return;
    bind();
    threshold();
  }
  new MutationObserver(() => {
    if (!pending && fresh().length) pending = setTimeout(greet, 60);
  }).observe(document.documentElement, { childList: true, subtree: true });

  return { threshold };
})();
