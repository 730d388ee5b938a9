// ---- a passage that was read in windows ------------------------------------------------------------------------------

// The server counts characters, JavaScript half of an emoji.
const charsOf = (text) => (/[\ud800-\udfff]/.test(text) ? Array.from(text) : text);
const piece = (chars, start, end) => { const part = chars.slice(start, end); return typeof part === "string" ? part : part.join(""); };
const MOST_STEPS = 120;

// Which window is looked at, by row: the one that won, until another is pressed.
const looked = new Map();

function windowsBadge({ windows }) {
  const { by } = data.windows, n = windows.all.length, k = windows.best.length;
  return pg.el("span", { class: "pg-badge pg-windows", text: pg.say(`ranking.windows_${by}`, { n, k }), title: pg.say(`ranking.windows_${by}_title`, { n, k }) });
}

// Of a row that is folded up: from where the score comes.
function beginning(row) {
  const start = row.windows ? row.windows.all[row.windows.best[0]][0] : 0;
  const chars = start ? charsOf(row.text) : row.text;
  return start && start < chars.length ? `… ${piece(chars, start, chars.length)}` : row.text;
}

function steps(row) {
  const { all, best } = row.windows;
  const at = looked.get(row.id) ?? best[0];
  const step = ([, , logit], place) => pg.el("button", {
    type: "button", class: `pg-step${best.includes(place) ? " pg-won" : ""}`, "aria-pressed": String(place === at), text: pg.signed(logit, 2),
    title: pg.say("ranking.window_n", { n: place + 1, total: all.length }), "aria-label": `${pg.say("ranking.window_n", { n: place + 1, total: all.length })}: ${pg.signed(logit, 3)}`,
    on: { click: () => look(row, place) },
  });
  return all.length > MOST_STEPS ? null : pg.el("div", { class: "pg-steps", role: "group", "aria-label": pg.say("ranking.windows_all") },
    pg.el("span", { class: "pg-muted", text: pg.say("ranking.windows_all") }), ...all.map(step));
}

// The text in parts: what is in a window that counts or is looked at is marked, and each begins with its number.
function inWindows(row) {
  const { all, best } = row.windows, chars = charsOf(row.text), length = row.cut > 0 ? row.read : chars.length;
  const shown = [...new Set([...(looked.has(row.id) ? [looked.get(row.id)] : best)])];
  const edges = [...new Set([0, length, ...shown.flatMap((place) => all[place].slice(0, 2))])].sort((a, b) => a - b);
  const parts = [];
  edges.forEach((start, at) => {
    for (const place of shown) {
      if (all[place][0] === start) {
        parts.push(pg.el("span", { class: "pg-window-name", data: { window: place },
          text: `${pg.say("ranking.window_n", { n: place + 1, total: all.length })} · ${pg.signed(all[place][2], 3)}` }));
      }
    }
    if (at + 1 === edges.length) return;
    const inside = shown.some((place) => all[place][0] <= start && start < all[place][1]);
    parts.push(pg.el("span", { class: `pg-read${inside ? " pg-window" : ""}` }, ...marked(piece(chars, start, edges[at + 1]), data.terms)));
  });
  if (row.cut > 0) {
    parts.push(pg.el("span", { class: "pg-cut-line", text: pg.say("ranking.cut_here", { n: row.cut }) }),
      pg.el("s", { class: "pg-unread", text: piece(chars, length, chars.length) }));
  }
  return [steps(row), pg.el("div", { class: "pg-scrolled", tabindex: "0" }, ...parts)].filter(Boolean);
}

function look(row, place) {
  looked.set(row.id, place);
  const full = element.querySelector(`#pg-whole-${row.index}`);
  full.replaceChildren(...whole(row));
  toWindow(full, place);
  full.querySelector('.pg-step[aria-pressed="true"]')?.focus({ preventScroll: true });
}

// Brings a window to the top of the text that scrolls.
function toWindow(full, place) {
  const box = full.querySelector(".pg-scrolled"), name = box?.querySelector(`[data-window="${place}"]`);
  if (name) box.scrollTop = name.offsetTop - 12;
}
