// The title, the language switch and the theme switch.
const pg = window.playground;
const SUN = "M12 4V2M12 22v-2M4 12H2M22 12h-2M5.6 5.6 4.2 4.2M19.8 19.8l-1.4-1.4M5.6 18.4l-1.4 1.4M19.8 4.2l-1.4 1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z";
const MOON = "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z";
let chosen = "", ready = false;

function draw() {
  const root = element.querySelector(".pg-header");
  if (!root) return;
  const languages = pg.el("div", { class: "pg-segments", role: "group", "aria-label": pg.say("app.language") });
  for (const [code, name] of [["en", "EN"], ["zh", "中文"]]) {
    languages.append(pg.el("button", {
      type: "button", id: `header-${code}`, text: name, lang: code, "aria-pressed": String(pg.language === code),
      on: { click: () => choose(code) },
    }));
  }
  const theme = pg.el("button", {
    type: "button", id: "header-theme", class: "pg-icon-button", title: pg.say(pg.isDark() ? "app.light" : "app.dark"),
    "aria-label": pg.say(pg.isDark() ? "app.light" : "app.dark"), on: { click: () => pg.toggleTheme() },
  }, pg.svg(pg.isDark() ? SUN : MOON, 18));
  const mark = root.querySelector(".pg-mark");
  root.replaceChildren(
    mark,
    pg.el("div", { class: "pg-title" },
      pg.el("h1", { text: pg.say("app.title") }),
      pg.el("p", { text: pg.say("app.tagline") })),
    pg.el("div", { class: "pg-header-tools" }, languages, theme));
}

function choose(code) {
  chosen = code;
  pg.setLanguage(code);
  if (ready) trigger("switched", { lang: code });
}

function arrive() {
  const value = props.value;
  if (value && value.lang) {
    // Who chose before the page had answered keeps what they chose; only now does this browser have an id to say it with.
    ready = true;
    if (chosen && chosen !== value.lang) choose(chosen);
    else pg.setLanguage(value.lang);
    document.documentElement.dataset.ready = "yes";
  } else draw();
}
pg.restoreTheme();
pg.redrawOnSwitch(element, draw);
watch("value", arrive);
arrive();
