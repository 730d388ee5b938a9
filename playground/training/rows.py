"""Training rows in FlagEmbedding's format, read strictly: a broken line stops the run before it starts.

Source of the format: FlagEmbedding, examples/finetune/reranker/README.md ("pos_scores" and "neg_scores" are a
teacher's, on the scale of a logit; a listwise loss takes their softmax).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.core.errors import InvalidInput

COMPRESSION = 2  # a third larger than at 9, and written seven times as fast

WRONG_TAKE = "{n} numbers to take for {files} files. Give one for each."


@dataclass(frozen=True, slots=True)
class Row:
    """One query with its positives and negatives.

    Attributes:
        pos_scores, neg_scores: a teacher's logits, in step with `pos` and `neg`; empty without a teacher.
        labelled: `pos` and `neg` are labels; else only the teacher's logits count.
    """

    query: str
    pos: tuple[str, ...]
    neg: tuple[str, ...]
    pos_scores: tuple[float, ...] = ()
    neg_scores: tuple[float, ...] = ()
    labelled: bool = True


def read_rows(paths: Iterable[Path], take: Sequence[int] = (), seed: int = 0) -> list[Row]:
    """The rows of JSONL files, plain or gzip.

    Args:
        take: how many rows to draw of each file, in step with `paths`; empty takes all.

    Raises:
        InvalidInput: a file that cannot be read, or a line that is not a row, with its number.
    """
    files = [list(_read(Path(path))) for path in paths]
    if take and len(take) != len(files):
        raise InvalidInput(WRONG_TAKE, n=len(take), files=len(files))
    for rows, limit in zip(files, take, strict=False):
        random.Random(seed).shuffle(rows)
        del rows[limit:]
    rows = [row for file in files for row in file]
    if len(rows) < 2:
        raise InvalidInput("{n} training rows are too few to learn from. Give at least 2.", n=len(rows))
    return rows


def _read(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield parse_row(line, f"{path.name}, line {number}")
    except FileNotFoundError as error:
        raise InvalidInput("There is no file {path}.", path=path) from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "{path} cannot be read after line {number}: {reason}.", path=path, number=number, reason=error
        ) from error


def parse_row(line: str, place: str) -> Row:
    """One line as a row.

    Raises:
        InvalidInput: not JSON, a key missing or of the wrong type, an empty text, no negative, a positive that is
            also a negative, or scores out of step. The message starts with `place`.
    """
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput("{place}: not JSON ({reason}).", place=place, reason=error.msg) from error
    if not isinstance(data, dict):
        raise InvalidInput("{place}: a row is an object with query, pos and neg.", place=place)
    query, pos, neg = _text(data, "query", place), _texts(data, "pos", place), _texts(data, "neg", place)
    both = set(pos) & set(neg)
    if both:
        raise InvalidInput("{place}: {text!r} is both positive and negative.", place=place, text=min(both)[:60])
    pos_scores, neg_scores = _scores(data, "pos_scores", pos, place), _scores(data, "neg_scores", neg, place)
    if bool(pos_scores) != bool(neg_scores):
        raise InvalidInput("{place}: give both pos_scores and neg_scores, or neither.", place=place)
    return Row(query, pos, neg, pos_scores, neg_scores)


def _text(data: dict[str, Any], key: str, place: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput("{place}: {key} must be a text that is not empty.", place=place, key=key)
    return value


def _texts(data: dict[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = data.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v.strip() for v in value):
        raise InvalidInput("{place}: {key} must be a list of texts that are not empty.", place=place, key=key)
    return tuple(value)


def _scores(data: dict[str, Any], key: str, texts: Sequence[str], place: str) -> tuple[float, ...]:
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) != len(texts) or not all(isinstance(v, int | float) for v in value):
        raise InvalidInput("{place}: {key} must hold one number for each text.", place=place, key=key)
    return tuple(float(v) for v in value)


def write_rows(rows: Iterable[Row], path: Path) -> int:
    """Writes gzip JSONL; returns how many rows. Equal rows give equal bytes."""
    n = 0
    with gzip.GzipFile(path, "wb", compresslevel=COMPRESSION, mtime=0) as file:
        for row in rows:
            n += 1
            record: dict[str, Any] = {"query": row.query, "pos": row.pos, "neg": row.neg}
            if row.pos_scores:
                record |= {"pos_scores": row.pos_scores, "neg_scores": row.neg_scores}
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
    return n


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes, for `training.json`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
