// Why two texts that were read apart got their score: coloured words, matches, and what each part adds. Ranking and
// Embeddings draw with this. All text of a user enters by textContent.
window.playgroundExplained = (() => {
  const pg = window.playground;
  const SOME = 8; // Rows of a table that stand there before all of them are asked for.
  const number = (value, digits = 3) => pg.signed(value, digits);
  const nameOf = (name) => (name === "▁" ? pg.say("explained.space") : name);
  const share = (value) => pg.number(value, Number.isInteger(value) ? 0 : 2);

  // ---- a text, word by word ------------------------------------------------------------------------------------------

  // `look(places)` says of the pieces of a word what they show: {strength, marked, under}; null for words that say nothing.
  function words(side, text, label, look, choose) {
    const box = pg.el("div", { class: "ex-text", role: "group", "aria-label": label, dir: "auto", data: { side } });
    for (const item of text.items) {
      if (item.plain !== undefined) box.append(item.plain);
      else if (item.out) box.append(pg.el("span", { class: "ex-out", text: pg.say("explained.left_out", { n: item.out }) }));
      else word(box, item, look, choose);
    }
    const all = [...box.querySelectorAll("[data-at]")];
    if (all.length) all[0].tabIndex = 0;
    box.addEventListener("keydown", (event) => move(event, all));
    return box;
  }

  function word(box, item, look, choose) {
    const pieces = item.pieces || [{ at: item.at, text: nameOf(item.special) }];
    const looks = pieces.map((piece) => look(piece.at));
    const says = looks.some(Boolean);
    if (item.special && !says) return;
    const node = pg.el("span", { class: `ex-word ${item.special ? "ex-special" : ""} ${item.instruction ? "ex-instruction" : ""}` }, pg.el("span", {}, ...pieces.map((piece, at) =>
      pg.el("span", { class: `ex-piece ${looks[at]?.marked ? "ex-marked" : ""}`, text: piece.text, style: { "--strength": String(Math.round(100 * (looks[at]?.strength || 0))) } }))));
    const under = looks.map((each) => each?.under).filter((each) => each !== undefined);
    if (under.length) {
      node.classList.add("ex-over");
      node.append(pg.el("small", { class: "ex-under", "aria-hidden": "true", text: under.join(" · ") }));
    }
    if (says) {
      Object.assign(node.dataset, { at: pieces.flatMap((piece) => piece.at).join(" ") });
      for (const [name, value] of Object.entries({ role: "button", tabindex: "-1", "aria-pressed": "false" })) node.setAttribute(name, value);
      node.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") choose(node, false); });
      node.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") choose(null, false); });
      node.addEventListener("focus", () => choose(node, false));
      node.addEventListener("blur", () => choose(null, false));
      node.addEventListener("click", () => choose(node, true));
    }
    box.append(node);
  }

  // One stop for Tab in each text; the arrow keys lead from word to word, Enter keeps one lit.
  function move(event, all) {
    const at = all.indexOf(event.target.closest("[data-at]"));
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      all[at].click();
      return;
    }
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (!all[to]) return;
    all[at].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  }

  const placesOf = (node) => node.dataset.at.split(" ").map(Number);
  const wordAt = (box, place) => [...box.querySelectorAll("[data-at]")].find((node) => placesOf(node).includes(place));

  // Query and passage beside each other, and one line that says what the word under the pointer or the focus is.
  // `partners(side, place)` gives the places on the other side that belong to a token; `says(side, node)` the line.
  function sides(told, hint, looks, partners, says) {
    const line = pg.el("p", { class: "ex-says", "aria-live": "polite" });
    let pinned = null;
    function light(node) {
      for (const old of box.querySelectorAll(".ex-lit")) old.classList.remove("ex-lit");
      line.textContent = hint;
      if (!node) return;
      const { side } = node.closest(".ex-text").dataset, other = side === "query" ? boxes.passage : boxes.query;
      const found = placesOf(node).flatMap((place) => partners(side, place)).map((place) => wordAt(other, place));
      for (const each of [node, ...found]) each?.classList.add("ex-lit");
      line.textContent = says(side, node);
    }
    function choose(node, press) {
      if (press) {
        pinned?.setAttribute("aria-pressed", "false");
        pinned = pinned === node ? null : node;
        pinned?.setAttribute("aria-pressed", "true");
      }
      light(node || pinned);
    }
    const boxes = {};
    for (const side of ["query", "passage"]) {
      boxes[side] = words(side, told[side], `${pg.say(`explained.${side}`)}. ${pg.say("explained.keys")}`, (places) => looks(side, places), choose);
    }
    const column = (side) => pg.el("div", { class: "ex-side" }, pg.el("h5", { text: pg.say(`explained.${side}`) }), boxes[side],
      told[side].n_left_out ? pg.el("p", { class: "ex-note", text: pg.say("explained.drawn", { n: told[side].n_tokens - told[side].n_left_out, total: told[side].n_tokens }) }) : null,
      told[side].n_cut ? pg.el("p", { class: "ex-note", text: pg.say("explained.cut", { n: told[side].n_cut }) }) : null);
    const box = pg.el("div", { class: "ex-both" }, pg.el("div", { class: "ex-sides" }, column("query"), column("passage")), line);
    line.textContent = hint;
    return box;
  }

  // A table with a sum at its foot; the first rows, until all are asked for.
  function table(caption, heads, rows, rest, sum) {
    const body = pg.el("tbody"), more = pg.el("p", { class: "ex-more" });
    const cells = (row, tag) => row.map((cell, at) => pg.el(at ? "td" : tag, { class: at ? "ex-number" : null, text: cell, scope: !at && tag === "th" ? "row" : null }));
    function fill(all) {
      body.replaceChildren(...(all ? rows : rows.slice(0, SOME)).map((row) => pg.el("tr", {}, ...cells(row, "th"))),
        ...(rest && all ? [pg.el("tr", {}, ...cells(rest, "th"))] : []));
      more.hidden = all || (rows.length <= SOME && !rest);
    }
    more.append(pg.el("button", { type: "button", class: "pg-button", on: { click: () => fill(true) } }, pg.el("span", { class: "pg-button-text", text: pg.say("explained.all_rows", { n: rows.length - SOME }) })));
    fill(rows.length <= SOME && !rest);
    return pg.el("div", { class: "ex-table-box" },
      pg.el("table", { class: "ex-table" }, pg.el("caption", { text: caption }), pg.el("thead", {}, pg.el("tr", {}, ...heads.map((head, at) => pg.el("th", { scope: "col", class: at ? "ex-number" : null, text: head })))), body,
        pg.el("tfoot", {}, pg.el("tr", {}, ...cells(sum, "th")))), more);
  }

  // ---- the parts ------------------------------------------------------------------------------------------------------

  function dense(told, part) {
    return [pg.el("p", { text: pg.say("explained.lead_dense") }),
      pg.el("p", { class: "ex-value" }, `${pg.say("plot.cosine")} `, pg.el("strong", { class: "pg-number", text: number(part.score, 4) }))];
  }

  const standsFor = (part) => part.beyond.query.n > 0 || part.beyond.passage.n > 0;

  const what = (told) => pg.say(told.parts.length > 1 ? "explained.this_part" : "explained.this_score");

  function sparse(told, part) {
    const expands = standsFor(part);
    const lead = pg.el("p", { text: pg.say(expands ? "explained.lead_expanded" : "explained.lead_sparse", { what: what(told) }) });
    const most = { query: 0, passage: 0 };
    for (const side of ["query", "passage"]) most[side] = Math.max(1e-9, ...Object.values(part.weights[side]));
    const looks = (side, places) => {
      const place = places.find((each) => part.weights[side][each] !== undefined);
      return place === undefined ? null : { strength: part.weights[side][place] / most[side], marked: part.rows[side][place] !== undefined };
    };
    const partners = (side, place) => {
      const other = side === "query" ? "passage" : "query", row = part.rows[side][place];
      return row === undefined ? [] : Object.keys(part.rows[other]).map(Number).filter((each) => part.rows[other][each] === row);
    };
    const named = { query: names(told.query), passage: names(told.passage) };
    const says = (side, node) => placesOf(node).filter((place) => part.weights[side][place] !== undefined).map((place) => {
      const row = part.shared[part.rows[side][place]], word = named[side].get(place);
      return row ? pg.say("explained.says_shared", { word, query: number(row[1]), passage: number(row[2]), adds: number(row[3]) })
        : pg.say(`explained.says_${side}`, { word, weight: number(part.weights[side][place]) });
    }).join(" · ");
    const found = [lead, sides(told, pg.say("explained.hint_sparse"), looks, partners, says)];
    if (!part.n_shared) found.push(pg.el("p", { class: "ex-none", text: pg.say("explained.none_shared") }));
    else {
      const left = part.n_shared - part.shared.length;
      found.push(table(pg.say("explained.shared", { n: part.n_shared }), ["word", "in_query", "in_passage", "adds", ...(expands ? ["stands"] : [])].map((key) => pg.say(`explained.head_${key}`)),
        part.shared.map(([name, query, passage, adds, inQuery, inPassage]) => [nameOf(name), number(query), `× ${number(passage)}`, `= ${number(adds)}`,
          ...(expands ? [pg.say(`explained.where_${inQuery ? (inPassage ? "both" : "query") : inPassage ? "passage" : "neither"}`)] : [])]),
        left ? [pg.say("explained.more", { n: left }), "", "", number(part.rest), ...(expands ? [""] : [])] : null,
        [pg.say("explained.sum"), "", "", number(part.score), ...(expands ? [""] : [])]));
    }
    return [...found, ...["query", "passage"].filter((side) => part.beyond[side].n).map((side) => beyond(side, part.beyond[side]))];
  }

  // What a sparse encoder adds: words that the text does not hold.
  function beyond(side, { n, words: list }) {
    const most = Math.max(...list.map(([, weight]) => weight));
    return pg.el("details", { class: "ex-beyond" }, pg.el("summary", { text: pg.say(`explained.stands_${side}`, { n }) }),
      pg.el("p", {}, ...list.flatMap(([name, weight]) => [pg.el("span", { class: "ex-word" }, pg.el("span", { class: "ex-piece", text: nameOf(name), style: { "--strength": String(Math.round((100 * weight) / most)) } }), pg.el("small", { text: ` ${number(weight, 2)}` })), " "]),
        n > list.length ? pg.say("explained.and_more", { n: n - list.length }) : ""));
  }

  function colbert(told, part) {
    const ofQuery = new Map(part.matches.map((match) => [match[0], match])), ofPassage = new Map();
    for (const match of part.matches) ofPassage.set(match[1], [...(ofPassage.get(match[1]) || []), match]);
    const floor = Math.min(0, ...part.matches.map((match) => match[2]));
    const looks = (side, places) => {
      const place = places.find((each) => (side === "query" ? ofQuery : ofPassage).has(each));
      if (place === undefined) return null;
      if (side === "query") return { strength: (ofQuery.get(place)[2] - floor) / (1 - floor), marked: false, under: number(ofQuery.get(place)[2], 2) };
      return { strength: Math.max(...ofPassage.get(place).map((match) => (match[2] - floor) / (1 - floor))), marked: true };
    };
    const partners = (side, place) => (side === "query" ? [ofQuery.get(place)?.[1]] : (ofPassage.get(place) || []).map((match) => match[0])).filter((each) => each !== undefined);
    const named = { query: names(told.query), passage: names(told.passage) };
    const told_match = ([query, passage, cosine]) => pg.say("explained.says_match", { query: named.query.get(query) || "", passage: named.passage.get(passage) || pg.say("explained.not_drawn"), cosine: number(cosine) });
    const says = (side, node) => placesOf(node).flatMap((place) => (side === "query" ? [ofQuery.get(place)] : ofPassage.get(place) || [])).filter(Boolean).map(told_match).join(" · ");
    const left = part.n_matches - part.matches.length;
    const kind = part.averaged ? "mean" : "sum";
    return [
      pg.el("p", { text: pg.say(`explained.lead_colbert_${kind}`, { what: what(told) }) }),
      sides(told, pg.say("explained.hint_colbert"), looks, partners, says),
      part.n_added ? pg.el("p", { class: "ex-note", text: pg.say("explained.added", { n: part.n_added, added: number(part.added), total: number(part.total), names: [...new Set(told.query.items.filter((item) => item.special && ofQuery.has(item.at[0])).map((item) => nameOf(item.special)))].join(" ") }) }) : null,
      pg.el("details", { class: "ex-beyond" }, pg.el("summary", { text: pg.say("explained.all_matches", { n: part.n_matches }) }),
        table(pg.say("explained.matches"), ["query_token", "passage_token", "cosine"].map((key) => pg.say(`explained.head_${key}`)),
          part.matches.map(([query, passage, cosine]) => [named.query.get(query) || "", named.passage.get(passage) || pg.say("explained.not_drawn"), number(cosine)]),
          left ? [pg.say("explained.more", { n: left }), "", ""] : null,
          [pg.say(`explained.${kind}`), "", number(part.score)])),
    ].filter(Boolean);
  }

  // What each token that is drawn is called.
  function names(text) {
    const found = new Map();
    for (const item of text.items) {
      for (const piece of item.pieces || []) for (const place of piece.at) found.set(place, piece.text);
      if (item.special) found.set(item.at[0], nameOf(item.special));
    }
    return found;
  }

  const PARTS = { dense, sparse, colbert };
  const partName = (mode) => pg.say(`explained.part_${mode}`);

  // One part, to stand alone or beside others.
  const part = (told, each, sum) => pg.el("section", { class: `ex-part ex-${each.mode}`, data: { mode: each.mode } },
    sum ? pg.el("h4", {}, partName(each.mode), pg.el("span", { class: "pg-muted pg-number", text: ` ${number(each.score)}` })) : null,
    ...PARTS[each.mode](told, each));

  // Several parts as one stacked line: as wide as what they add, and the same in words.
  function stacked(told) {
    const all = told.parts.reduce((sum, each) => sum + Math.abs(each.adds), 0) || 1;
    const line = pg.el("div", { class: "ex-stack", "aria-hidden": "true" }, ...told.parts.map((each) =>
      pg.el("span", { class: `ex-of-${each.mode} ${each.adds < 0 ? "ex-below" : ""}`, style: { "flex-basis": `${(100 * Math.abs(each.adds)) / all}%` } })));
    return pg.el("div", { class: "ex-sum" }, pg.el("p", { text: pg.say("explained.lead_sum", { n: told.parts.length }) }), line,
      pg.el("ul", {}, ...told.parts.map((each) => pg.el("li", {}, pg.el("span", { class: `ex-key ex-of-${each.mode}`, "aria-hidden": "true" }),
        pg.el("span", { class: "pg-number", text: pg.say("explained.term", { name: partName(each.mode), share: share(each.share), score: number(each.score), adds: number(each.adds) }) }))),
      pg.el("li", {}, pg.el("strong", { class: "pg-number", text: pg.say("explained.total", { score: number(told.score) }) }))));
  }

  // A whole explanation. `listed` is the score in the list, which may have been computed beside other passages.
  function draw(told, listed) {
    const several = told.parts.length > 1;
    const off = listed !== undefined && number(listed) !== number(told.score);
    return pg.el("div", { class: "ex-explained" },
      several ? stacked(told) : null,
      ...told.parts.map((each) => part(told, each, several)),
      off ? pg.el("p", { class: "ex-note", text: pg.say("explained.off", { score: number(told.score, 4), listed: number(listed, 4), precision: told.precision }) }) : null);
  }

  return { draw, part };
})();
