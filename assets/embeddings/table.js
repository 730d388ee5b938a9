// One script with results.js, which begins and draws: the models, the arrangement, the near-duplicates and the table.

const dot = () => pg.el("span", { class: "pg-dot", "aria-hidden": "true", text: "·" });

function modelCard(column) {
  if (!column.ready) {
    const said = column.error ? pg.el("p", { class: "pg-bad", text: pg.phrase(column.error) })
      : pg.el("p", { class: "pg-muted", text: pg.say(data.running ? "embeddings.to_come" : "embeddings.not_run") });
    return pg.el("div", { class: `pg-model-facts ${column.error ? "pg-failed" : ""}` }, pg.el("p", { class: "pg-facts" }, pg.el("strong", { text: column.model })), said);
  }
  const facts = [
    pg.el("strong", { text: column.model, title: column.model_id }),
    column.revision ? pg.el("code", { text: `@${column.revision.slice(0, 10)}`, title: column.revision }) : null,
    pg.el("span", { text: `${column.device.toUpperCase()} ${column.precision}` }),
    pg.el("span", { text: pg.say("models.max_length", { n: column.max_length }) }),
    pg.el("span", { text: column.seconds < 0.1 ? pg.say("result.milliseconds", { n: Math.round(column.seconds * 1000) || "<1" }) : pg.say("result.seconds", { seconds: pg.number(column.seconds, column.seconds < 10 ? 2 : 1) }) }),
    column.n_cached > 0 ? pg.el("span", { text: pg.say("result.cached", { n: column.n_cached }) }) : null,
  ].filter(Boolean);
  const { background } = column;
  const band = background && background.bands.query;
  return pg.el("div", { class: "pg-model-facts" },
    pg.el("p", { class: "pg-facts" }, ...facts.flatMap((fact, at) => (at && fact.tagName !== "CODE" ? [dot(), fact] : [fact]))),
    pg.el("p", { class: "pg-muted pg-before", text: column.instruction ? pg.say("embeddings.before", { instruction: column.instruction }) : pg.say("embeddings.no_instruction") }),
    column.passage_instruction ? pg.el("p", { class: "pg-muted pg-before", text: pg.say("embeddings.before_passage", { instruction: column.passage_instruction }) }) : null,
    band ? pg.el("p", { class: "pg-band-line", text: pg.say("embeddings.band", {
      low: cosine(band.low, 2), high: cosine(band.high, 2), n: background.pools.query.length, language: pg.say(`language.${background.language}`),
    }) }) : null,
    ...column.warnings.map((item) => pg.el("p", { class: `pg-${item.tone || "warn"}`, text: pg.phrase(item) })));
}

const segments = (label, name, choices, now) => pg.el("span", { class: "pg-choice" }, pg.el("span", { class: "pg-choice-name", text: label }),
  pg.el("span", { class: "pg-segments", role: "group", "aria-label": label }, ...choices.map(([value, text]) =>
    pg.el("button", { type: "button", text, "aria-pressed": String(String(value) === String(now)), data: { arrange: name, value } }))));

function drawArrange() {
  const { order, colours, by } = data.arrangement;
  const list = ready();
  const orders = ["input", "score", ...(data.paired ? ["similarity"] : [])];
  $(".pg-arrange").setAttribute("aria-label", pg.say("embeddings.arrange"));
  $(".pg-arrange").replaceChildren(
    segments(pg.say("embeddings.order"), "order", orders.map((each) => [each, pg.say(`embeddings.order_${each}`)]), order),
    ...(list.length > 1 && order !== "input" ? [segments(pg.say("embeddings.by"), "by", list.map(({ column, at }) => [at, column.model]), by)] : []),
    segments(pg.say("embeddings.colours"), "colours", ["fixed", "fitted"].map((each) => [each, pg.say(`embeddings.colours_${each}`)]), colours));
}

function arrange(button) {
  const { arrange: name, value } = button.dataset;
  if (button.getAttribute("aria-pressed") === "true") return;
  for (const each of button.parentElement.children) each.setAttribute("aria-pressed", String(each === button));
  chosen.focus = `button[data-arrange="${name}"][data-value="${value}"]`;
  chosen.cell = {};
  trigger("arranged", { [name]: name === "by" ? Number(value) : value });
}

function heading(key, hint) {
  return [pg.el("h3", { text: pg.say(`embeddings.${key}`) }), pg.el("p", { class: "pg-muted pg-explains", text: hint })];
}

function drawQuery() {
  const n = data.passages.length;
  const hint = n > data.n_rows ? pg.say("embeddings.first_rows", { n: data.n_rows, total: n }) : pg.say("embeddings.query_hint");
  $('[data-part="query"] .pg-figures-part').replaceChildren(...heading("query", hint),
    pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("query", at))));
  drawTable();
}

function drawPassages() {
  const part = $('[data-part="passages"] .pg-figures-part');
  const n = data.passages.length;
  if (!data.paired) part.replaceChildren(...heading("passages", pg.say("embeddings.too_many", { n, most: data.limits.paired })));
  else if (data.asks) {
    part.replaceChildren(...heading("passages", pg.say("embeddings.asks", { n, cells: n * n })),
      pg.el("button", { type: "button", class: "pg-button pg-primary", id: "embeddings-large", data: { large: "yes" } }, pg.el("span", { class: "pg-button-text", text: pg.say("embeddings.draw_anyway") })));
  } else {
    part.replaceChildren(...heading("passages", pg.say(n > 1 ? "embeddings.passages_hint" : "embeddings.passages_need")),
      pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("passages", at))));
  }
  for (const { column, at } of ready()) if (column.duplicates) part.append(duplicates(column, at));
  $(".pg-map-part").replaceChildren(...heading("map", pg.say("embeddings.map_hint")),
    pg.el("div", { class: "pg-figures" }, ...ready().map(({ at }) => figureCard("map", at))));
}

