// The first passages that files would become: title and text, as they would be searched.
const pg = window.playground;

function row(each, place) {
  return pg.el("li", { class: "pg-corpus-passage" },
    pg.el("p", { class: "pg-corpus-title" },
      pg.el("span", { text: `${place + 1}. ${each.title}`, dir: "auto" }),
      pg.el("span", { class: "pg-corpus-words", text: pg.say("corpus.n_words", { n: each.n }) })),
    pg.el("p", { class: "pg-corpus-text", text: each.text, dir: "auto" }));
}

function draw() {
  const root = element.querySelector(".pg-corpus-preview");
  if (!root) return;
  const { rows = [], said = null } = props.value || {};
  root.replaceChildren(...(rows.length ? [pg.el("p", { class: "pg-phrase pg-muted", text: pg.phrase(said) }), pg.el("ol", {}, ...rows.map(row))] : []));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
