"""Scores on the disk: a file for each finished block, and the whole in the end. No file is ever there by half."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.types import PrecisionName
from playground.inputs.labelled_sets.sources import RAN

# Key in the metadata of a file: what was asked for. What ran is under `RAN`.
RECORD = b"rerank-playground"
# Beside the blocks: the record, and under `RAN_IN` the precision that the first of them ran in.
ABOUT = "record.json"
RAN_IN = "ran_in"
SHORT = 8


class Unwritable(PlaygroundError):
    """The disk is full, or does not let us write."""


@dataclass(frozen=True, slots=True)
class Record:
    """What scores are of. Those of two records are never put into one file.

    Attributes:
        corpus: its digest.
        precision: as asked for; what it ran in is settled by the first block: `settled`.
        windows, instruction: in words; "model's own" where none was given.
    """

    corpus: str
    block_rows: int
    model: str
    fingerprint: str
    precision: str
    max_length: int | None
    windows: str
    instruction: str


class Output:
    """The file that is asked for, and beside it the folder of the blocks that are finished."""

    def __init__(self, path: Path, record: Record) -> None:
        self.path = path.absolute()
        self.folder = self.path.with_name(self.path.name + ".parts")
        self._record = record

    @contextmanager
    def claimed(self) -> Iterator[set[int]]:
        """The numbers of the blocks that are finished; no other run writes meanwhile.

        Raises:
            InvalidInput: scores of something else are there, or another run writes them now.
            Unwritable: as `write`.
        """
        with _written(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise InvalidInput("Another run writes {file} now.", file=self.path.name) from error
        try:
            self._check_folder()
            yield self.finished()
        finally:
            # Its file stays: another run may hold it already, and a third would lock a new one of the same name.
            lock.release()

    def is_whole(self) -> bool:
        """Whether the file is there, of this record; blocks that a killed run left beside it go then.

        Raises:
            InvalidInput: it is of something else.
        """
        if not self.path.exists():
            return False
        try:
            metadata = pq.read_schema(self.path).metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(
                "{file} is there and holds no scores. Name another --out.", file=self.path.name
            ) from error
        self._compare(metadata.get(RECORD, b"").decode(), self.path)
        shutil.rmtree(self.folder, ignore_errors=True)
        return True

    def finish(self, n_blocks: int) -> int:
        """Makes the file of its blocks, and removes these; how many pairs have no score.

        Raises:
            Unwritable: as `write`; the blocks stay.
        """
        parts = [part(self.folder, number) for number in range(n_blocks)]
        metadata = {RECORD: json.dumps(asdict(self._record)).encode()}
        ran = {said for path in parts if (said := (pq.read_schema(path).metadata or {}).get(RAN))}
        # Blocks that ran on other devices have that in their rows, and in no word for them all.
        if len(ran) == 1:
            metadata[RAN] = ran.pop()
        schema = pa.unify_schemas([pq.read_schema(path).remove_metadata() for path in parts]).with_metadata(metadata)
        write(self.path, (pq.read_table(path).cast(schema) for path in parts), schema)
        shutil.rmtree(self.folder, ignore_errors=True)
        return int(pq.read_table(self.path, columns=["logit"])["logit"].null_count)

    def ran_in(self) -> PrecisionName | None:
        """The precision of the blocks that are finished; None before the first."""
        said = json.loads((self.folder / ABOUT).read_text(encoding="utf-8")).get(RAN_IN)
        return cast("PrecisionName | None", said)

    def finished(self) -> set[int]:
        """The numbers of the blocks that have a file."""
        return {int(path.stem) for path in self.folder.glob("*.parquet")}

    def _check_folder(self) -> None:
        about = self.folder / ABOUT
        if about.exists():
            self._compare(about.read_text(encoding="utf-8"), self.folder)
        else:
            with _written(about), _replacing(about) as half:
                half.write_text(json.dumps(asdict(self._record)), encoding="utf-8")
        for half in self.folder.glob("*.half"):
            half.unlink(missing_ok=True)

    def _compare(self, text: str, place: Path) -> None:
        try:
            was = json.loads(text)
        except ValueError:
            was = None
        if not isinstance(was, dict):
            raise _no_scores(place)
        for field in fields(Record):
            now = getattr(self._record, field.name)
            if was.get(field.name) != now:
                raise InvalidInput(
                    "{file} holds scores of another {what} ({was}, not {now}). Name another --out, or remove it.",
                    file=place.name,
                    what=field.name.replace("_", " "),
                    was=_shown(was.get(field.name)),
                    now=_shown(now),
                )


def settled(folder: Path, precision: str) -> str:
    """The precision that all blocks run in: that of the first worker that asks, wherever it is.

    Raises:
        Unwritable: as `write`.
    """
    about = folder / ABOUT
    with _written(about), FileLock(folder / "record.lock"):
        record = json.loads(about.read_text(encoding="utf-8"))
        if RAN_IN not in record:
            record[RAN_IN] = precision
            with _replacing(about) as half:
                half.write_text(json.dumps(record), encoding="utf-8")
        return str(record[RAN_IN])


def part(folder: Path, number: int) -> Path:
    """The file of a finished block."""
    return folder / f"{number:07}.parquet"


def write(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """A Parquet file, whole and on the disk when it has its name.

    Raises:
        Unwritable: the disk is full, or does not let us write. What was there before stays.
    """
    with _written(path), _replacing(path) as half:
        with pq.ParquetWriter(half, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
        with half.open("rb") as file:
            os.fsync(file.fileno())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside, which takes the place of `path` once it is whole, and goes where it does not become so."""
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    try:
        yield half
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            "{file} could not be written: {reason}. What is finished is kept: the same command goes on from there.",
            file=path.name,
            reason=error.strerror or error,
        ) from error


def _no_scores(path: Path) -> InvalidInput:
    return InvalidInput("{file} is there and holds no scores. Name another --out.", file=path.name)


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    # A digest says enough by its first digits.
    return text[:SHORT] if len(text) == 64 and text.isalnum() else text
