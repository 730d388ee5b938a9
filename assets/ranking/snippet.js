// A window with Python code: shown as text, to copy or to download.
const pg = window.playground;
let last = null;
watch("value", () => {
  const file = props.value;
  if (!file || file.nonce === last) return;
  last = file.nonce;
  const dialog = pg.el("dialog", { class: "pg-dialog", "aria-label": pg.say("export.snippet_heading") });
  const button = (key, act, kind) => pg.el("button", { type: "button", class: `pg-button ${kind || ""}`, on: { click: act } },
    pg.el("span", { class: "pg-button-text", text: pg.say(key) }));
  const copy = button("export.copy", () => pg.copy(file.text).then(() => pg.flash(copy, pg.say("export.copied"))), "pg-primary");
  dialog.append(
    pg.el("div", { class: "pg-dialog-head" }, pg.el("h2", { text: pg.say("export.snippet_heading") }), copy,
      button("export.download", () => pg.download(file)), button("export.close", () => dialog.close())),
    pg.el("pre", { tabindex: "0" }, pg.el("code", { text: file.text })));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
});
