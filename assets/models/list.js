// Loaded models with their checks, and the catalogue.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const SIGNS = { passed: "✓", warned: "!", failed: "✗", skipped: "–" };

function drawLoaded(model) {
  return pg.el("li", { class: "pg-loaded" },
    pg.el("div", { class: "pg-loaded-head" },
      pg.el("strong", { text: model.name }),
      model.revision ? pg.el("code", { text: `@${model.revision.slice(0, 10)}` }) : null,
      pg.el("span", { class: "pg-muted", text: [model.device.toUpperCase(), model.precision, pg.say("models.memory", { n: Math.round(model.memory_mib) }),
        pg.say("models.max_length", { n: model.max_length })].join(" · ") }),
      model.in_use ? pg.el("span", { class: "pg-badge", text: pg.say("models.in_use") }) : null,
      model.can_unload ? pg.el("button", { type: "button", class: "pg-button", disabled: model.in_use, on: { click: () => trigger("unloaded", { fingerprint: model.fingerprint }) } },
        pg.el("span", { class: "pg-button-text", text: pg.say("models.unload") })) : null),
    pg.el("p", { class: "pg-muted pg-fingerprint", text: pg.say("models.fingerprint", { fingerprint: model.fingerprint.slice(0, 16) }) }),
    model.others.length ? pg.el("p", { class: "pg-muted pg-others", text: pg.say("models.others", { others: model.others.map((option) => option || "–").join(" · ") }) }) : null,
    pg.el("ul", { class: "pg-checks" }, ...model.checks.map((check) => pg.el("li", { class: `pg-check-${check.status}` },
      pg.el("span", { class: "pg-sign", "aria-hidden": "true", text: SIGNS[check.status] || "?" }),
      pg.el("span", { class: "pg-hidden", text: pg.say(`models.${check.status}`) }),
      pg.el("span", { text: pg.phrase(check.name) }), pg.el("span", { class: "pg-muted", text: pg.phrase(check.detail) })))));
}

const size = (mib) => (mib >= 1000 ? `${pg.number(mib / 1024, 1)} GiB` : `${pg.number(Math.round(mib))} MiB`);
const parameters = (n) => (n >= 1e9 ? `${pg.number(n / 1e9, 1)} B` : `${pg.number(Math.round(n / 1e6))} M`);

function drawCatalogue(entries) {
  const heads = ["models.name", "models.kind", "models.parameters", "models.download", "models.length", "models.languages", "models.licence"];
  const cell = (text, key, extra = {}) => pg.el("td", { "data-label": pg.say(key), ...extra, text });
  return pg.el("table", { class: "pg-catalogue" },
    pg.el("caption", { class: "pg-hidden", text: pg.say("models.catalogue") }),
    pg.el("thead", {}, pg.el("tr", {}, ...heads.map((key) => pg.el("th", { scope: "col", text: pg.say(key) })))),
    pg.el("tbody", {}, ...entries.map((entry) => pg.el("tr", {},
      pg.el("th", { scope: "row" }, pg.el("span", { text: entry.name }), entry.name === entry.id ? null : pg.el("code", { class: "pg-muted", text: entry.id })),
      cell(pg.say(`models.${entry.kind}`), heads[1]), cell(parameters(entry.n_parameters), heads[2]),
      cell(entry.built_in ? pg.say("models.built_in") : size(entry.download_mib), heads[3]), cell(pg.number(entry.max_length), heads[4]),
      cell(entry.languages.join(", "), heads[5]), cell(entry.licence, heads[6])))));
}

function draw() {
  const value = props.value || {};
  const loaded = value.loaded || [];
  $(".pg-models").replaceChildren(
    pg.el("h2", { text: pg.say("models.loaded") }),
    loaded.length ? pg.el("ul", { class: "pg-loaded-list" }, ...loaded.map(drawLoaded)) : pg.el("p", { class: "pg-muted", text: pg.say("models.none_loaded") }),
    pg.el("h2", { text: pg.say("models.catalogue") }),
    pg.el("p", { class: "pg-muted", text: pg.say("models.any_model") }),
    drawCatalogue(value.catalogue || []));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
