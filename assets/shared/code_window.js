// A window with scores as the code of one library or another: shown as text, to copy or to download.
const pg = window.playground;
let dialog = null;
let last = null;

const button = (key, act, kind) => pg.el("button", { type: "button", class: `pg-button ${kind || ""}`, on: { click: act } }, pg.el("span", { class: "pg-button-text", text: pg.say(key) }));

function libraries(file) {
  return pg.el("div", { class: "pg-segments pg-libraries", role: "group", "aria-label": pg.say("export.library") }, ...file.libraries.map((each) => pg.el("button", {
    type: "button", text: each.label, data: { library: each.value }, "aria-pressed": String(each.value === file.library),
    on: { click: () => trigger("codeasked", { id: file.id, library: each.value }) },
  })));
}

function fill(file) {
  const copy = button("export.copy", () => pg.copy(file.text).then(() => pg.flash(copy, pg.say("export.copied"))), "pg-primary");
  const held = document.activeElement?.dataset?.library;
  dialog.setAttribute("aria-label", pg.phrase(file.title));
  dialog.replaceChildren(
    pg.el("div", { class: "pg-dialog-head" }, pg.el("h2", { text: pg.phrase(file.title), dir: "auto" }),
      ...(file.text ? [copy, button("export.download", () => pg.download(file))] : []), button("export.close", () => dialog.close()),
      libraries(file)),
    file.text ? pg.el("pre", { tabindex: "0" }, pg.el("code", { text: file.text })) : pg.el("p", { class: "pg-reason", role: "status", text: pg.phrase(file.reason) }));
  if (held) dialog.querySelector(`[data-library="${file.library}"]`)?.focus();
}

watch("value", () => {
  const file = props.value;
  if (!file || file.nonce === last) return;
  last = file.nonce;
  if (!dialog) {
    dialog = pg.el("dialog", { class: "pg-dialog pg-code" });
    dialog.addEventListener("close", () => { dialog.remove(); dialog = null; });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    fill(file);
    dialog.showModal();
  } else fill(file);
});
