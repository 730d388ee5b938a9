// ---- query words in a passage ---------------------------------------------------------------------------------------

const MAX_TERMS = 40;
const STOP_WORDS = new Set(("a an and any are as at be by can did do does for from had has have how i if in is it its me my no not of on or our "
  + "s so t than that the their them then there these they this to up us was we were what when where which who why will with you your").split(" "));
const STOP_SIGNS = new Set(["的", "了", "吗", "呢", "是", "在", "和", "与", "什么", "怎么", "如何", "为什么", "哪些", "哪个", "吧", "有", "我", "你", "它", "这", "那", "一个", "可以", "会", "不", "就", "也", "都", "要", "被", "把"]);

function termsOf(query) {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}]+/gu) || []);
  const plain = new Set(), signs = new Set();
  for (const word of words) {
    if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word)) {
      const parts = window.Intl?.Segmenter ? [...new Intl.Segmenter("zh", { granularity: "word" }).segment(word)].map((s) => s.segment) : [...word];
      for (const part of parts) if (!STOP_SIGNS.has(part)) signs.add(part);
    } else if (!STOP_WORDS.has(word)) plain.add(word.length > 3 ? word.replace(/(?:'s|s)$/u, "") : word);
  }
  const whole = [...plain].slice(0, MAX_TERMS), loose = [...signs].slice(0, MAX_TERMS);
  const parts = [];
  if (whole.length) parts.push(`(?<![\\p{L}\\p{N}])(?:${whole.join("|")})(?:s|es)?(?![\\p{L}\\p{N}])`);
  if (loose.length) parts.push(loose.join("|"));
  return parts.length ? new RegExp(parts.join("|"), "giu") : null;
}

function marked(text, terms) {
  if (!terms) return [document.createTextNode(text)];
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(terms)) {
    if (match.index > from) nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(pg.el("mark", { text: match[0] }));
    from = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

// The server counts characters, JavaScript half of an emoji: split by characters.
const splitAt = (text, n) => {
  if (!/[\ud800-\udfff]/.test(text)) return [text.slice(0, n), text.slice(n)];
  const chars = Array.from(text);
  return [chars.slice(0, n).join(""), chars.slice(n).join("")];
};

function whole(row) {
  if (row.windows) return inWindows(row);
  // A server that counts what it cut does not say where.
  const known = row.cut > 0 && row.read !== null;
  const [read, cut] = known ? splitAt(row.text, row.read) : [row.text, ""];
  const parts = [pg.el("span", { class: "pg-read" }, ...marked(read, data.terms))];
  if (known) {
    parts.push(
      pg.el("span", { class: "pg-cut-line", text: pg.say("ranking.cut_here", { n: row.cut }) }),
      pg.el("s", { class: "pg-unread", text: cut }));
  }
  return parts;
}
