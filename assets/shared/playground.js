// What every drawn part of the page shares: texts in both languages, the theme, small DOM helpers.
// `window.playgroundTexts` is written into the page head by playground/ui/app.py from the texts.toml of every folder here.
window.playground = (() => {
  const texts = window.playgroundTexts;
  const listeners = new Set();
  let language = "en";

  const fill = (template, values) =>
    template.replace(/\{(\w+)(![rs])?(?::[^}]*)?\}/g, (whole, name, how) => {
      if (!values || !(name in values)) return whole;
      return how === "!r" ? `'${values[name]}'` : show(values[name]);
    });
  const show = (value) => (typeof value === "number" ? number(value) : String(value));

  // English needs a singular: `key_one` is taken where n is 1 and the catalogue has it.
  function say(key, values) {
    const single = values && values.n === 1 && texts.texts[`${key}_one`];
    const entry = single || texts.texts[key];
    return entry ? fill(entry[language] || entry.en, values) : key;
  }

  // A phrase is {key, values} from the catalogue, {template, values} of an error, or {text} as it stands.
  function phrase(item) {
    if (item.key) return say(item.key, item.values);
    if (item.template) return fill((texts.errors[item.template] || {})[language] || item.template, item.values);
    return item[language] || item.text || item.en || "";
  }

  // One that is made anew for each number costs as much as the row around it.
  const formats = new Map();
  function number(value, digits = 0) {
    const most = digits || (Number.isInteger(value) ? 0 : 2), key = `${language} ${digits} ${most}`;
    if (!formats.has(key)) {
      formats.set(key, new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en-US", { minimumFractionDigits: digits, maximumFractionDigits: most }));
    }
    return formats.get(key).format(value);
  }

  /** The device and the number format; of a server no more than is known. */
  const ranOn = (device, precision) => [device === "remote" ? say("model.ran_elsewhere") : device.toUpperCase(), precision === "unknown" ? "" : precision].filter(Boolean).join(" ");
  const signed = (value, digits) => {
    const text = Math.abs(value).toFixed(digits);
    return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
  };

  // User text enters the page here and only as a text node.
  function el(tag, options = {}, ...children) {
    const node = document.createElement(tag);
    const { text, on, data, style, ...attributes } = options;
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    if (text !== undefined) node.textContent = text;
    for (const [name, value] of Object.entries(data || {})) node.dataset[name] = value;
    for (const [name, value] of Object.entries(style || {})) node.style.setProperty(name, value);
    for (const [name, handler] of Object.entries(on || {})) node.addEventListener(name, handler);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  const svg = (path, size = 16) => {
    const space = "http://www.w3.org/2000/svg";
    const node = document.createElementNS(space, "svg");
    for (const [name, value] of Object.entries({
      viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": 2,
      "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
    })) node.setAttribute(name, value);
    const line = document.createElementNS(space, "path");
    line.setAttribute("d", path);
    node.append(line);
    return node;
  };

  function setLanguage(next) {
    if (next !== "en" && next !== "zh") return;
    language = next;
    document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
    document.title = say("app.title");
    for (const listener of listeners) listener();
  }

  // Calls `draw` now and after every change of language. A part that has left the page stops listening.
  function redrawOnSwitch(element, draw) {
    const again = () => {
      if (element.isConnected) draw();
      else listeners.delete(again);
    };
    listeners.add(again);
    draw();
  }

  // Hears an event of the page until the part has left it.
  function hear(element, name, act) {
    const heard = (event) => (element.isConnected ? act(event.detail) : document.removeEventListener(name, heard));
    document.addEventListener(name, heard);
  }

  // Gradio loses an answer that comes while it puts a part into the page: a part in sight that holds nothing asks again.
  const ASK_AGAIN_MS = 4000, MOST_ASKS = 25;
  // A part in a tab of Threshold says which, for the click that opened it may have passed by, too.
  const TAB = "threshold-tab-";
  const askFor = (element) => {
    const detail = element.closest(`[role=tabpanel][id^=${TAB}]`)?.id.slice(TAB.length);
    document.dispatchEvent(new CustomEvent("playground:wanted", { detail }));
  };
  function askUntil(element, has, ask = askFor) {
    let asks = 0;
    const asking = setInterval(() => {
      if (has() || asks >= MOST_ASKS || !element.isConnected) clearInterval(asking);
      else if (element.offsetParent !== null) {
        asks += 1;
        ask(element);
      }
    }, ASK_AGAIN_MS);
  }

  const THEME = "rerank-playground-theme";
  const isDark = () => document.body.classList.contains("dark");
  function setDark(dark) {
    document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    for (const listener of listeners) listener();
  }
  function restoreTheme() {
    const forced = new URLSearchParams(location.search).get("__theme");
    let kept = null;
    try { kept = localStorage.getItem(THEME); } catch { /* storage may be blocked in a frame */ }
    const wanted = forced || kept;
    if (wanted === "dark" || wanted === "light") setDark(wanted === "dark");
    else document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
  }
  function toggleTheme() {
    setDark(!isDark());
    try { localStorage.setItem(THEME, isDark() ? "dark" : "light"); } catch { /* as above */ }
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = el("textarea", { style: { position: "fixed", opacity: "0" } });
      box.value = text;
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
  }

  function download({ name, mime, text, base64, blob }) {
    // Excel reads a table as UTF-8 only where it begins with a byte order mark.
    const marked = mime?.startsWith("text/csv") ? `\ufeff${text}` : text;
    const body = base64 ? Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) : marked;
    const link = el("a", { href: URL.createObjectURL(blob || new Blob([body], { type: mime })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // For the screen reader, and for eyes where `visible`: a short word that something was done.
  function flash(button, text) {
    const before = button.querySelector(".pg-button-text");
    if (!before || before.dataset.busy) return;
    const old = before.textContent;
    before.dataset.busy = "1";
    before.textContent = text;
    setTimeout(() => { before.textContent = old; delete before.dataset.busy; }, 1600);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const run = document.querySelector("button#workspace-run, #workspace-run button");
    if (!run || run.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    // The box tells the server its text on input; a blur flushes what an input method still holds.
    run.click();
  }, true);

  if (document.body) restoreTheme();
  else document.addEventListener("DOMContentLoaded", restoreTheme);

  // How far something has come; without a total it only shows that something is going on.
  function bar({ done, total }) {
    const share = total > 0 ? Math.min(100, (100 * done) / total) : 0;
    return el("div", {
      class: total > 0 ? "pg-progress" : "pg-progress pg-endless", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": total || null,
      "aria-valuenow": total > 0 ? done : null, "aria-label": say("run.progress"),
    }, el("span", { style: { width: `${share}%` } }));
  }

  // Sets that are no file of the visitor are named in the language of the page.
  const READY_SETS = ["example", "traps", "labels", "page"];
  const setName = (id, name) => (READY_SETS.includes(id) ? say(`labelled_set.set_${id}`) : name);

  return {
    bar, setName, isReadySet: (id) => READY_SETS.includes(id),
    say, phrase, number, signed, ranOn, el, svg, redrawOnSwitch, hear, askUntil, setLanguage, toggleTheme, isDark, restoreTheme, copy, download, flash,
    get language() { return language; },
  };
})();
