"""Strings and keyed items become passages: which key is the text, the id, the label, the query."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.core.errors import InvalidInput
from playground.core.types import EMPTY, Passage

TEXT_KEYS = ("text", "passage", "content", "document", "body")
ID_KEYS = ("id", "_id", "passage_id")
LABEL_KEYS = ("label", "relevant", "relevance")
QUERY_KEYS = ("query", "question")
LIST_KEYS = ("passages", "documents", "texts", "candidates")
JUDGED_KEYS = (("pos", True), ("neg", False))

YES = frozenset({"1", "1.0", "true", "yes", "y"})
NO = frozenset({"0", "0.0", "false", "no", "n"})
UNSAID = frozenset({"", "none", "null", "nan"})

_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


class Note(str):
    """A warning for the user: English as text; with its template and values, so that the page can translate it."""

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Note:
        note = super().__new__(cls, template.format(**values))
        note.template = template
        note.values = values
        return note


@dataclass(frozen=True, slots=True)
class Gathered:
    """Passages, what was noticed, and the query where the items name one."""

    passages: tuple[Passage, ...]
    notes: tuple[Note, ...] = ()
    query: str | None = None


def mend(text: str) -> tuple[str, int]:
    """The text with half surrogate pairs replaced by U+FFFD and NULs taken out, and how many there were."""
    try:
        text.encode("utf-8")
        whole, n_halves = text, 0
    except UnicodeEncodeError:
        # A pair of surrogates is one character written in two halves; a lone half is nothing.
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        n_halves = whole.count("\ufffd") - text.count("\ufffd")
    return whole.replace("\0", ""), n_halves + whole.count("\0")


def is_blank(text: str) -> bool:
    """Nothing to see in it: spaces, control and zero-width characters only."""
    return not text or all(unicodedata.category(char) in _INVISIBLE for char in text)


def free_id(place: int, taken: Collection[str]) -> str:
    """The number of the place as an id; with as many `#` before it as it takes to differ from `taken`."""
    name = str(place)
    while name in taken:
        name = f"#{name}"
    return name


def gather(items: Iterable[tuple[int, object]], text_key: str | None = None) -> Gathered:
    """Passages of strings and keyed items, in order.

    Args:
        items: the number of each in its source (a line or an item, from 1), and a string or a mapping.
        text_key: the key that holds the text; None tries TEXT_KEYS.
    Raises:
        InvalidInput: an item that is neither, has no text, or has an id that is taken or no id at all.
    """
    numbered = [(number, _plain_entry(number, item)) for number, item in items]
    boxes = [item for _, item in numbered if is_box(item, text_key)]
    if not boxes:
        return _finish([_passage(number, item, text_key) for number, item in numbered])
    gathered = _unpack(boxes[0])
    if len(numbered) == 1:
        return gathered
    note = Note("Each of the {n} entries has its own query; only the first was taken.", n=len(numbered))
    return replace(gathered, notes=(note, *gathered.notes))


def is_box(item: object, text_key: str | None = None) -> bool:
    """An object that holds a list of passages: `{"query", "passages"}` or FlagEmbedding's `{"query", "pos", "neg"}`."""
    if not isinstance(item, Mapping) or text_key is not None:
        return False
    if find_key(item, TEXT_KEYS) is not None:
        return False
    return any(isinstance(item.get(key), list) for key in (*LIST_KEYS, *(key for key, _ in JUDGED_KEYS)))


def find_key(item: Mapping[str, object], names: Sequence[str]) -> str | None:
    """The item's first key among `names` (in the order of `names`), whatever its case."""
    by_name = {key.strip().lower(): key for key in reversed(list(item))}
    return next((by_name[name] for name in names if name in by_name), None)


