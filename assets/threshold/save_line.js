// The present line under a name: beside the line itself, and over the list of what is saved. What cannot be saved says why.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const panel = () => window.playgroundThreshold;
const { id } = element.closest(".block");
const box = pg.el("input", { type: "text", maxlength: 200, id: `${id}-name`, dir: "auto", autocomplete: "off" });
const label = pg.el("label", { for: box.id });
const button = pg.el("button", { type: "submit", class: "pg-button", id: `${id}-save` }, pg.el("span", { class: "pg-button-text" }));
let answered = null;
// The threshold that was to be saved: what became of it is no word on another.
let asked = null;

function drawNow() {
  const line = panel()?.current() || null;
  if (line?.threshold !== asked) $(".sv-said").textContent = "";
  box.disabled = button.disabled = !line;
  $(".sv-new").classList.toggle("sv-none", !line);
  if (!line) {
    $(".sv-now").textContent = pg.say("saved.no_line");
    return;
  }
  const { value, unit, squeezed, how } = panel().inWords();
  $(".sv-now").textContent = [`${value} ${unit} ${squeezed}`.trim(), how, pg.say("saved.keeps", { n: line.n_kept, total: line.n_pairs })].join(" · ");
}

function draw() {
  $("h3").textContent = pg.say("saved.present");
  label.textContent = pg.say("saved.name");
  box.placeholder = pg.say("saved.name_hint");
  button.firstChild.textContent = pg.say("saved.save");
  const answer = props.value?.said ? props.value : null;
  $(".sv-said").className = `sv-said pg-${answer?.said.tone || "plain"}`;
  $(".sv-said").textContent = answer ? pg.phrase(answer.said) : "";
  // What was saved needs its name no longer.
  if (answer?.kept && answer.nonce !== answered) box.value = "";
  answered = answer?.nonce;
  drawNow();
}

$(".sv-form").replaceChildren(label, box, button);
$(".sv-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = panel()?.current();
  asked = line?.threshold ?? null;
  if (line) trigger("kept", { name: box.value, threshold: line.threshold, method: line.method, parameter: line.parameter, set: line.set_id, scorer: line.scorer });
});
pg.hear(element, "playground:threshold", drawNow);
pg.redrawOnSwitch(element, draw);
watch("value", draw);
