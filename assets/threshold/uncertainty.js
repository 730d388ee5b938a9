// How far the line can be trusted: bands over queries, the rule on queries it did not see, how much more to label.
const pg = window.playground;
const panel = () => window.playgroundThreshold;
const REST = 450;
const root = () => element.querySelector(".pg-lab-sure");
let pause = 0;
let asked = "";

const lineKey = () => {
  const { data, line } = panel();
  return JSON.stringify([data.token, line.threshold, line.method, line.parameter]);
};
const fits = () => {
  const { value } = props;
  return Boolean(value && value.at && value.token === panel().data.token && value.at.threshold === panel().line.threshold && value.at.method === panel().line.method && value.at.parameter === panel().line.parameter);
};

const percent = (value) => (100 * value).toFixed(0);
const between = (one) => (one.low === null ? "" : pg.say("panel.from_to", { low: percent(one.low), high: percent(one.high) }));

function bar(one) {
  if (one.value === null) return pg.el("span", { class: "pg-muted", text: one.reason ? pg.phrase(one.reason) : "–" });
  const parts = one.low === null ? [] : [pg.el("span", { class: "pg-lab-strip-band", style: { left: `${100 * one.low}%`, width: `${Math.max(0.6, 100 * (one.high - one.low))}%` } })];
  return pg.el("span", { class: "pg-lab-strip", "aria-hidden": "true" }, ...parts, pg.el("span", { class: "pg-lab-strip-dot", style: { left: `${100 * one.value}%` } }));
}

function measures(value) {
  return pg.el("table", { class: "pg-lab-bands" },
    pg.el("thead", {}, pg.el("tr", {}, pg.el("th", { scope: "col" }, pg.el("span", { class: "pg-hidden", text: pg.say("panel.measure") })), pg.el("th", { scope: "col", text: pg.say("panel.here") }),
      pg.el("th", { scope: "col", text: pg.say("panel.band_name") }), pg.el("th", { scope: "col", class: "pg-lab-strip-cell" }, pg.el("span", { text: "0 %" }), pg.el("span", { text: "100 %" })))),
    pg.el("tbody", {}, ...["precision", "recall", "f1"].map((name) => pg.el("tr", { data: { measure: name } },
      pg.el("th", { scope: "row", text: pg.say(`panel.${name}`) }), pg.el("td", { text: panel().share(value[name].value) }), pg.el("td", { text: between(value[name]) }),
      pg.el("td", { class: "pg-lab-strip-cell" }, bar(value[name]))))));
}

function unseen(found) {
  if (!found) return [];
  if (!found.outside) return [pg.el("h4", { text: pg.say("panel.unseen") }), ...(found.reason ? [pg.el("p", { text: pg.phrase(found.reason) })] : [])];
  const cells = (one) => ["precision", "recall", "f1"].map((name) => pg.el("td", { text: panel().share(one[name]) }));
  return [
    pg.el("h4", { text: pg.say("panel.unseen") }),
    pg.el("p", { class: "pg-hint", text: pg.say("panel.unseen_hint", { n: found.n_folds }) }),
    pg.el("table", { class: "pg-lab-small" },
      pg.el("thead", {}, pg.el("tr", {}, pg.el("td", {}), ...["precision", "recall", "f1"].map((name) => pg.el("th", { scope: "col", text: pg.say(`panel.${name}`) })))),
      pg.el("tbody", {}, ...["inside", "outside"].map((name) => pg.el("tr", { data: { unseen: name } }, pg.el("th", { scope: "row", text: pg.say(`panel.${name}`) }), ...cells(found[name]))))),
    ...found.warnings.map((item) => pg.el("p", { class: "pg-hint", text: pg.phrase(item) })),
  ];
}

function needed(found) {
  if (!found) return [];
  const line = (name) => {
    const more = found[name];
    if (more.n_queries === null) return more.reason ? pg.el("li", { text: `${pg.say(`panel.${name}`)}: ${pg.phrase(more.reason)}` }) : null;
    return pg.el("li", { text: pg.say(more.n_queries === 0 ? "panel.enough" : "panel.needs", { what: pg.say(`panel.${name}`), points: Math.round(100 * found.within), queries: more.n_queries, relevant: more.n_relevant }) });
  };
  return [pg.el("h4", { text: pg.say("panel.more_labels") }), pg.el("ul", { class: "pg-lab-needs" }, ...["precision", "recall"].map(line).filter(Boolean))];
}

function body(value) {
  if (value.reason) return [pg.el("p", { text: pg.phrase(value.reason) })];
  const band = value.interval ? pg.el("p", { class: "pg-lab-band-line", text: pg.say("panel.band_line", { low: panel().exact(value.interval[0]), high: panel().exact(value.interval[1]) }) })
    : value.at.method === "by-hand" ? pg.el("p", { class: "pg-hint", text: pg.say("panel.band_by_hand") }) : null;
  return [
    ...(value.n_resamples ? [pg.el("p", { class: "pg-hint", text: pg.say("panel.bootstrap", { n: value.n_queries, times: value.n_resamples }) })] : []),
    measures(value), ...[band].filter(Boolean), ...value.warnings.map((item) => pg.el("p", { class: "pg-hint", text: pg.phrase(item) })),
    ...unseen(value.unseen), ...needed(value.needed),
  ];
}

function draw() {
  const box = root(), there = Boolean(panel()?.data);
  box.hidden = !there;
  if (!there) return;
  box.querySelector(".pg-lab-fold-name").textContent = pg.say("panel.sure");
  const says = box.querySelector(".pg-lab-fold-line"), inner = box.querySelector(".pg-lab-fold-body");
  if (panel().threshold === null) {
    says.textContent = pg.say("panel.sure_needs_line");
    inner.replaceChildren(pg.el("p", { class: "pg-hint", text: pg.say("panel.sure_needs_line") }));
    return;
  }
  const ready = fits(), { value } = props;
  box.classList.toggle("pg-lab-stale", !ready);
  if (!ready) {
    says.textContent = pg.say("panel.computing");
    if (!inner.childElementCount) inner.replaceChildren(pg.el("p", { class: "pg-hint", text: pg.say("panel.computing") }));
    return;
  }
  const { precision, recall } = value;
  says.textContent = value.reason ? pg.phrase(value.reason) : pg.say("panel.sure_line", {
    precision: spoken(precision), recall: spoken(recall),
  });
  inner.replaceChildren(...body(value));
}

const spoken = (one) => (one.value === null ? "–" : `${panel().share(one.value)}${one.low === null ? "" : ` (${between(one)})`}`);

function moved() {
  if (!panel()?.data) return;
  draw();
  if (panel().threshold === null || fits() || asked === lineKey()) return;
  clearTimeout(pause);
  pause = setTimeout(() => {
    if (!panel()?.data || panel().threshold === null || fits()) return;
    asked = lineKey();
    const { data, line } = panel();
    trigger("asked", { token: data.token, threshold: line.threshold, method: line.method, parameter: line.parameter });
  }, REST);
}
pg.hear(element, "playground:pairs", draw);
pg.hear(element, "playground:threshold", moved);
function taken() {
  const { value } = props;
  draw();
  if (value?.at && panel()?.data && value.token === panel().data.token && value.interval) panel().band(value.at.method, value.at.parameter, value.interval);
}
pg.redrawOnSwitch(element, draw);
watch("value", taken);
