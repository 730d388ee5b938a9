"""Pasted text becomes passages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.inputs.keyed_items import Gathered, Note, free_id, gather, is_blank, mend

Mode = Literal["auto", "lines", "blank lines", "json", "jsonl"]
MODES: tuple[Mode, ...] = ("auto", "lines", "blank lines", "json", "jsonl")

_BETWEEN_BLOCKS = re.compile(r"\n(?:[^\S\n]*\n)+")
_BEGINS_AS_JSON = re.compile(r"\s*(\{\s*\"|\[\s*[\"{])")


class _BadJsonError(ValueError):
    """Where and why a text is not JSON."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column


@dataclass(frozen=True, slots=True)
class Parsed:
    """Passages with what was noticed on the way.

    Attributes:
        mode: the way of splitting that was used, never "auto"; "table" for a file with columns.
        notes: sentences for the user; each is a `Note`, which also carries its template and values for translation.
        query: the query, where the input names one.
        column: the column the passages came from, where the input has columns.
        columns: every column of the file.
    """

    passages: tuple[Passage, ...]
    mode: str
    notes: tuple[str, ...] = ()
    query: str | None = None
    column: str | None = None
    columns: tuple[str, ...] = ()


def parse_passages(text: str, mode: str = "auto") -> Parsed:
    """Split a text into passages; a blank text gives none.

    Raises:
        InvalidInput: an unknown mode, JSON that cannot be read, an item without a text, or two equal ids.
    """
    if mode not in MODES:
        ways = ", ".join(MODES)
        raise InvalidInput("Passages cannot be split by {mode!r}. Choose one of: {ways}.", mode=mode, ways=ways)
    text, n_mended = mend(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    notes: list[Note] = []
    if n_mended:
        notes.append(Note("Characters that no text can hold (NUL, half emoji), mended: {n}.", n=n_mended))
    if is_blank(text):
        return Parsed((), "lines" if mode == "auto" else mode, tuple(notes))
    if mode == "auto":
        mode, warnings = detect(text)
        notes += warnings
    gathered = _READERS[mode](text)
    return Parsed(gathered.passages, mode, (*notes, *gathered.notes), gathered.query)


def detect(text: str) -> tuple[Mode, list[Note]]:
    """The way of splitting that fits the text, and a note where it looks like JSON but is not."""
    warnings: list[Note] = []
    if text.lstrip().startswith(("[", "{")):
        if looks_like_jsonl(text):
            return "jsonl", warnings
        try:
            if _holds_items(_loads(text)):
                return "json", warnings
        except _BadJsonError as error:
            if _BEGINS_AS_JSON.match(text):
                warnings.append(
                    Note(
                        "It begins like JSON but is not (line {line}: {reason}), so it was split as plain text.",
                        line=error.line,
                        reason=error.reason,
                    )
                )
    blocks = _BETWEEN_BLOCKS.split(text.strip())
    paragraphs = len(blocks) > 1 and any("\n" in block for block in blocks)
    return ("blank lines" if paragraphs else "lines"), warnings


def looks_like_jsonl(text: str) -> bool:
    """Two lines or more, at least half of them a JSON object each; a broken line among them is then an error."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and 2 * sum(map(_is_object, lines)) >= len(lines)


def read_lines(text: str) -> Gathered:
    """One passage per line; a blank line separates and is no passage."""
    return _gather_plain(text.split("\n"))


def read_blocks(text: str) -> Gathered:
    """One passage per paragraph; the lines inside a paragraph stay as they are."""
    return _gather_plain(_BETWEEN_BLOCKS.split(text))


def _gather_plain(pieces: Sequence[str]) -> Gathered:
    return gather((number, piece.strip()) for number, piece in enumerate(pieces, 1) if not is_blank(piece))


def read_json(text: str, text_key: str | None = None) -> Gathered:
    """Passages of one JSON value: an array, or an object with a query and passages.

    Raises:
        InvalidInput: not JSON (with line and column), or JSON that holds no passages.
    """
    try:
        value = _loads(text)
    except _BadJsonError as error:
        raise InvalidInput(
            "This is not valid JSON: {reason} (line {line}, column {column}).",
            reason=error.reason,
            line=error.line,
            column=error.column,
        ) from error
    if not _holds_items(value):
        raise InvalidInput(
            "This JSON holds no passages. Give an array of texts, or an object with a query and passages."
        )
    return gather(enumerate(value if isinstance(value, list) else [value], 1), text_key)


def read_jsonl(text: str, text_key: str | None = None) -> Gathered:
    """Passages of JSON lines.

    Raises:
        InvalidInput: a line that is not JSON, with its number and what is wrong in it.
    """
    items: list[tuple[int, object]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            items.append((number, _loads(line)))
        except _BadJsonError as error:
            raise InvalidInput(
                "Line {line} is not valid JSON: {reason} (column {column}). Mend that line, or split in another way.",
                line=number,
                reason=error.reason,
                column=error.column,
            ) from error
    return gather(items, text_key)


def as_text(passages: Sequence[Passage], *, marks: bool = True) -> str:
    """A text that `parse_passages` reads back as these passages.

    Args:
        marks: keep ids, labels and meta, as JSON lines, where there are any; False keeps the texts only.
    """
    numbered = _numbered(passages)
    if not marks or list(passages) == numbered:
        for plain in ("\n".join(p.text for p in passages), "\n\n".join(p.text for p in passages)):
            if list(parse_passages(plain).passages) == numbered:
                return plain
        return json.dumps([passage.text for passage in passages], ensure_ascii=False, indent=1)
    return "\n".join(json.dumps(_item(passage), ensure_ascii=False) for passage in passages)


def remember(parsed: Parsed, known: Sequence[Passage]) -> Parsed:
    """Give ids, labels and meta back to plain passages whose text is still one of the `known`.

    So an edit of one line in the box costs the other lines nothing. A text that stands twice among the known gives its
    marks in order. Passages that came with marks of their own are left alone.
    """
    if not known or list(parsed.passages) != _numbered(parsed.passages):
        return parsed
    waiting: dict[str, list[Passage]] = {}
    for passage in reversed(known):
        waiting.setdefault(passage.text.strip(), []).append(passage)
    found = [waiting[p.text].pop() if waiting.get(p.text) else None for p in parsed.passages]
    taken = {passage.id for passage in found if passage is not None}
    passages = []
    for place, (old, passage) in enumerate(zip(found, parsed.passages, strict=True), 1):
        kept = old or replace(passage, id=free_id(place, taken))
        taken.add(kept.id)
        passages.append(replace(kept, text=passage.text))
    return replace(parsed, passages=tuple(passages))


def _numbered(passages: Sequence[Passage]) -> list[Passage]:
    """The same texts, with nothing but the number of their place."""
    return [Passage(str(place), passage.text) for place, passage in enumerate(passages, 1)]


def _item(passage: Passage) -> dict[str, object]:
    own: dict[str, object] = {"id": passage.id, "text": passage.text}
    if passage.label is not None:
        own["label"] = int(passage.label)
    return own | {key: value for key, value in passage.meta.items() if key not in own}


def _holds_items(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, str | dict) for item in value)
    return isinstance(value, dict)


def _is_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(_loads(line), dict)
    except _BadJsonError:
        return False


def _loads(text: str) -> object:
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        raise _BadJsonError(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise _BadJsonError("nested too deeply", 1, 1) from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise _BadJsonError("a number that is too long", 1, 1) from error


_READERS: dict[str, Callable[[str], Gathered]] = {
    "lines": read_lines,
    "blank lines": read_blocks,
    "json": read_json,
    "jsonl": read_jsonl,
}
