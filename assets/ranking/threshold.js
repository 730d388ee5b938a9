// ---- the axis -------------------------------------------------------------------------------------------------------

// Of the slider and the bars, until there are other rows or another unit.
let axis = null;
function axisOf({ logits, scale }) {
  if (chosen.unit === "sigmoid") return { low: 0, high: 1, step: 0.001 };
  const least = logits.at(-1), most = logits[0];
  const pad = Math.max(0.02, (most - least) * 0.04);
  const grain = most - least > 2 ? 0.5 : 0.05;
  return {
    low: Math.max(scale.low ?? -Infinity, Math.floor((least - pad) / grain) * grain),
    high: Math.min(scale.high ?? Infinity, Math.ceil((most + pad) / grain) * grain),
    step: most - least > 2 ? 0.01 : 0.001,
  };
}

const place = (value, { low, high }) => Math.max(0, Math.min(100, (100 * (value - low)) / (high - low || 1)));

// Only where to put the line at first: at zero, or in the widest gap where zero parts nothing.
function firstGuess(logits) {
  if (logits.at(-1) < 0 && logits[0] >= 0) return 0;
  let best = logits[0], widest = 0;
  for (let at = 1; at < logits.length; at += 1) {
    const gap = logits[at - 1] - logits[at];
    if (gap > widest) [widest, best] = [gap, (logits[at - 1] + logits[at]) / 2];
  }
  return Number(best.toFixed(2)) > logits[0] ? logits[0] : Number(best.toFixed(2));
}

function startThreshold() {
  const same = chosen.model === data.fingerprint;
  if (same && chosen.touched) return;
  // While streaming the range still grows; the guess is made anew until the visitor takes the slider.
  chosen.threshold = firstGuess(data.logits);
  chosen.touched = false;
  chosen.model = data.fingerprint;
}

// ---- the threshold --------------------------------------------------------------------------------------------------

function drawThreshold() {
  const box = $(".pg-threshold");
  const { low, high, step } = axis;
  const slider = box.querySelector("input[type=range]"), exact = box.querySelector("input[type=number]");
  Object.assign(slider, { min: low, max: high, step });
  Object.assign(exact, { step });
  slider.setAttribute("aria-label", pg.say("ranking.threshold"));
  exact.setAttribute("aria-label", pg.say("ranking.threshold_exact"));
  box.querySelector(".pg-threshold-name").textContent = pg.say("ranking.threshold");
  box.querySelector(".pg-low").textContent = pg.signed(low, chosen.unit === "sigmoid" ? 0 : 1);
  box.querySelector(".pg-high").textContent = pg.signed(high, chosen.unit === "sigmoid" ? 0 : 1);
  const units = box.querySelector(".pg-units");
  units.hidden = !hasUnits();
  units.setAttribute("aria-label", pg.say("ranking.unit"));
  units.replaceChildren(...["logit", "sigmoid"].map((unit) => pg.el("button", {
    type: "button", data: { unit }, text: pg.say(unit === "logit" ? `ranking.raw_${data.scale.name}` : "ranking.score_sigmoid"), "aria-pressed": String(chosen.unit === unit),
  })));
  paint();
}

const rawName = () => (data.scale.name === "bm25" ? "BM25" : pg.say(`ranking.raw_${data.scale.name}`).toLowerCase());

// How many are kept: those before the first logit below the threshold.
function keepCount() {
  let low = 0, high = data.logits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (data.logits[middle] >= chosen.threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The rows that are in the page: whether they are kept, and where the line runs between them.
function paintRows(nodes, kept) {
  const orderly = ["rank", "score", "shown", "logit"].includes(chosen.sort) && !chosen.down;
  for (const [n, node] of nodes) {
    const keep = list.items[n].logit >= chosen.threshold;
    node.classList.toggle("pg-kept", keep);
    node.classList.toggle("pg-dropped", !keep);
    node.classList.toggle("pg-border", orderly && n > 0 && n === kept);
  }
}

// Colours only: runs on every step of a drag, so it asks the server nothing and draws nothing anew.
function paint() {
  if (!data || chosen.threshold === null) return;
  const threshold = chosen.threshold, box = $(".pg-threshold");
  const value = inUnit(threshold);
  const slider = box.querySelector("input[type=range]"), exact = box.querySelector("input[type=number]");
  if (Number(slider.value) !== value) slider.value = value;
  if (document.activeElement !== exact) exact.value = value.toFixed(chosen.unit === "sigmoid" ? 3 : 2);
  slider.style.setProperty("--fill", `${place(value, axis)}%`);
  const kept = keepCount();
  // While a run goes on only its best rows are here; where all of them are kept, more may be.
  const keeps = kept === data.logits.length && kept < data.n_scored ? "" : pg.say("ranking.keeps", { n: kept, total: data.n_scored });
  const both = hasUnits()
    ? pg.say("ranking.both_units", { logit: pg.signed(threshold, 2), name: rawName(), sigmoid: sigmoid(threshold).toFixed(2) })
    : `${pg.signed(threshold, 2)} ${rawName()}`;
  box.querySelector(".pg-both").textContent = both;
  box.querySelector(".pg-keeps").textContent = keeps;
  slider.setAttribute("aria-valuetext", `${both}. ${keeps}`);
  $(".pg-table").style.setProperty("--cutoff", `${place(value, axis)}%`);
  paintRows(list.nodes, kept);
  window.playgroundPlots?.threshold();
  document.dispatchEvent(new CustomEvent("playground:ranking-line"));
}

function setThreshold(value) {
  if (!Number.isFinite(value)) return;
  const inside = Math.max(axis.low, Math.min(axis.high, value));
  chosen.threshold = chosen.unit === "sigmoid" ? Math.max(-40, Math.min(40, logitOf(Math.max(1e-12, Math.min(1 - 1e-12, inside))))) : inside;
  chosen.touched = true;
  paint();
}
