// ---- one passage in both plots --------------------------------------------------------------------------------------

const PLOTS = ["compare-shift", "compare-percentiles"];
const DIM = "0.13";

function find(id) {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  return plot && plot._fullData && window.Plotly ? plot : null;
}

// By opacity and in the drawing itself: redrawing the figure would take away what the pointer is on.
function isolate(plot, place) {
  if (!plot) return;
  for (const node of plot.querySelectorAll(".scatterlayer > .trace")) {
    const trace = node.__data__?.[0]?.trace;
    if (!trace) continue;
    if (plot.layout.meta?.width) {
      node.style.opacity = place === null || trace.customdata?.[0] === place ? "" : DIM;
    } else {
      node.querySelectorAll(".points path").forEach((point, at) => { point.style.opacity = place === null || trace.customdata?.[at] === place ? "" : DIM; });
    }
  }
}

// A figure does not know its width: many models scroll inside their card, and a phone shows numbers without texts.
function fit(plot) {
  const names = plot.layout.meta?.names;
  const box = plot.closest("#compare-shift, #compare-percentiles");
  if (!names || !box) return;
  const narrow = box.clientWidth < 520, changes = {};
  if (narrow) changes["yaxis.ticktext"] = plot.layout.yaxis.ticktext.map((text) => text.split(" ")[0]);
  if (box.id === "compare-shift") {
    const wanted = names.length * (narrow ? 96 : 130) + (narrow ? 50 : 230);
    box.style.setProperty("--plot-width", wanted > box.clientWidth ? `${wanted}px` : "100%");
    if (narrow) Object.assign(changes, { "annotations[0].x": 0, "annotations[0].xanchor": "left", "annotations[0].align": "left" });
  } else if (narrow) {
    // The names stand below each other there, and would take their room from the marks.
    changes.height = plot.layout.height + Math.max(0, names.length - 2) * 20;
  }
  window.Plotly.relayout(plot, changes).then(() => window.Plotly.Plots.resize(plot)).then(() => isolate(plot, lit));
}

function bind(plot) {
  fit(plot);
  plot.on("plotly_hover", (event) => light(event.points[0].customdata));
  plot.on("plotly_unhover", () => light(chosen.pinned));
  plot.on("plotly_click", (event) => { if (chosen.pinned !== event.points[0].customdata) pin(event.points[0].customdata); });
  plot.on("plotly_afterplot", () => isolate(plot, lit));
}

// Gradio mounts a plot anew whenever its figure changes.
function watchPlots() {
  let pending = 0;
  const fresh = () => PLOTS.map(find).filter((plot) => plot && !plot.playgroundSeen);
  const observer = new MutationObserver(() => {
    if (!element.isConnected) {
      observer.disconnect();
      return;
    }
    if (pending || !fresh().length) return;
    pending = setTimeout(() => {
      pending = 0;
      for (const plot of fresh()) {
        plot.playgroundSeen = true;
        bind(plot);
      }
    }, 60);
  });
  observer.observe(document.documentElement, { childList: true, subtree: true });
}