function duplicates(column, at) {
  const { n, least, pairs } = column.duplicates;
  const who = ready().length > 1 ? `${column.model}: ` : "";
  if (!n) return pg.el("p", { class: "pg-muted pg-duplicates", text: `${who}${pg.say("embeddings.no_duplicates", { least: cosine(least, 2) })}` });
  const shown = pairs.slice(0, 12);
  return pg.el("div", { class: "pg-duplicates" },
    pg.el("p", { text: `${who}${pg.say("embeddings.duplicates", { n, least: cosine(least, 2) })}` }),
    pg.el("ul", {}, ...shown.map(([a, b, value]) => pg.el("li", {}, pg.el("button", { type: "button", class: "pg-button pg-e-small", data: { a, b, column: at } },
      pg.el("span", { class: "pg-button-text", text: `${a + 1} ↔ ${b + 1} · ${cosine(value, 2)}` }))))),
    n > shown.length ? pg.el("p", { class: "pg-muted", text: pg.say("embeddings.more_duplicates", { n: n - shown.length }) }) : null);
}

function drawTable() {
  const list = ready();
  if (!list.some(({ at }) => at === chosen.table)) chosen.table = list[0].at;
  const column = data.columns[chosen.table];
  const places = data.passages.map((passage, place) => place).sort((a, b) => column.ranks[a] - column.ranks[b] || a - b);
  const band = column.background && column.background.bands.query;
  const low = Math.min(...column.cosines, band ? band.low : 1), high = Math.max(...column.cosines, band ? band.high : -1);
  const across = (value) => `${Math.max(0, Math.min(100, (100 * (value - low)) / (high - low || 1)))}%`;
  const heads = ["rank", "cosine", ...(band ? ["beside"] : []), "tokens", "passage", ...(data.labelled ? ["label"] : [])];
  const cell = (name, ...children) => pg.el("div", { role: "cell", class: `pg-cell pg-e-${name}` }, ...children);
  const rows = places.map((place) => {
    const value = column.cosines[place], [nTokens, nCut] = column.read[place], { text, label } = data.passages[place];
    const alike = (column.duplicates && column.duplicates.of[place]) || [];
    const labels = { true: ["pg-yes", "ranking.relevant"], false: ["pg-no", "ranking.not_relevant"], null: ["pg-unsaid", "ranking.no_label"] };
    const [tone, key] = labels[String(label)];
    return pg.el("div", { role: "row", class: "pg-e-row", data: { place } },
      cell("rank", String(column.ranks[place])),
      cell("cosine", pg.el("span", { class: "pg-number", text: cosine(value) })),
      band ? cell("beside",
        pg.el("span", { class: "pg-strip-line", "aria-hidden": "true" },
          pg.el("span", { class: "pg-strip-band", style: { left: across(band.low), width: `calc(${across(band.high)} - ${across(band.low)})` } }),
          pg.el("span", { class: "pg-strip-dot", style: { left: across(value) } })),
        pg.el("span", { class: "pg-strip-words", text: beside(column, value, "query") })) : null,
      cell("tokens", pg.el("span", { text: pg.number(nTokens), data: { unit: pg.say("ranking.tokens").toLowerCase() } }),
        nCut > 0 ? pg.el("span", { class: "pg-badge pg-cut", text: pg.say("ranking.cut", { n: nCut }), title: pg.say("ranking.cut_title", { n: nCut }) }) : null),
      cell("passage", pg.el("button", { type: "button", class: "pg-e-open", data: { place }, title: pg.say("embeddings.open_pair") },
        pg.el("span", { class: "pg-e-place", text: `${place + 1} ·` }), pg.el("span", { class: "pg-preview", dir: "auto", text: text.length > 300 ? `${text.slice(0, 300)}…` : text })),
        alike.length ? pg.el("span", { class: "pg-badge pg-alike", text: pg.say("embeddings.alike", { places: alike.map((other) => other + 1).join(", ") }) }) : null),
      data.labelled ? cell("label", pg.el("span", { class: `pg-label ${tone}`, text: pg.say(key) })) : null);
  });
  $(".pg-table-part").replaceChildren(
    pg.el("div", { class: "pg-e-figure-head" }, pg.el("h3", { text: pg.say("embeddings.table") }),
      pg.el("button", { type: "button", class: "pg-button pg-e-small", id: "embeddings-csv", title: pg.say("embeddings.csv_title"), data: { save: "csv" } }, pg.svg(DOWN, 14), pg.el("span", { class: "pg-button-text", text: "CSV" }))),
    pg.el("p", { class: "pg-muted pg-explains", text: pg.say(band ? "embeddings.table_hint" : "embeddings.table_plain") }),
    list.length > 1 ? pg.el("span", { class: "pg-segments", role: "group", "aria-label": pg.say("embeddings.models") }, ...list.map(({ column: each, at }) =>
      pg.el("button", { type: "button", text: each.model, "aria-pressed": String(at === chosen.table), data: { table: at } }))) : "",
    pg.el("div", { role: "table", class: `pg-e-table ${band ? "pg-beside" : ""} ${data.labelled ? "pg-labelled" : ""}`, "aria-label": `${pg.say("embeddings.table")}, ${column.model}` },
      pg.el("div", { role: "rowgroup" }, pg.el("div", { role: "row", class: "pg-e-heads" }, ...heads.map((name) => pg.el("div", { role: "columnheader", class: `pg-e-${name}`, text: pg.say(`embeddings.head_${name}`) })))),
      pg.el("div", { role: "rowgroup", class: "pg-e-rows" }, ...rows)));
}
