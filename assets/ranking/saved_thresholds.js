// The menu of saved thresholds beside Ranking's threshold. It stands in the ranking's own markup (`.sv-here`).
const pg = window.playground;
let saved = [];
let used = null;
let seen = null;

const place = () => document.querySelector("#ranking-results .sv-here");
const line = () => window.playgroundRanking?.threshold;
const short = (number) => pg.signed(number, Math.abs(number) >= 100 ? 1 : 3);

function draw() {
  const box = place();
  if (!box) return;
  if (!saved.length) {
    box.replaceChildren();
    return;
  }
  const option = (each) => pg.el("option", { value: each.id, text: `${each.name} (${short(each.value)})` });
  const others = saved.filter((each) => !each.fits);
  const select = pg.el("select", { id: "ranking-saved-menu", on: { change: () => {
    if (select.value) trigger("picked", { id: select.value });
    else { used = null; draw(); }
  } } },
    pg.el("option", { value: "", text: pg.say("saved.menu_none") }), ...saved.filter((each) => each.fits).map(option),
    others.length ? pg.el("optgroup", { label: pg.say("saved.menu_other") }, ...others.map(option)) : null);
  select.value = used ? used.id : "";
  box.replaceChildren(pg.el("label", { for: "ranking-saved-menu", text: pg.say("saved.menu") }), select,
    ...(used ? [pg.el("span", { class: "sv-used", role: "status", text: pg.say("saved.used", { name: used.name }), dir: "auto" }),
      used.warnings.length ? pg.el("ul", {}, ...used.warnings.map((warning) => pg.el("li", { text: pg.phrase(warning) }))) : null].filter(Boolean) : []));
}

// Moved by hand or by a new run, the line is the saved threshold no longer.
function follow() {
  if (!element.isConnected) {
    document.removeEventListener("playground:ranking-line", follow);
    return;
  }
  if (used && line() !== used.value) {
    used = null;
    draw();
  }
}
function ask() {
  if (!element.isConnected) document.removeEventListener("playground:ranking", ask);
  else trigger("asked", { used: used ? used.id : "" });
}
document.addEventListener("playground:ranking-line", follow);
document.addEventListener("playground:ranking", ask);

watch("value", () => {
  const value = props.value || {};
  // A refusal says nothing of the list: only the choice is taken back.
  saved = value.saved || saved;
  if (value.used && value.used.nonce !== seen) {
    seen = value.used.nonce;
    used = value.used;
    if (used.moved) window.playgroundRanking?.set(used.value);
    if (line() !== used.value) used = null;
  } else if (!value.used && !value.keep) used = null;
  draw();
});
pg.redrawOnSwitch(element, draw);
