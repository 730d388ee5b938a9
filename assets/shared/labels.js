// Labels of pairs, shared by Ranking, Compare and the labelling flow: the control of a row, what is known of each pair,
// and the way to the server. A pair is its exact query and passage, so a label given in one view shows in all.
// A label is [grade, source]: 0 to 3, or -1 where a person could not tell; source `human` or `imported`.
window.playgroundLabels = (() => {
  const pg = window.playground;
  const UNSURE = -1, WAIT_MS = 20000, MODE = "rerank-playground-grades";
  const KEYS = { j: 1, k: 0, u: UNSURE };
  const BINARY = [1, 0, UNSURE], GRADED = [0, 1, 2, 3, UNSURE];
  const known = new Map();
  const roots = new Map();
  const modeListeners = new Set();
  const waiting = [];
  let flying = null, token = 0, graded = false;
  try { graded = localStorage.getItem(MODE) === "yes"; } catch { /* storage may be blocked in a frame */ }

  // ---- what is known ------------------------------------------------------------------------------------------------

  const same = (one, other) => one.query === other.query && one.text === other.text;
  const get = (pair) => known.get(pair.query)?.get(pair.text) ?? null;
  function set(pair, label) {
    if (!known.has(pair.query)) known.set(pair.query, new Map());
    known.get(pair.query).set(pair.text, label);
  }
  const onItsWay = (pair) => [flying, ...waiting].some((one) => one && one.pair && same(one.pair, pair));

  // What the server says of a list. While a run streams, what was said on the page meanwhile is newer.
  function take(query, texts, labels, fresh = true) {
    texts.forEach((text, at) => {
      const pair = { query, text };
      if (onItsWay(pair) || (!fresh && known.get(query)?.has(text))) return;
      set(pair, labels[at] ?? null);
    });
  }

  // What holds for a pair: what was said of it here, else what came with the input.
  function effective(pair) {
    const label = get(pair);
    if (label) return { grade: label[0], from: label[1] };
    return pair.input === true || pair.input === false ? { grade: pair.input ? 1 : 0, from: "input" } : null;
  }

  // ---- to the server, one at a time ---------------------------------------------------------------------------------

  // `done` gets what the server answered, `failed` nothing: the server's refusal is a toast by then.
  function send(message) {
    waiting.push(message);
    pump();
  }
  function pump() {
    if (flying || !waiting.length) return;
    flying = waiting.shift();
    flying.token = token += 1;
    flying.timer = setTimeout(() => {
      complain(pg.say("labels.no_answer"));
      ended(null);
    }, WAIT_MS);
    flying.send({ ...flying.message, token: flying.token });
  }
  function ended(value) {
    const one = flying;
    clearTimeout(one.timer);
    flying = null;
    if (value) one.done(value);
    else one.failed();
    pump();
  }
  function answered(value) {
    if (!value || !flying) return;
    if (value.failed) ended(null);
    // An answer that came after its time was given up is not the next one's.
    else if (value.token === flying.token) ended(value);
  }

  let complaint = null;
  function complain(text) {
    complaint?.remove();
    complaint = pg.el("p", { class: "pl-complaint", role: "alert", text });
    document.body.append(complaint);
    setTimeout(() => complaint?.remove(), 12000);
  }

  function give(root, pair, grade) {
    const before = get(pair);
    set(pair, grade === null ? null : [grade, "human"]);
    repaint(pair);
    const message = {
      pair, before, send: roots.get(root).send, message: { of: pair.of, place: pair.place, grade },
      done: (value) => {
        if (!onItsWay(pair)) set(pair, value.label);
        repaint(pair);
        // A row that was labelled while it streamed showed only the beginning of its text.
        for (const { pairAt } of roots.values()) {
          const other = pairAt(pair.of, pair.place);
          if (!other || same(other, pair)) continue;
          set(other, value.label);
          repaint(other);
        }
        roots.get(root)?.answered?.(value);
      },
      failed: () => {
        // What was said of the same pair since then would go back to this too.
        const later = waiting.find((one) => one.pair && same(one.pair, pair));
        if (later) later.before = message.before;
        else set(pair, message.before);
        repaint(pair);
      },
    };
    send(message);
  }

  // ---- in words -----------------------------------------------------------------------------------------------------

  const choices = () => (graded ? GRADED : BINARY);
  const kind = (grade) => (grade === UNSURE ? "unsure" : grade > 0 ? "yes" : "no");
  function word(grade, from = "human") {
    if (grade === UNSURE) return pg.say("labels.unsure");
    if (from !== "input" && (graded || grade > 1)) return pg.say(grade > 1 && !graded ? "labels.relevant_grade" : "labels.grade", { grade: String(grade) });
    return pg.say(grade ? "ranking.relevant" : "ranking.not_relevant");
  }
  const choiceName = (grade) => (grade === UNSURE ? pg.say("labels.unsure") : graded ? pg.say(`labels.grade_${grade}`) : pg.say(grade ? "ranking.relevant" : "ranking.not_relevant"));
  const keyOf = (grade) => (graded && grade !== UNSURE ? String(grade) : Object.keys(KEYS).find((key) => KEYS[key] === grade).toUpperCase());

  const disputed = (pair, now) => now && now.from !== "input" && ((pair.input === true && now.grade === 0) || (pair.input === false && now.grade > 0));
  function origin(pair, now) {
    if (!now) return "";
    if (now.from === "input") return pg.say("labels.from_input");
    if (disputed(pair, now)) return pg.say("labels.input_says", { label: pg.say(pair.input ? "ranking.relevant" : "ranking.not_relevant") });
    return now.from === "imported" ? pg.say("labels.imported") : "";
  }

  // ---- the control of a row -----------------------------------------------------------------------------------------

  // A pair is {query, text, of, place, input}: `of` names the list to the server, `input` is what came with it.
  function control(pair) {
    const node = pg.el("span", { class: "pl-label" },
      pg.el("span", { class: "pl-said", "aria-hidden": "true" }), pg.el("span", { class: "pl-control", role: "group" }));
    node.playgroundPair = pair;
    paint(node);
    return node;
  }

  // The label alone, where there is no room to change it; hidden where nothing was said.
  function badge(pair) {
    const node = pg.el("span", { class: "pl-badge" });
    node.playgroundPair = pair;
    paint(node);
    return node;
  }

  function paint(node) {
    const pair = node.playgroundPair, now = effective(pair);
    const said = now ? word(now.grade, now.from) : "", from = origin(pair, now);
    const tone = now ? `pl-is-${kind(now.grade)}` : "pl-is-none";
    if (node.classList.contains("pl-badge")) {
      node.hidden = !now;
      node.className = `pl-badge ${tone}${now?.from === "input" ? " pl-of-input" : ""}`;
      node.textContent = said;
      node.title = from;
      return;
    }
    node.className = `pl-label ${tone}${now?.from === "input" ? " pl-of-input" : ""}`;
    const words = node.firstChild, group = node.lastChild;
    // Where from is drawn, and said once beside the list; only what speaks against it takes a line of its own.
    words.replaceChildren(...(now ? [pg.el("b", { text: said, title: from || null })] : []), ...(disputed(pair, now) ? [pg.el("small", { text: from })] : []));
    const name = pg.say("labels.of_passage", { n: String(pair.place + 1) });
    group.setAttribute("aria-label", now ? `${name}: ${[said, from].filter(Boolean).join(", ")}` : `${name}: ${pg.say("ranking.no_label")}`);
    const offered = choices();
    // The focus stays on the button that was pressed.
    const held = group.contains(document.activeElement) ? Number(document.activeElement.dataset.grade) : null;
    if (group.dataset.mode !== String(graded) || group.lang !== pg.language) {
      group.dataset.mode = graded;
      group.lang = pg.language;
      group.replaceChildren(...offered.map((grade) => pg.el("button", {
        type: "button", class: `pl-b pl-b-${graded && grade !== UNSURE ? "grade" : kind(grade)} pl-to-${kind(grade)}`, data: { grade },
        "aria-label": choiceName(grade), title: `${choiceName(grade)} (${keyOf(grade)})`,
        text: graded && grade !== UNSURE ? String(grade) : undefined,
      })));
    }
    const standing = pressed(now);
    const stop = held !== null && offered.includes(held) ? held : offered.includes(standing) ? standing : offered[0];
    for (const button of group.children) {
      const on = standing === Number(button.dataset.grade);
      button.setAttribute("aria-pressed", String(on && now.from !== "input"));
      button.classList.toggle("pl-on", on);
      button.tabIndex = Number(button.dataset.grade) === stop ? 0 : -1;
    }
    if (held !== null && !group.contains(document.activeElement)) group.querySelector(`[data-grade="${stop}"]`).focus();
  }
  // Without grades, any grade over 0 is "relevant".
  const pressed = (now) => (!now ? null : !graded && now.grade > 0 ? 1 : now.grade);

  const labelsIn = (root) => root.querySelectorAll(".pl-label, .pl-badge");
  function repaint(pair) {
    for (const root of roots.keys()) {
      if (!root.isConnected) roots.delete(root);
      else for (const node of labelsIn(root)) if (!pair || same(node.playgroundPair, pair)) paint(node);
    }
  }

  function choose(root, node, grade) {
    const pair = node.playgroundPair, label = get(pair);
    const again = label && (label[0] === grade || (!graded && grade === 1 && label[0] > 0));
    give(root, pair, again ? null : grade);
  }

  function onKey(root, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    // The keys of a label hold for the whole row, also with the focus on its passage.
    const own = event.target.closest?.(".pl-control");
    const group = own || event.target.closest?.("button")?.closest(".pg-row, .pg-item")?.querySelector(".pl-control");
    if (!group) return;
    const key = event.key.toLowerCase(), node = group.parentElement;
    const move = { arrowleft: -1, arrowright: 1 }[key], row = { arrowup: -1, arrowdown: 1 }[key];
    const grade = key in KEYS ? KEYS[key] : graded && /^[0-3]$/.test(key) ? Number(key) : null;
    if (grade !== null) {
      if (own) focusOn(group, choices().indexOf(grade));
      choose(root, node, grade);
    } else if (own && move) focusOn(group, [...group.children].indexOf(document.activeElement) + move);
    else if (row) {
      window.playgroundLists.beside(group, row)?.querySelector(own ? ".pl-control [tabindex='0']" : "button").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
  function focusOn(group, at) {
    const buttons = [...group.children], next = buttons[(at + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }

  // A part of the page with controls in it: `send` hands its messages to the server, `answered` gets each answer, and
  // `pairAt(of, place)` is the pair that stands there now, drawn or not.
  function attach(root, send, { answered, pairAt }) {
    roots.set(root, { send, answered, pairAt });
    root.classList.toggle("pl-graded", graded);
    root.addEventListener("click", (event) => {
      const button = event.target.closest(".pl-b");
      if (button) choose(root, button.closest(".pl-label"), Number(button.dataset.grade));
    });
    root.addEventListener("keydown", (event) => onKey(root, event));
  }

  // ---- grades or not ------------------------------------------------------------------------------------------------

  // The switch, and before it what a dashed label is, where the list has any.
  function modes(pairs = []) {
    const some = pairs.some((pair) => typeof pair.input === "boolean");
    return pg.el("span", { class: "pl-mode" },
      some ? pg.el("span", { class: "pl-legend" }, pg.el("span", { class: "pl-dashed", "aria-hidden": "true" }), pg.el("span", { text: pg.say("labels.from_input") })) : null,
      choice());
  }
  function choice() {
    return pg.el("span", { class: "pl-modes pg-segments", role: "group", "aria-label": pg.say("labels.mode") },
      ...[false, true].map((value) => pg.el("button", {
        type: "button", data: { mode: value }, "aria-pressed": String(value === graded),
        text: pg.say(value ? "labels.mode_grades" : "labels.mode_binary"), title: pg.say(value ? "labels.mode_grades_title" : "labels.mode_binary_title"),
        on: { click: () => setMode(value) },
      })));
  }
  function setMode(value) {
    if (value === graded) return;
    graded = value;
    try { localStorage.setItem(MODE, value ? "yes" : "no"); } catch { /* as above */ }
    for (const button of document.querySelectorAll(".pl-modes button")) button.setAttribute("aria-pressed", String((button.dataset.mode === "true") === graded));
    for (const root of roots.keys()) root.classList.toggle("pl-graded", graded);
    repaint();
    for (const listener of modeListeners) listener();
  }
  return {
    UNSURE, KEYS, take, get, set, effective, control, badge, attach, repaint, send, answered, modes, word, kind, choices, choiceName, keyOf,
    onMode: (listener) => modeListeners.add(listener),
    get graded() { return graded; },
    get busy() { return Boolean(flying || waiting.length); },
  };
})();