def plain(value: object) -> object:
    """The value as JSON can hold it: strings mended, non-finite numbers None, anything unknown as text."""
    if isinstance(value, str):
        return mend(value)[0]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {mend(str(key))[0]: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return mend(str(value))[0]


def _plain_entry(number: int, item: object) -> object:
    try:
        return plain(item)
    except RecursionError as error:
        raise InvalidInput("Entry {n} is nested too deeply.", n=number) from error


def _unpack(box: object) -> Gathered:
    assert isinstance(box, Mapping)
    query_key = find_key(box, QUERY_KEYS)
    query = box[query_key] if query_key else None
    judged: list[tuple[object, bool | None]] = []
    for key, label in (*((key, None) for key in LIST_KEYS), *JUDGED_KEYS):
        inner = box.get(key)
        judged += [(item, label) for item in inner] if isinstance(inner, list) else []
    drafts = []
    for number, (item, label) in enumerate(judged, 1):
        draft = _passage(number, item, None)
        drafts.append(replace(draft, label=label) if draft.label is None else draft)
    gathered = _finish(drafts)
    return replace(gathered, query=query) if isinstance(query, str) and not is_blank(query) else gathered


def _passage(number: int, item: object, text_key: str | None) -> Passage:
    """A draft: its id is empty where the item names none, its text may be blank."""
    if isinstance(item, str):
        return Passage("", item)
    if not isinstance(item, Mapping):
        raise InvalidInput("Entry {n} is neither a text nor an object with a text.", n=number)
    key = text_key if text_key in item else find_key(item, TEXT_KEYS) if text_key is None else None
    if key is None:
        raise InvalidInput(
            "Entry {n} has no text: it needs one of the keys {keys}. Rename the key, or split in another way.",
            n=number,
            keys=", ".join([text_key] if text_key else TEXT_KEYS),
        )
    text = item[key]
    if text is not None and not isinstance(text, str):
        raise InvalidInput("In entry {n}, {key!r} is not a text.", n=number, key=key)
    rest = {name: value for name, value in item.items() if name != key}
    label, rest = _take_label(rest)
    own_id, rest = _take_id(number, rest)
    return Passage(own_id, text or "", label, rest or EMPTY)


def _take_label(item: dict[str, object]) -> tuple[bool | None, dict[str, object]]:
    """Yes, no or unknown, and the other keys. A label that is none of these stays among the other keys."""
    key = find_key(item, LABEL_KEYS)
    if key is None:
        return None, item
    said = "" if item[key] is None else str(item[key]).strip().lower()
    if said not in YES | NO | UNSAID:
        return None, item
    rest = {name: value for name, value in item.items() if name != key}
    return (None if said in UNSAID else said in YES), rest


def _take_id(number: int, item: dict[str, object]) -> tuple[str, dict[str, object]]:
    key = find_key(item, ID_KEYS)
    if key is None:
        return "", item
    value = item[key]
    if isinstance(value, bool | list | dict):
        raise InvalidInput("In entry {n}, the id is neither a text nor a number.", n=number)
    rest = {name: inner for name, inner in item.items() if name != key}
    return ("" if value is None else str(value).strip()), rest


def _finish(drafts: Sequence[Passage]) -> Gathered:
    """Blank ones out, ids given, one query found, and the notes about all that."""
    kept = [draft for draft in drafts if not is_blank(draft.text)]
    notes = []
    if len(kept) < len(drafts):
        notes.append(Note("Blank passages left out: {n}.", n=len(drafts) - len(kept)))
    n_repeats = len(kept) - len({draft.text for draft in kept})
    if n_repeats:
        notes.append(Note("Passages that repeat another word for word, kept: {n}.", n=n_repeats))
    n_unread = sum(1 for draft in kept if find_key(draft.meta, LABEL_KEYS) is not None)
    if n_unread:
        notes.append(Note("Labels that say neither yes (1) nor no (0), not used: {n}.", n=n_unread))
    passages = _with_ids(kept)
    query, passages, warning = _shared_query(passages)
    return Gathered(tuple(passages), (*notes, *warning), query)


def _with_ids(drafts: Sequence[Passage]) -> list[Passage]:
    taken: set[str] = set()
    for draft in drafts:
        if draft.id and draft.id in taken:
            raise InvalidInput("Two passages have the id {id!r}. Give each passage its own id.", id=draft.id)
        taken.add(draft.id)
    passages = []
    for place, draft in enumerate(drafts, 1):
        own = draft.id or free_id(place, taken)
        taken.add(own)
        passages.append(replace(draft, id=own))
    return passages


def _shared_query(passages: list[Passage]) -> tuple[str | None, list[Passage], list[Note]]:
    """The query that every passage names, taken out of their meta; several queries stay where they are, with a note."""
    keys = {find_key(passage.meta, QUERY_KEYS) for passage in passages}
    if len(keys) != 1 or (key := keys.pop()) is None:
        return None, passages, []
    queries = {str(passage.meta[key]) for passage in passages if passage.meta[key] is not None}
    if len(queries) > 1:
        return None, passages, [Note("The passages belong to {n} queries; give the one to rank by.", n=len(queries))]
    bare = [replace(p, meta={name: value for name, value in p.meta.items() if name != key} or EMPTY) for p in passages]
    query = queries.pop() if queries else ""
    return (None if is_blank(query) else query), bare, []
