// Search in a list of which most rows are not in the page, where the browser's own search cannot see them. Ctrl+F opens
// it while such a list is looked at; pressed again it is the browser's own.
window.playgroundFind = (() => {
  const pg = window.playground;
  const UP = "M6 15l6-6 6 6", DOWN = "M6 9l6 6 6-6", CLOSE = "M6 6l12 12M18 6L6 18", LENS = "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4";
  const EDGE = 90; // Room for what sticks to the window's top.
  const sources = new Map();
  let open = null;

  // `element` is a part of the page with such a list in it. `texts()` are those of its rows, from the top; `go(n)` brings
  // one to the screen and returns it; `where` selects what holds the text in a row, `reveal(row)` shows what it folds
  // away. `leave(n)` puts the focus at the end. `isLong()`: whether the box is needed.
  const over = (element, source) => sources.set(element, source);

  const plain = (text) => text.toLowerCase().replace(/\s+/gu, " ");

  // Where `text` occurs in an element, over the borders of marked words.
  function rangesIn(part, text) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT), nodes = [];
    let all = "";
    while (walker.nextNode()) {
      nodes.push([all.length, walker.currentNode]);
      all += walker.currentNode.data;
    }
    const point = (place) => {
      const [start, node] = nodes.findLast(([begin]) => begin <= place);
      return [node, Math.min(place - start, node.length)];
    };
    const pattern = text.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&").replaceAll(" ", "\\s+");
    return [...all.matchAll(new RegExp(pattern, "giu"))].map((match) => {
      const range = new Range();
      range.setStart(...point(match.index));
      range.setEnd(...point(match.index + match[0].length));
      return range;
    });
  }

  function make(element) {
    const source = sources.get(element);
    let found = [], at = 0, texts = null;
    const button = (key, path, act) => pg.el("button", { type: "button", class: "pg-button pg-icon-only", "aria-label": pg.say(`find.${key}`), title: pg.say(`find.${key}`), on: { click: act } }, pg.svg(path, 16));
    const input = pg.el("input", { type: "search", "aria-label": pg.say("find.open"), placeholder: pg.say("find.open"), autocomplete: "off", spellcheck: "false" });
    const count = pg.el("output", { role: "status" });
    const node = pg.el("div", { class: "pg-find", role: "search" }, input, count,
      button("previous", UP, () => step(-1)), button("next", DOWN, () => step(1)), button("close", CLOSE, () => close()));

    const wanted = () => plain(input.value).trim();
    const ranges = (root) => (wanted() ? [...root.querySelectorAll(source.where)].flatMap((part) => rangesIn(part, wanted())) : []);
    // The rows in the page, marked without a change to them.
    function mark() {
      if (window.CSS?.highlights) CSS.highlights.set("pg-find", new Highlight(...ranges(element)));
    }
    function search() {
      const before = found[at] ?? 0, text = wanted();
      texts ??= source.texts().map(plain);
      found = text ? texts.flatMap((each, n) => (each.includes(text) ? [n] : [])) : [];
      // From where one is, as browsers do.
      at = Math.max(0, found.findIndex((n) => n >= before));
      say();
    }
    function say() {
      count.textContent = !wanted() ? "" : found.length ? pg.say("find.count", { at: at + 1, n: found.length }) : pg.say("find.none");
      count.classList.toggle("pg-bad", Boolean(wanted()) && !found.length);
      mark();
    }
    // What is folded away or cut off by the row has no place of its own on the screen.
    const seenIn = (row) => ranges(row).find((range) => {
      const { height, bottom } = range.getBoundingClientRect(), holder = range.startContainer.parentElement.closest(source.where);
      return height > 0 && bottom <= holder.getBoundingClientRect().bottom + 1;
    });
    function step(by) {
      if (!found.length) return;
      at = (at + by + found.length) % found.length;
      const row = source.go(found[at]);
      if (!seenIn(row)) source.reveal(row);
      const place = seenIn(row)?.getBoundingClientRect();
      if (place && (place.top < EDGE || place.bottom > innerHeight - EDGE)) scrollBy({ top: place.top - innerHeight / 2, behavior: "instant" });
      say();
    }
    function typed() {
      search();
      step(0);
    }
    function close() {
      node.remove();
      window.CSS?.highlights?.delete("pg-find");
      open = null;
      if (found.length) source.leave(found[at]);
    }

    input.addEventListener("input", (event) => { if (!event.isComposing) typed(); });
    input.addEventListener("compositionend", typed);
    node.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && event.target === input) step(event.shiftKey ? -1 : 1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    element.append(node);
    const renew = () => { texts = null; search(); };
    return { element, node, input, mark, renew, close, language: pg.language };
  }

  function show(element) {
    if (open?.element !== element) {
      open?.close();
      open = make(element);
    }
    open.input.focus();
    open.input.select();
  }

  // For those who have no Ctrl+F; nothing where the list is drawn whole.
  const button = (element) => (sources.get(element).isLong() ? pg.el("button", { type: "button", class: "pg-button", title: pg.say("find.title"), on: { click: () => show(element) } },
    pg.svg(LENS, 15), pg.el("span", { class: "pg-button-text", text: pg.say("find.open") })) : null);

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "f" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    for (const element of sources.keys()) if (!element.isConnected) sources.delete(element);
    const element = [...sources.keys()].find((each) => each.checkVisibility() && sources.get(each).isLong());
    if (!element || open?.node.contains(document.activeElement) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    show(element);
  }, true);

  // What was drawn anew is marked again.
  const drawn = (element) => { if (open?.element === element) open.mark(); };
  // Another list is searched again, without leading anywhere; a short one needs no box.
  function changed(element) {
    if (open?.element !== element) return;
    if (sources.get(element).isLong() && open.language === pg.language) open.renew();
    else open.close();
  }
  return { over, button, drawn, changed };
})();
