// A list of which only the rows near the screen are in the page, so that a thousand rows cost what forty do. The page
// itself scrolls. Rows may have any height: one that was not drawn yet is taken to be as high as those that were.
window.playgroundLists = (() => {
  const WHOLE = 60; // Up to here a list is drawn whole, and the browser's own search finds all of it.
  const UNSEEN = 62;
  const lists = new Set();

  // `draw(item, index)` makes a row; `drawn(nodes)`, if given, hears of every change, with the rows by index.
  function make(box, draw, drawn = () => {}) {
    let items = [], heights = [], typical = UNSEEN, width = 0, printing = false;
    let nodes = new Map();
    // The first row's room must not move the box; the browser would mend what `steadily` mends.
    Object.assign(box.style, { display: "flow-root", overflowAnchor: "none" });

    const isLong = () => items.length > WHOLE;
    function starts() {
      const at = new Float64Array(items.length + 1);
      for (let n = 0; n < items.length; n += 1) at[n + 1] = at[n] + (heights[n] || typical);
      return at;
    }
    function measure() {
      for (const [n, node] of nodes) heights[n] = node.getBoundingClientRect().height;
      const seen = heights.filter(Boolean);
      if (typical === UNSEEN && seen.length) typical = seen.reduce((sum, each) => sum + each, 0) / seen.length;
    }
    // The last row that begins at or before this place.
    function rowAt(at, place) {
      let low = 0, high = items.length - 1;
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if (at[middle] <= place) low = middle;
        else high = middle - 1;
      }
      return low;
    }
    // First and last row between the edges of the window, with so many windows more on both sides.
    function near(at, windows) {
      if (!isLong() || printing) return [0, items.length - 1];
      const top = -box.getBoundingClientRect().top;
      return [rowAt(at, top - windows * innerHeight), rowAt(at, top + (1 + windows) * innerHeight)];
    }
    const indexOf = (inside) => [...nodes].find(([, node]) => node.contains(inside))?.[0];

    // Rows that came in above what is looked at may be higher than was thought: what is looked at stays where it is.
    function steadily(change) {
      const looked = [...nodes.values()].find((node) => { const { top, bottom } = node.getBoundingClientRect(); return bottom > 0 && top < innerHeight; });
      const before = looked?.getBoundingClientRect().top;
      change();
      const shift = looked?.isConnected ? looked.getBoundingClientRect().top - before : 0;
      if (Math.abs(shift) > 0.5) scrollBy({ top: shift, behavior: "instant" });
    }

    function put(first, last, also) {
      const wanted = new Set();
      for (let n = first; n <= last; n += 1) wanted.add(n);
      // The row with the focus stays, and with it where Tab and the arrow keys lead.
      for (const one of [also, indexOf(document.activeElement)]) {
        if (one !== undefined) for (const n of [one - 1, one, one + 1]) if (n >= 0 && n < items.length) wanted.add(n);
      }
      for (const [n, node] of nodes) if (!wanted.has(n)) node.remove();
      const order = [...wanted].sort((a, b) => a - b);
      nodes = new Map(order.map((n) => [n, nodes.get(n) || draw(items[n], n)]));
      let here = box.firstChild;
      for (const node of nodes.values()) {
        if (node === here) here = here.nextSibling;
        else box.insertBefore(node, here);
      }
    }
    // The room of what is not drawn stands before the row that comes after it.
    function space(at) {
      let end = 0;
      for (const [n, node] of nodes) {
        node.style.marginTop = at[n] - end > 0.01 ? `${at[n] - end}px` : "";
        end = at[n + 1];
      }
      box.style.paddingBottom = at[items.length] - end > 0.01 ? `${at[items.length] - end}px` : "";
    }

    function isEnough() {
      measure();
      return near(starts(), 0.5).every((n) => nodes.has(n));
    }
    // Draws what is near, and the row `also`, which may be far.
    function render(also) {
      measure();
      steadily(() => {
        // Lower rows than was thought leave room for more.
        for (let round = 0; round < 3 && !(round && isEnough()); round += 1) {
          put(...near(starts(), 1), also);
          measure();
          space(starts());
        }
      });
      drawn(nodes);
    }

    function show(next) {
      [items, heights, typical] = [next, [], UNSEEN];
      nodes = new Map();
      box.replaceChildren();
      box.style.paddingBottom = "";
      render();
    }

    // Scrolls to a row, wherever it is; returns it.
    function reach(index) {
      render(index);
      const node = nodes.get(index), still = isLong() || matchMedia("(prefers-reduced-motion: reduce)").matches;
      node.scrollIntoView({ block: "center", behavior: still ? "instant" : "smooth" });
      render();
      return node;
    }

    const list = {
      show, reach,
      follow() { if (!isEnough()) render(); },
      holds: (inside) => box.contains(inside),
      // The row so many places after the one that holds this node; null beyond the ends.
      beside(inside, step) {
        const index = indexOf(inside) + step;
        if (!(index >= 0 && index < items.length)) return null;
        render(index);
        return nodes.get(index);
      },
      print(on) {
        printing = on;
        render();
      },
      get gone() { return !box.isConnected; },
      get isLong() { return isLong(); },
      get items() { return items; },
      get nodes() { return nodes; },
    };
    // Another width breaks the lines elsewhere; a view that was hidden has none until it is looked at.
    new ResizeObserver(() => {
      if (box.clientWidth === width || !items.length) return;
      [width, heights, typical] = [box.clientWidth, [], UNSEEN];
      if (width) render();
    }).observe(box);
    lists.add(list);
    return list;
  }

  function each(act) {
    for (const list of lists) {
      if (list.gone) lists.delete(list);
      else if (list.isLong) act(list);
    }
  }
  document.addEventListener("scroll", () => each((list) => list.follow()), { capture: true, passive: true });
  addEventListener("resize", () => each((list) => list.follow()));
  addEventListener("beforeprint", () => each((list) => list.print(true)));
  addEventListener("afterprint", () => each((list) => list.print(false)));

  const beside = (inside, step) => [...lists].find((list) => list.holds(inside))?.beside(inside, step) ?? null;
  return { make, beside };
})();
