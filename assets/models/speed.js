// The button that times every way to run the model, and the table it makes.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const percent = (share) => `${pg.number(share * 100, 0)} %`;
const digits = (value) => (value >= 100 ? 0 : value >= 10 ? 1 : 2);
const button = (options, key) => pg.el("button", { type: "button", ...options }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));

function ratioOf(row) {
  return `${pg.number(row.ratio, 2)} (${pg.number(row.least, 2)}–${pg.number(row.most, 2)})`;
}

// Each column: key of its head, and its text for a row; null where it was not measured.
const COLUMNS = [
  ["models.speed_pairs", (row) => pg.number(row.pairs, digits(row.pairs))],
  ["models.speed_tokens", (row) => pg.number(Math.round(row.tokens))],
  ["models.speed_ratio", (row) => (row.ratio === null ? null : ratioOf(row))],
  ["models.speed_tau", (row) => (row.tau === null ? null : pg.number(row.tau, 3))],
  ["models.speed_top", (row) => (row.top === null ? null : percent(row.top))],
  ["models.speed_drift", (row) => (row.drift === null ? null : row.drift === 0 ? "0" : row.drift.toPrecision(2))],
  ["models.speed_memory", (row) => `${pg.number(Math.round(row.memory_mib))} MiB`],
];

function drawRow(row) {
  const name = pg.el("th", { scope: "row" }, pg.el("span", { text: row.name }),
    row.best ? pg.el("span", { class: "pg-badge", text: pg.say("models.speed_is_best") }) : null);
  if (row.error) return pg.el("tr", {}, name, pg.el("td", { class: "pg-muted pg-speed-error", colspan: COLUMNS.length, text: pg.phrase(row.error) }));
  return pg.el("tr", {}, name, ...COLUMNS.map(([key, text]) => pg.el("td", { "data-label": pg.say(key), text: text(row) ?? "–" })));
}

function drawTable(rows) {
  return pg.el("table", { class: "pg-catalogue" },
    pg.el("caption", { class: "pg-hidden", text: pg.say("models.speed") }),
    pg.el("thead", {}, pg.el("tr", {}, pg.el("th", { scope: "col", text: pg.say("models.speed_way") }),
      ...COLUMNS.map(([key]) => pg.el("th", { scope: "col", text: pg.say(key) })))),
    pg.el("tbody", {}, ...rows.map(drawRow)));
}

function draw() {
  const value = props.value || { running: false, said: [], rows: null };
  const buttons = $(".pg-speed-buttons");
  if (!buttons) return;
  const focused = document.activeElement && buttons.contains(document.activeElement) ? document.activeElement.id : null;
  $(".pg-speed-words").replaceChildren(pg.el("h2", { text: pg.say("models.speed") }), pg.el("p", { class: "pg-hint", text: pg.say("models.speed_hint") }));
  buttons.replaceChildren(
    button({ id: "models-speed-run", class: "pg-button pg-primary", disabled: value.running, on: { click: () => { $("#models-speed-run").disabled = true; trigger("timed", {}); } } }, "models.speed_run"),
    button({ id: "models-speed-stop", class: "pg-button pg-danger", disabled: !value.running, on: { click: () => trigger("halted", {}) } }, "run.stop"));
  // The button that was pressed is greyed; whoever drives by keyboard stays beside it.
  if (focused) $(value.running ? "#models-speed-stop" : "#models-speed-run")?.focus();
  const said = $(".pg-phrases");
  said.replaceChildren(...value.said.flatMap((item) => [
    item.bar ? pg.bar(item.bar) : null, pg.el("span", { class: `pg-phrase pg-${item.tone || "plain"}`, text: pg.phrase(item) }),
  ].filter(Boolean)));
  said.hidden = value.said.length === 0;
  const table = $(".pg-speed-table");
  table.replaceChildren(...(value.rows ? [drawTable(value.rows)] : []));
  table.hidden = !value.rows;
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
