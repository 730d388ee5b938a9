// One script with results.js, which begins and draws: a heatmap under the pointer and the keys.

function heat(name, at, node) {
  const meta = figureOf(at, name).layout.meta;
  const hint = `pg-heat-hint-${name}-${at}`;
  node.setAttribute("aria-hidden", "true");
  const cursor = pg.el("div", { class: "pg-cursor", hidden: true });
  const said = pg.el("div", { class: "pg-hidden", "aria-live": "polite" });
  const box = pg.el("div", {
    class: "pg-heat", tabindex: "0", role: "application", "aria-describedby": hint, data: { heat: name, column: at },
    "aria-label": pg.say("embeddings.heat_label", { what: pg.say(`embeddings.${name}`), model: data.columns[at].model, rows: meta.rows.length, columns: meta.columns.length }),
  }, node, cursor);
  const key = `${name} ${at}`;
  const area = { name, at, node, box, cursor, said, meta, key };
  box.addEventListener("keydown", (event) => onKey(event, area));
  box.addEventListener("focus", () => { if (box.matches(":focus-visible")) moveTo(area, ...(chosen.cell[key] || [0, 0])); });
  box.addEventListener("blur", () => { rest(area); hideTip(); });
  box.addEventListener("pointermove", (event) => onPointer(event, area));
  box.addEventListener("pointerleave", () => { rest(area); hideTip(); });
  box.addEventListener("click", (event) => {
    const cell = cellAt(event, area);
    if (!cell) return;
    chosen.cell[key] = cell;
    openCell(area, cell);
  });
  return pg.el("div", {}, box, said, pg.el("p", { class: "pg-hidden", id: hint, text: pg.say("embeddings.heat_keys") }));
}

const axes = (node) => (node._fullLayout && node._fullLayout.xaxis ? node._fullLayout : null);

function cellAt(event, { node, meta }) {
  const full = axes(node);
  if (!full) return null;
  const frame = node.getBoundingClientRect();
  const c = Math.round(full.xaxis.p2l(event.clientX - frame.left - full.xaxis._offset));
  const r = Math.round(full.yaxis.p2l(event.clientY - frame.top - full.yaxis._offset));
  return r >= 0 && c >= 0 && r < meta.rows.length && c < meta.columns.length ? [r, c] : null;
}

function mark({ node, cursor }, [r, c]) {
  const full = axes(node);
  if (!full) return null;
  const { xaxis, yaxis } = full;
  const [left, right] = [xaxis.l2p(c - 0.5), xaxis.l2p(c + 0.5)], [top, bottom] = [yaxis.l2p(r - 0.5), yaxis.l2p(r + 0.5)];
  Object.assign(cursor.style, {
    left: `${xaxis._offset + Math.min(left, right)}px`, top: `${yaxis._offset + Math.min(top, bottom)}px`,
    width: `${Math.abs(right - left)}px`, height: `${Math.abs(bottom - top)}px`,
  });
  cursor.hidden = false;
  return cursor.getBoundingClientRect();
}

// Without a pointer or the keys on it, a heatmap marks the cell whose pair is open, or none.
function rest(area) {
  const here = document.activeElement === area.box && area.box.matches(":focus-visible");
  if (here || (chosen.pair && opened && opened.box === area.box)) mark(area, chosen.cell[area.key] || [0, 0]);
  else area.cursor.hidden = true;
}

const pairOf = ({ name, at, meta }, [r, c]) =>
  name === "query" ? { at, a: QUERY, b: meta.rows[r], kind: "query" } : { at, a: meta.rows[r], b: meta.columns[c], kind: "passages" };

function onPointer(event, area) {
  if (event.pointerType !== "mouse") return;
  const cell = cellAt(event, area);
  if (!cell) {
    rest(area);
    hideTip();
    return;
  }
  mark(area, cell);
  showTip(pairOf(area, cell), event.clientX, event.clientY);
}

function moveTo(area, r, c) {
  const cell = [Math.max(0, Math.min(area.meta.rows.length - 1, r)), Math.max(0, Math.min(area.meta.columns.length - 1, c))];
  chosen.cell[area.key] = cell;
  const place = mark(area, cell);
  if (!place) return;
  if (place.top < 0 || place.bottom > innerHeight) area.cursor.scrollIntoView({ block: "nearest" });
  const pair = pairOf(area, cell), after = area.cursor.getBoundingClientRect();
  showTip(pair, after.right, after.bottom);
  area.said.textContent = spoken(pair);
}

function onKey(event, area) {
  const [r, c] = chosen.cell[area.key] || [0, 0];
  const far = Math.max(1, Math.floor(area.meta.rows.length / 10));
  const steps = {
    ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], PageUp: [r - far, c], PageDown: [r + far, c],
    Home: event.ctrlKey ? [0, 0] : [r, 0], End: event.ctrlKey ? [Infinity, Infinity] : [r, Infinity],
  };
  if (event.key in steps) {
    event.preventDefault();
    moveTo(area, ...steps[event.key]);
  } else if (event.key === "Enter" || event.key === " ") {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openCell(area, [r, c]);
  } else if (event.key === "Escape") {
    hideTip();
    closePair();
  }
}

function openCell(area, cell) {
  const pair = pairOf(area, cell);
  if (pair.a === pair.b) return;
  mark(area, cell);
  openPair(pair, area.box, area);
  // The card stands over the lower part of the window: the cell must not lie under it.
  const under = area.cursor.getBoundingClientRect().bottom - $(".pg-pair-card").getBoundingClientRect().top + 24;
  if (under > 0) window.scrollBy({ top: under });
}

function spoken(pair) {
  if (pair.a === pair.b) return pg.say("embeddings.itself", { name: nameOf(pair.a) });
  const value = cosineOf(pair.at, pair.a, pair.b);
  return [`${nameOf(pair.a)}, ${nameOf(pair.b)}`, `${pg.say("plot.cosine")} ${cosine(value)}`, beside(data.columns[pair.at], value, pair.kind)].filter(Boolean).join(". ");
}

function showTip(pair, x, y) {
  const tip = $(".pg-tip");
  const line = (place) => pg.el("p", { dir: "auto" }, pg.el("b", { text: `${nameOf(place)} ` }), document.createTextNode(textOf(place)));
  if (pair.a === pair.b) tip.replaceChildren(pg.el("p", { text: pg.say("embeddings.itself", { name: nameOf(pair.a) }) }));
  else {
    const value = cosineOf(pair.at, pair.a, pair.b), place = beside(data.columns[pair.at], value, pair.kind);
    tip.replaceChildren(
      pg.el("p", { class: "pg-tip-head" }, pg.el("strong", { text: `${pg.say("plot.cosine")} ${cosine(value)}` }), place ? ` · ${place}` : null),
      line(pair.a), line(pair.b), pg.el("p", { class: "pg-muted", text: pg.say("embeddings.tip_more") }));
  }
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, x + 16 + width > innerWidth - 8 ? x - width - 16 : x + 16)}px`;
  tip.style.top = `${Math.max(8, Math.min(y + 12, innerHeight - height - 8))}px`;
}

function hideTip() {
  $(".pg-tip").hidden = true;
}
