"""Uploaded files become text, unpacked where they are gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.core.errors import InvalidInput, Problems
from playground.engine.inputs.encodings import decode
from playground.engine.inputs.items import Note, is_blank
from playground.engine.limits import Limits

GZIP_MAGIC = b"\x1f\x8b"

# UTF-8 takes up to 4 bytes for a character, and files of texts hold more than the set takes from them.
BYTES_PER_CHAR = 4

_BEGINNING = 2**16


@dataclass(frozen=True, slots=True)
class Source:
    """One file as text.

    Attributes:
        name: of the file, without its folder.
        tabs: its name says that tabs stand between its columns.
    """

    name: str
    text: str
    tabs: bool = False

    @property
    def is_json(self) -> bool:
        """Whether it begins as JSON or JSON lines do."""
        return self.text[:_BEGINNING].lstrip().startswith(("{", "["))


def load(paths: Sequence[Path], limits: Limits) -> tuple[list[Source], list[Note]]:
    """Every file, and what was noticed while decoding.

    Raises:
        InvalidInput: no file, or one that cannot be opened, is empty, no text, damaged, or too big with the others.
    """
    if not paths:
        raise InvalidInput("There is no file to read. Choose one.")
    sources: list[Source] = []
    notes: list[Note] = []
    room = BYTES_PER_CHAR * limits.set_chars
    for path in paths:
        data = _bytes(path, room)
        room -= len(data)
        try:
            text, remarks = decode(data)
        except InvalidInput as error:
            raise InvalidInput(
                "{file} cannot be read. {problems}", file=path.name, problems=Problems((error,))
            ) from error
        if is_blank(text):
            raise _empty(path)
        name = path.name
        sources.append(Source(name, text, name.removesuffix(".gz").lower().endswith(".tsv")))
        notes += remarks
    return sources, notes


def _bytes(path: Path, room: int) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            if packed:
                with gzip.open(file, "rb") as unpacked:
                    data = unpacked.read(room + 1)
            else:
                data = file.read(room + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput("{file} is a damaged gzip file. Make it again.", file=path.name) from error
    except OSError as error:
        raise InvalidInput(
            "The file {name!r} cannot be opened: {reason}.", name=path.name, reason=error.strerror
        ) from error
    if len(data) > room:
        raise InvalidInput(
            "{file} is too big: the files of one set may have {limit:,} MiB unpacked.",
            file=path.name,
            limit=(room + 2**20 - 1) // 2**20,
        )
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise _empty(path)
    return data


def _empty(path: Path) -> InvalidInput:
    return InvalidInput("{file} is empty.", file=path.name)
