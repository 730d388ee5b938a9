"""Passages from files and from a pipe, and saved thresholds."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from playground import terminal
from playground.cli import WrongValueError
from playground.core.errors import InvalidInput
from playground.core.thresholds import Threshold
from playground.engine import threshold_files
from playground.history.store import HistoryStore
from playground.inputs.passage_files import MAX_FILE_BYTES, SUFFIXES, read_file
from playground.inputs.pasted_text import Parsed

PIPE = Path("-")
PARQUET = b"PAR1"


def passages(files: Sequence[Path], suffix: str | None, column: str | None) -> Parsed:
    """The passages of these files, or of the pipe where there are none; notes are said on stderr. Of several files each
    id has the name of its file before it, or its path as given where files have the same name.

    Args:
        suffix: what kind of file the pipe holds, such as "csv"; None finds out whether it is Parquet, JSON or text.
        column: as `read_file`.

    Raises:
        InvalidInput: as `read_file`, with the name of the file.
        WrongValueError: neither files nor a pipe.
    """
    parsed = [_read(path, suffix, column) for path in files or (PIPE,)]
    for path, each in zip(files or (PIPE,), parsed, strict=True):
        for note in each.notes:
            terminal.note(f"{_name(path)}: {note}")
    if len(parsed) == 1:
        return parsed[0]
    names = [_name(path) for path in files]
    unlike = [str(path) if names.count(name) > 1 else name for path, name in zip(files, names, strict=True)]
    together = tuple(
        replace(passage, id=f"{name}:{passage.id}")
        for name, each in zip(unlike, parsed, strict=True)
        for passage in each.passages
    )
    return replace(parsed[0], passages=together, query=next((each.query for each in parsed if each.query), None))


def query(said: str, parsed: Parsed) -> str:
    """The query, or where "-" was said the one that the passages came with.

    Raises:
        WrongValueError: they came with none.
    """
    if said != "-":
        return said
    if parsed.query is None:
        raise WrongValueError("The passages name no query. Write it in the place of the -.")
    return parsed.query


def thresholds(named: str, db: Path) -> tuple[Threshold, ...]:
    """The threshold of a file that the Threshold view wrote, or those of this name in the history, newest first.

    Raises:
        InvalidInput: there is none.
        HistoryError: the history cannot be read.
    """
    path = Path(named)
    if path.is_file():
        try:
            return (threshold_files.from_json(path.read_text(encoding="utf-8")),)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput("{file} cannot be read as a threshold.", file=path.name) from error
    if found := HistoryStore(db).thresholds.named(named) if db.exists() else ():
        return found
    raise InvalidInput("There is no file and no saved threshold {name!r}. The history is {db}.", name=named, db=db)


def _read(path: Path, suffix: str | None, column: str | None) -> Parsed:
    try:
        if path != PIPE:
            return read_file(path, column=column)
        if sys.stdin.isatty():
            raise WrongValueError("Give a file of passages, or send them through a pipe.")
        return _piped(suffix, column)
    except InvalidInput as error:
        if path.name in str(error):
            raise
        raise InvalidInput("{file}: {problem}", file=_name(path), problem=error) from error


def _piped(suffix: str | None, column: str | None) -> Parsed:
    # One byte more than may be read, so that it is refused by its size and not cut.
    data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    ending = f".{suffix.lstrip('.')}" if suffix else ".parquet" if data.startswith(PARQUET) else ".txt"
    if ending not in SUFFIXES:
        raise WrongValueError(f"--as {suffix}: choose one of {', '.join(each[1:] for each in SUFFIXES)}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stdin{ending}"
        path.write_bytes(data)
        return read_file(path, column=column)


def _name(path: Path) -> str:
    return "stdin" if path == PIPE else path.name
