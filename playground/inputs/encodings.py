"""Bytes become text: which encoding wrote them."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable

from charset_normalizer import from_bytes

from playground.core.errors import InvalidInput
from playground.inputs.keyed_items import Note

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (
    (b"PK\x03\x04", "a ZIP or an Excel or Word document"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a Parquet file with another ending"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document"),
)
CANDIDATES = ("gb18030", "big5", "shift_jis", "cp1252")

_MOST_CONTROLS = 0.05
_GOOD_PER_BAD = 20
_LEAST_COMMON = 0.5
_SAMPLE_BYTES = 2**16


def decode(data: bytes) -> tuple[str, tuple[Note, ...]]:
    """The text of these bytes without a byte order mark, and a note where the encoding was guessed.

    UTF-8 is tried first, since other encodings almost never pass for it.

    Raises:
        InvalidInput: the bytes are no text.
    """
    for start, what in BINARY:
        if data.startswith(start):
            raise InvalidInput("This file is not text: it is {what}. Save it as UTF-8 text first.", what=what)
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if marked is not None:
        return _by_mark(data, marked)
    name = _utf16_without_mark(data)
    if name is None and _reads(data, "utf-8"):
        return _checked(data.decode("utf-8")), ()
    if name is None and (mended := _nearly_utf8(data)):
        return mended
    name = name or _best_of_candidates(data)
    if name is None:
        raise _no_text()
    note = Note("Read as {encoding}. If characters look wrong, save the file as UTF-8.", encoding=name)
    return _checked(data.decode(name)), (note,)


def _by_mark(data: bytes, name: str) -> tuple[str, tuple[Note, ...]]:
    text = data.decode(name, "replace").removeprefix("\ufeff")
    return _checked(text), _replaced(text.count("\ufffd"), name)


def _nearly_utf8(data: bytes) -> tuple[str, tuple[Note, ...]] | None:
    """UTF-8 with a few damaged bytes, which are replaced; None where it is something else."""
    text = data.decode("utf-8", "replace")
    n_bad = text.count("\ufffd")
    n_good = sum(char > "\x7f" for char in text) - n_bad
    return (_checked(text), _replaced(n_bad, "utf-8")) if n_good >= _GOOD_PER_BAD * n_bad else None


def _replaced(n: int, name: str) -> tuple[Note, ...]:
    return (
        (Note("Damaged characters in the file, replaced: {n} (read as {encoding}).", n=n, encoding=name),) if n else ()
    )


def _utf16_without_mark(data: bytes) -> str | None:
    """Latin text in UTF-16 has a NUL in every other byte."""
    half = len(data) // 2
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        if half and len(data) % 2 == 0 and data[first::2].count(0) > half * 0.4 > data[1 - first :: 2].count(0):
            return name
    return None


def _best_of_candidates(data: bytes) -> str | None:
    """The candidate whose reading holds the largest share of characters that people use.

    charset-normalizer says which candidates are possible; between them it guesses badly on short Chinese files, where
    any two bytes make a character, so the commonness of those characters decides. Else any encoding it finds.
    """
    readable = [name for name in CANDIDATES if _reads(data, name)]
    sample = data[:_SAMPLE_BYTES]
    possible = {match.encoding for match in from_bytes(sample, cp_isolation=list(CANDIDATES))}
    worth = {name: (_commonness(sample.decode(name, "ignore"), name), name in possible) for name in readable}
    best = max(readable, key=worth.__getitem__, default=None)
    if best is not None and worth[best][0] >= _LEAST_COMMON:
        return best
    found = from_bytes(sample).best()
    return found.encoding if found is not None and _reads(data, found.encoding) else None


def _reads(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _commonness(text: str, name: str) -> float:
    """Share of the non-ASCII characters that are everyday ones in the language of that encoding."""
    foreign = [char for char in text if char > "\x7f"]
    return sum(map(_EVERYDAY[name], foreign)) / len(foreign) if foreign else 0.0


def _is_everyday_gb(char: str) -> bool:
    """Level 1 of GB 2312 (rows 16 to 55: the 3,755 most used) and its punctuation."""
    code = char.encode("gb18030")
    return len(code) == 2 and code[1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] in (0xA1, 0xA3))


def _is_everyday_big5(char: str) -> bool:
    """Level 1 of Big5 (the 5,401 most used) and its punctuation."""
    code = char.encode("big5", "ignore")
    return len(code) == 2 and (0xA4 <= code[0] <= 0xC5 or code[0] == 0xA1)


def _is_everyday_sjis(char: str) -> bool:
    """Kana, Japanese punctuation and level 1 of JIS X 0208; half-width kana are rare."""
    code = char.encode("shift_jis", "ignore")
    return len(code) == 2 and (code[0] in (0x81, 0x82, 0x83) or b"\x88\x9f" <= code <= b"\x98\x72")


def _is_everyday_latin(char: str) -> bool:
    return unicodedata.category(char) in ("Ll", "Pd", "Pi", "Pf") or char in "ÄÖÜÉÀÇÑ€£©°…•«»¿¡·\xa0"


_EVERYDAY: dict[str, Callable[[str], bool]] = {
    "gb18030": _is_everyday_gb,
    "big5": _is_everyday_big5,
    "shift_jis": _is_everyday_sjis,
    "cp1252": _is_everyday_latin,
}


def _checked(text: str) -> str:
    """The text, unless it is full of control characters."""
    sample = text[:_SAMPLE_BYTES]
    n_controls = sum(char < " " and char not in "\t\n\r\f\x1b" for char in sample)
    if n_controls > _MOST_CONTROLS * len(sample) and n_controls > 1:
        raise _no_text()
    return text


def _no_text() -> InvalidInput:
    return InvalidInput("This file is not text in an encoding that can be read. Save it as UTF-8.")
