// ---- why a row has its score ----------------------------------------------------------------------------------------

// What is open, by the row's index: {said} while it is being computed, {told} once it is there, {failed} where it is not.
const whys = new Map();

const canExplain = () => Boolean(data.explains) && !data.streaming;

function whyButton(row) {
  if (!canExplain()) return null;
  const open = whys.has(row.index);
  return pg.el("button", { type: "button", class: "pg-why-button", "aria-expanded": String(open), data: { why: row.index } }, pg.say(open ? "explained.close" : "explained.why"));
}

// The last cell of an open row.
function whyCell(row) {
  if (!canExplain() || !whys.has(row.index)) return [];
  return [pg.el("div", { role: "cell", class: "pg-cell pg-c-why", "aria-label": pg.say("explained.why") }, ...whyInside(row, whys.get(row.index)))];
}

function whyInside(row, state) {
  if (state.told) {
    // Of a passage that was read in windows it is the best one that was taken apart, whatever became of the others.
    const { all, best } = row.windows || {}, told = window.playgroundExplained.draw(state.told, all ? all[best[0]][2] : row.logit);
    return all ? [pg.el("p", { class: "ex-note", text: pg.say("ranking.window_n", { n: best[0] + 1, total: all.length }) }), told] : [told];
  }
  const button = (key, name) => pg.el("button", { type: "button", class: "pg-button", data: { [name]: row.index } }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const said = state.failed || state.said;
  return [pg.el("div", { class: "pg-why-wait", role: "status" },
    pg.el("p", { class: `pg-phrase pg-${said.tone || "muted"}`, text: pg.phrase(said) }), said.bar ? pg.bar(said.bar) : null,
    state.failed ? button("explained.again", "whyAgain") : button("run.stop", "whyStop"))];
}

function askWhy(index) {
  whys.set(index, { said: { key: "run.start", tone: "muted", bar: { done: 0, total: 0 } } });
  trigger("whyasked", { of: data.of, run: chosen.run, index });
}

function redrawWhy(index) {
  const row = rowOf(index), node = [...list.nodes.values()].find((each) => Number(each.dataset.index) === index);
  if (!row || !node) return;
  const before = node.querySelector(".pg-c-why"), button = node.querySelector(".pg-why-button");
  if (before?.contains(document.activeElement)) button.focus({ preventScroll: true });
  before?.remove();
  node.append(...whyCell(row));
  button.setAttribute("aria-expanded", String(whys.has(index)));
  button.textContent = pg.say(whys.has(index) ? "explained.close" : "explained.why");
}

// Whether the click was on one of these buttons.
function whyClicked(button) {
  const { why, whyAgain, whyStop } = button.dataset;
  const index = Number(why ?? whyAgain ?? whyStop);
  if (why === undefined && whyAgain === undefined && whyStop === undefined) return false;
  if (whyStop !== undefined) {
    button.disabled = true;
    trigger("whystopped", { run: chosen.run, index });
    return true;
  }
  if (why !== undefined && whys.has(index)) {
    if (!whys.get(index).told) trigger("whystopped", { run: chosen.run, index });
    whys.delete(index);
  } else askWhy(index);
  redrawWhy(index);
  return true;
}

// An answer of the server: {run, index} with `said`, `told` as text, or `failed`.
function explained({ run, index, said, told, failed }) {
  if (!data || run !== chosen.run || !whys.has(index)) return;
  whys.set(index, told ? { told: JSON.parse(told) } : failed ? { failed } : { said });
  redrawWhy(index);
}
