// The list of earlier runs. The server sends rows; every click goes back as one event with the run's id.
const pg = window.playground;
const $ = (selector) => element.querySelector(selector);
const STAR = "M12 3.5l2.6 5.3 5.9.9-4.3 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L3.5 9.7l5.9-.9L12 3.5Z";
const MOST_MARKS = 3;
const KINDS = ["runs", "labels", "sets", "scores", "thresholds"];
let editing = null;
let forgetting = false;

function when(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? String(iso)
    : new Intl.DateTimeFormat(pg.language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" }).format(date);
}

function action(verb, id, key, options = {}) {
  return pg.el("button", {
    type: "button", class: `pg-button ${options.class || ""}`, title: options.title, "aria-label": options.label,
    "aria-pressed": options.pressed, on: { click: options.click || (() => trigger("acted", { verb, id })) },
  }, ...(options.icon ? [pg.svg(options.icon, 16)] : []), ...(key ? [pg.el("span", { class: "pg-button-text", text: pg.say(key) })] : []));
}

function noteOf(run) {
  if (editing !== run.id) return run.note ? pg.el("p", { class: "pg-note", text: run.note, dir: "auto" }) : null;
  const box = pg.el("textarea", { rows: 2, maxlength: 2000, "aria-label": pg.say("history.note") });
  box.value = run.note || "";
  const save = () => { editing = null; trigger("acted", { verb: "note", id: run.id, value: box.value }); };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
    if (event.key === "Escape") { editing = null; draw(); }
  });
  return pg.el("div", { class: "pg-note-edit" }, box, action("", "", "history.save_note", { click: save, class: "pg-primary" }),
    action("", "", "history.cancel", { click: () => { editing = null; draw(); } }));
}

// Which saved thresholds hold for this run's model.
function marks(run) {
  const named = (mark) => pg.say("saved.mark", { name: mark.name, value: pg.signed(mark.value, 3), scale: mark.scale === "bm25" ? "BM25" : pg.say(`ranking.raw_${mark.scale}`).toLowerCase() });
  const all = run.thresholds || [];
  if (!all.length) return null;
  const rest = all.slice(MOST_MARKS);
  return pg.el("ul", { class: "sv-marks", title: pg.say("saved.mark_title") }, ...all.slice(0, MOST_MARKS).map((mark) => pg.el("li", { text: named(mark), dir: "auto" })),
    rest.length ? pg.el("li", { text: pg.say("saved.more_marks", { n: rest.length }), title: rest.map(named).join("\n") }) : null);
}

function drawRun(run) {
  return pg.el("li", { class: "pg-run", data: { id: run.id } },
    action("star", run.id, null, {
      class: run.starred ? "pg-icon-only pg-starred" : "pg-icon-only", icon: STAR, pressed: String(Boolean(run.starred)),
      label: pg.say(run.starred ? "history.unstar" : "history.star"), title: pg.say(run.starred ? "history.unstar" : "history.star"),
      click: () => trigger("acted", { verb: "star", id: run.id, value: !run.starred }),
    }),
    pg.el("div", { class: "pg-run-body" },
      pg.el("button", { type: "button", class: "pg-run-query", text: run.query, dir: "auto", title: pg.say("history.open"), on: { click: () => trigger("opened", { id: run.id }) } }),
      pg.el("p", { class: "pg-run-facts", text: [when(run.created), pg.say("history.passages", { n: run.n_passages }), run.model].join(" · ") }),
      marks(run), noteOf(run)),
    pg.el("div", { class: "pg-run-tools" },
      action("open", run.id, "history.open", { click: () => trigger("opened", { id: run.id }), label: pg.say("history.open_of", { query: run.query.slice(0, 60) }) }),
      action("replay", run.id, "history.replay", { click: () => trigger("replayed", { id: run.id }), title: pg.say("history.replay_title") }),
      action("note", run.id, "history.note", { click: () => { editing = run.id; draw(); $(".pg-note-edit textarea")?.focus(); } }),
      action("delete", run.id, "history.delete", { class: "pg-danger" })));
}

// "12 runs · 40 labels": of each kind that there is.
function counts(kept) {
  const some = KINDS.filter((kind) => kept[kind]).map((kind) => pg.say(`history.n_${kind}`, { n: kept[kind] }));
  return some.join(" · ") || pg.say("history.nothing_counted");
}

// Said before it is a number that looks full: 49.96 of 50 is not 50 of 50.
const megabytes = (room) => pg.say("history.room", { used: room.used < 10 ? room.used.toFixed(1) : Math.floor(room.used), most: room.most });

function ask(open) {
  forgetting = open;
  draw();
  $(open ? ".history-forget button" : ".history-kept button")?.focus();
}

function drawKept(value) {
  const kept = value.kept;
  const any = kept && KINDS.some((kind) => kept[kind]);
  forgetting = forgetting && any;
  $(".history-kept").hidden = !any && !value.room;
  $(".history-kept").replaceChildren(...(kept ? [
    pg.el("p", { text: [pg.say("history.kept", { counts: counts(kept) }), ...(value.room ? [megabytes(value.room)] : [])].join(" · ") }),
    ...(any && !forgetting ? [action("", "", "history.forget", { class: "pg-danger", click: () => ask(true) })] : []),
  ] : []));
  $(".history-forget").hidden = !forgetting;
  $(".history-forget").replaceChildren(...(forgetting ? [
    pg.el("p", { text: pg.say("history.forget_what", { counts: counts(kept) }) }),
    pg.el("div", { class: "history-forget-tools" },
      action("", "", "history.export_first", { class: "pg-primary", click: () => trigger("exportasked", {}) }),
      action("", "", "history.forget_now", { class: "history-forget-now", click: () => { forgetting = false; trigger("acted", { verb: "forget" }); } }),
      action("", "", "history.keep", { click: () => ask(false) })),
  ] : []));
  $(".history-done").hidden = !value.done;
  $(".history-done").textContent = value.done ? pg.say(`history.${value.done.verb}`, { counts: counts(value.done) }) : "";
}

function draw() {
  const value = props.value || {};
  const runs = value.runs || [];
  drawKept(value);
  $(".pg-undo").hidden = !value.deleted;
  $(".pg-undo").replaceChildren(...(value.deleted ? [
    pg.el("span", { text: pg.say("history.deleted", { query: value.deleted.query.slice(0, 80) }) }),
    action("restore", value.deleted.id, "history.undo", { class: "pg-primary" }),
  ] : []));
  $(".pg-notices").replaceChildren(...(value.notices || []).map((item) => pg.el("p", { class: "pg-warn", text: pg.phrase(item) })));
  $(".pg-runs").replaceChildren(...runs.map(drawRun));
  const nothing = $(".pg-nothing");
  nothing.hidden = runs.length > 0 || !value.ready;
  nothing.textContent = pg.say(value.filtered ? "history.no_match" : "history.nothing");
  $(".pg-more").hidden = !value.more;
  $(".pg-more").replaceChildren(action("more", "", "history.more", { click: () => trigger("extended", {}) }));
}
pg.redrawOnSwitch(element, draw);
watch("value", draw);
pg.askUntil(element, () => props.value, () => trigger("wanted"));
