// Train on my labels: what to start from, how, and what of the set is learned from.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const kept = { base: null, name: null, preset: "quick", epochs: null, share: 0.3, seed: 0, negatives: "set", adapters: "auto" };
let drawn = "";

const field = (id, label, node, hint = "") => pg.el("div", { class: "tr-field" },
  pg.el("label", { for: id, text: label }), node, hint ? pg.el("span", { class: "pg-muted tr-hint", text: hint }) : null);

function choice(id, options, value, picked) {
  const select = pg.el("select", { id, on: { change: () => picked(select.value) } }, ...options.map(([own, text]) => pg.el("option", { value: own, text })));
  select.value = String(value);
  return select;
}

function number(id, value, most, typed) {
  const least = id === "training-seed" ? 0 : 1;
  const whole = () => Math.min(most, Math.max(least, Math.round(Number(box.value)) || 0));
  const box = pg.el("input", { id, type: "number", min: least, max: most, value: String(value), on: { change: () => typed(whole()) } });
  return box;
}

const sent = () => ({ share: kept.share, seed: kept.seed, negatives: kept.negatives });
const replan = () => trigger("planned", sent());

function start(event) {
  event.preventDefault();
  const { preset, adapters } = kept;
  trigger("trainasked", { ...sent(), preset, adapters, base: $("#training-base").value, name: $("#training-name").value, epochs: kept.epochs || props.value.presets[preset].epochs });
}

// Passages of English prose have about three words in four tokens.
const WORDS = 0.75;

function presetHint({ presets }) {
  const chosen = presets[kept.preset], { max_length: tokens, group_size: passages } = chosen;
  const epochs = kept.epochs || chosen.epochs, times = Math.round((epochs * chosen.step_time) / presets.quick.epochs);
  return pg.say(`training.preset_${kept.preset}_hint`, { epochs, tokens, passages, words: Math.round(WORDS * tokens), times });
}

function draw() {
  const state = props.value, root = $(".tr-form");
  if (!root || !state) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const { plan } = state, typed = { base: $("#training-base")?.value, name: $("#training-name")?.value };
  $("h3").textContent = pg.say("training.title");
  $(".tr-what").textContent = pg.say("training.what");
  $(".tr-warnings").replaceChildren(...[plan.trouble, ...(plan.warnings || [])].filter(Boolean).map((each) => pg.el("li", { class: `pg-${each.tone}`, text: pg.phrase(each) })));
  $(".tr-fields").hidden = !state.allowed;
  if (!state.allowed) {
    $(".tr-warnings").replaceChildren(pg.el("li", { text: pg.say("training.not_here") }));
    return;
  }
  const set = (name) => (value) => { kept[name] = value; draw(); };
  const base = pg.el("input", { id: "training-base", list: "training-bases", value: typed.base ?? state.bases[0].value, autocomplete: "off", spellcheck: "false" });
  // The suggestion is another one once a model has it.
  const own = typed.name && typed.name !== kept.suggested ? typed.name : state.name;
  kept.suggested = state.name;
  const name = pg.el("input", { id: "training-name", maxlength: 80, value: own, autocomplete: "off" });
  const share = (each) => [String(each), pg.say("training.share_of", { percent: Math.round(100 * each) })];
  $(".tr-fields").replaceChildren(
    field("training-base", pg.say("training.base"), base, pg.say("training.base_hint")),
    pg.el("datalist", { id: "training-bases" }, ...state.bases.map(({ value, label }) => pg.el("option", { value, text: label }))),
    field("training-name", pg.say("training.name"), name),
    field("training-preset", pg.say("training.preset"), choice("training-preset", [["quick", pg.say("training.preset_quick")], ["careful", pg.say("training.preset_careful")]], kept.preset, (value) => { kept.epochs = null; set("preset")(value); }), presetHint(state)),
    field("training-share", pg.say("training.share"), choice("training-share", state.shares.map(share), kept.share, (value) => { set("share")(Number(value)); replan(); }), plan.trouble ? "" : pg.say("training.split", { train: plan.n_train, dev: plan.n_dev })),
    pg.el("details", { class: "tr-more", open: kept.more, on: { toggle: (event) => { kept.more = event.target.open; } } }, pg.el("summary", { text: pg.say("training.more") }),
      pg.el("div", { class: "tr-fields" },
        field("training-negatives", pg.say("training.negatives"), choice("training-negatives", [["set", pg.say("training.negatives_set")], ["mined", pg.say("training.negatives_mined")]], kept.negatives, (value) => { set("negatives")(value); replan(); }), pg.say(`training.negatives_${kept.negatives}_hint`)),
        field("training-epochs", pg.say("training.epochs"), number("training-epochs", kept.epochs || state.presets[kept.preset].epochs, state.most_epochs, set("epochs"))),
        field("training-adapters", pg.say("training.adapters"), choice("training-adapters", ["auto", "no", "yes"].map((each) => [each, pg.say(`training.adapters_${each}`)]), kept.adapters, set("adapters")), pg.say("training.adapters_hint")),
        field("training-seed", pg.say("training.seed"), number("training-seed", kept.seed, state.most_seed, (value) => { set("seed")(value); replan(); }), pg.say("training.seed_hint")))),
    pg.el("button", { type: "submit", id: "training-start", class: "pg-button pg-primary tr-start", disabled: Boolean(plan.trouble) }, pg.el("span", { class: "pg-button-text", text: pg.say("training.start") })));
  if (focused) document.getElementById(focused)?.focus();
}
if (!drawn) { drawn = "yes"; $(".tr-fields").addEventListener("submit", start); }
pg.redrawOnSwitch(element, draw);
// What comes when another set is shown is split by the first choices, and not by those that stand here.
watch("value", () => { draw(); if (props.value?.allowed && JSON.stringify(props.value.split) !== JSON.stringify(sent())) replan(); });
pg.askUntil(element, () => props.value);
