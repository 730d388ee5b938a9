"""Uploaded files become text, unpacked where they are gzip or ZIP."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from playground.core.errors import InvalidInput, Problems
from playground.core.labels import SetScores
from playground.core.limits import Limits
from playground.inputs.encodings import decode
from playground.inputs.keyed_items import Note, is_blank
from playground.inputs.passage_files import MOST, Most, parquet_table
from playground.inputs.tables import sniff_delimiter

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
PARQUET_MAGIC = b"PAR1"
# In the metadata of a file of `playground.score`: what ran, as JSON of a `SetScores` without its scores. Its raw output
# is the score, and what has none is left out.
RAN = b"rerank-playground ran"
TAKEN = ("query_id", "query", "passage_id", "passage", "label")
OFFICE_PART = "[Content_Types].xml"
MOST_IN_ZIP = 20

# UTF-8 takes up to 4 bytes for a character, and files of texts hold more than the set takes from them.
BYTES_PER_CHAR = 4

_BEGINNING = 2**16


@dataclass(frozen=True, slots=True)
class Source:
    """One file as text.

    Attributes:
        name: of the file, without its folder.
        tabs: its name says that tabs stand between its columns.
        scored_by: what gave its scores, as yet without them; None where the file does not say it.
    """

    name: str
    text: str
    tabs: bool = False
    scored_by: SetScores | None = None

    @property
    def is_json(self) -> bool:
        """Whether it begins as JSON or JSON lines do."""
        return self.text[:_BEGINNING].lstrip().startswith(("{", "["))


def delimiter_of(source: Source) -> str:
    """What stands between its columns."""
    return "\t" if source.tabs else sniff_delimiter(source.text)


def load(paths: Sequence[Path], limits: Limits, most: Most = MOST) -> tuple[list[Source], list[Note]]:
    """Every file, and what was noticed while decoding.

    Args:
        most: of one Parquet file.
    Raises:
        InvalidInput: no file, or one that cannot be opened, is empty, no text, damaged, or too big with the others.
    """
    if not paths:
        raise InvalidInput("There is no file to read. Choose one.")
    sources: list[Source] = []
    notes: list[Note] = []
    room = _Room(BYTES_PER_CHAR * limits.set_chars)
    for path in paths:
        for name, data in _unpacked(path, room):
            text, warnings = _text(name, data, most)
            tabs = name.lower().removesuffix(".gz").endswith(".tsv")
            sources.append(Source(name, text, tabs, _scored_by(data)))
            notes += warnings
    return sources, notes


class _Room:
    """Bytes that may still be unpacked."""

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def take(self, file: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
        """All of the file.

        Raises:
            InvalidInput: it holds more than is left.
        """
        data = file.read(self.left + 1)
        self.left -= len(data)
        if self.left < 0:
            raise too_big(name, self.limit)
        return data


def too_big(name: str, limit: int) -> InvalidInput:
    """More bytes than may be unpacked."""
    return InvalidInput(
        "{file} is too big: the files of one set may have {limit:,} MiB unpacked.",
        file=name,
        limit=-(-limit // 2**20),
    )


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """What may go wrong with a packed file, as an InvalidInput."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InvalidInput("{file} is damaged or locked. Make it again, without a password.", file=path.name) from error
    except OSError as error:
        raise InvalidInput(
            "The file {name!r} cannot be opened: {reason}.", name=path.name, reason=error.strerror
        ) from error


def files_in(archive: zipfile.ZipFile, name: str, most: int = MOST_IN_ZIP) -> list[zipfile.ZipInfo]:
    """The files of a ZIP, without what macOS adds.

    Raises:
        InvalidInput: there are more than `most`.
    """
    inside = [each for each in archive.infolist() if not (each.is_dir() or each.filename.startswith("__MACOSX/"))]
    if len(inside) > most:
        raise InvalidInput("{file} holds {n:,} files; at most {limit} are read.", file=name, n=len(inside), limit=most)
    return inside


def _unpacked(path: Path, room: _Room) -> list[tuple[str, bytes]]:
    """Names and bytes: the file's own, or those of the files in a ZIP."""
    with unpacking(path), path.open("rb") as file:
        start = file.read(len(ZIP_MAGIC))
        file.seek(0)
        if start.startswith(GZIP_MAGIC):
            with gzip.open(file, "rb") as unpacked:
                return [(path.name, room.take(unpacked, path.name))]
        if start == ZIP_MAGIC and (inside := _of_zip(file, path, room)):
            return inside
        file.seek(0)
        return [(path.name, room.take(file, path.name))]


def _of_zip(file: IO[bytes], path: Path, room: _Room) -> list[tuple[str, bytes]]:
    """The files in a ZIP; empty where it is a document of Excel or Word."""
    with zipfile.ZipFile(file) as archive:
        if OFFICE_PART in archive.namelist():
            return []
        found = []
        for each in files_in(archive, path.name):
            with archive.open(each) as unpacked:
                found.append((each.filename.rsplit("/", 1)[-1], room.take(unpacked, each.filename)))
        return found


def _text(name: str, data: bytes, most: Most) -> tuple[str, tuple[Note, ...]]:
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise _empty(name)
    try:
        text, warnings = _json_lines(name, data, most) if data.startswith(PARQUET_MAGIC) else decode(data)
    except InvalidInput as error:
        raise InvalidInput("{file} cannot be read. {problems}", file=name, problems=Problems((error,))) from error
    if is_blank(text):
        raise _empty(name)
    return text, warnings


def _json_lines(name: str, data: bytes, most: Most) -> tuple[str, tuple[Note, ...]]:
    """The rows of a Parquet file, each as a line."""
    table = parquet_table(data, most)
    if _scored_by(data) is None:
        return "\n".join(json.dumps(row, default=str) for row in table.rows), ()
    rows = [row for row in table.rows if row["logit"] is not None]
    taken = [name for name in TAKEN if name in table.columns]
    text = "\n".join(json.dumps({name: row[name] for name in taken} | {"score": row["logit"]}) for row in rows)
    n_left_out = len(table.rows) - len(rows)
    return text, (Note("{file}: pairs without a score, left out: {n}.", file=name, n=n_left_out),) if n_left_out else ()


def _scored_by(data: bytes) -> SetScores | None:
    """What `playground.score` says of the scores in a file of its own."""
    if not data.startswith(PARQUET_MAGIC):
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter, ValidationError

    schema = pq.read_schema(pa.BufferReader(data))
    said = (schema.metadata or {}).get(RAN)
    try:
        return TypeAdapter(SetScores).validate_json(said) if said and "logit" in schema.names else None
    except (ValidationError, InvalidInput):
        return None


def _empty(name: str) -> InvalidInput:
    return InvalidInput("{file} is empty.", file=name)
