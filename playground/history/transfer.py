"""The history of one person as one file: gzip over JSON lines.

Line 1 is the header; then come texts, each before the first run that refers to it by hash, and runs, newest last.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from playground.core.errors import HistoryError
from playground.history import manifests
from playground.history.records import NewRun, select, texts_of

FORMAT = "rerank-playground-history"
VERSION = 1
MAX_IMPORT_MIB = 512
GZIP_MAGIC = b"\x1f\x8b"


def export(db: Database, owner: str) -> tuple[bytes, int]:
    """Every run of `owner` that is not deleted: the file, and how many runs are in it."""
    found = list(
        select(
            db,
            "runs.owner = :owner AND runs.deleted_at IS NULL ORDER BY runs.created_at, runs.number",
            {"owner": owner},
            ", runs.origin, runs.manifest",
        )
    )
    target = io.BytesIO()
    with gzip.open(target, "wt", encoding="ascii", newline="\n") as file:
        for line in _lines(db, found):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
    return target.getvalue(), len(found)


def _lines(db: Database, found: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    yield {"format": FORMAT, "version": VERSION, "exported_at": now, "n_runs": len(found)}
    written: set[str] = set()
    for row in found:
        texts = texts_of(db, int(str(row["number"])))
        for hash in [hash for hash in texts if hash not in written]:
            yield {"text": texts[hash]}
        written |= texts.keys()
        names = ("origin", "created_at", "note")
        run = {name: row[name] for name in names} | {"starred": bool(row["starred"])}
        yield {"run": run | {"manifest": json.loads(str(row["manifest"]))}}


def read(source: Path | bytes) -> list[NewRun]:
    """The runs in a file that `export` made, unpacked by a browser or not.

    Raises:
        HistoryError: the file cannot be read, is no export, is newer than this program, or is damaged (with the line).
    """
    lines = _unpacked(source)
    header = _header(lines[0] if lines else b"")
    runs: list[NewRun] = []
    texts: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        try:
            _take(json.loads(line), texts, runs)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise HistoryError(
                "Line {line} of the file is damaged ({detail}). Nothing was imported; export the runs again.",
                line=number,
                detail=_reason(error),
            ) from error
    if len(runs) != header["n_runs"]:
        raise HistoryError(
            "The file ends after {found} of {expected} runs. Nothing was imported; export the runs again.",
            found=len(runs),
            expected=header["n_runs"],
        )
    return runs


def _unpacked(source: Path | bytes) -> list[bytes]:
    limit = MAX_IMPORT_MIB * 2**20
    data = b""
    try:
        packed = source if isinstance(source, bytes) else source.read_bytes()
        if packed.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(packed)) as file:
                data = file.read(limit + 1)
        else:
            data = packed
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HistoryError(
            "The file is damaged or only half there ({detail}). Nothing was imported; export the runs again.",
            detail=error,
        ) from error
    except OSError as error:
        raise HistoryError(
            "The file {path} could not be read: {detail}.", path=source, detail=error.strerror or error
        ) from error
    if len(data) > limit:
        raise HistoryError(
            "The file unpacks to more than {limit} MiB. Export fewer runs into one file.", limit=MAX_IMPORT_MIB
        )
    return data.splitlines()


def _header(line: bytes) -> Mapping[str, object]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise HistoryError("This file is no export of the playground's history. Choose one that Export made.")
    version = header.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise HistoryError(
            "This export has format {found}, and this playground reads up to {known}. Update the playground.",
            found=version,
            known=VERSION,
        )
    return {"n_runs": header.get("n_runs")}


def _take(line: object, texts: dict[str, str], runs: list[NewRun]) -> None:
    """Add one line, a text or a run, to what was read so far."""
    if not isinstance(line, dict) or len(line) != 1:
        raise ValueError("neither a text nor a run")
    if "text" in line:
        text = line["text"]
        if not isinstance(text, str) or text != manifests.clean(text):
            raise ValueError("a text that cannot be stored")
        texts[manifests.hash_of(text)] = text
        return
    runs.append(_run(line["run"], texts))


def _run(run: Mapping[str, object], texts: Mapping[str, str]) -> NewRun:
    origin, note, starred = run["origin"], run["note"], run["starred"]
    if not isinstance(origin, str) or not isinstance(note, str) or not isinstance(starred, bool):
        raise ValueError("a run with fields of the wrong kind")
    created_at = datetime.fromisoformat(str(run["created_at"]))
    if created_at.tzinfo is None:
        raise ValueError("a time without a zone")
    created_at = created_at.astimezone(UTC)
    manifest = manifests.join(json.dumps(run["manifest"]), texts)
    return replace(
        new_run(manifest, manifests.clean(origin)[:200], created_at), note=manifests.clean(note), starred=starred
    )


def new_run(manifest: Mapping[str, object], origin: str, created_at: datetime | None = None) -> NewRun:
    """A manifest made ready to be stored.

    Args:
        created_at: None takes the manifest's own moment.
    Raises:
        TypeError: the manifest holds something that JSON does not.
    """
    facts = manifests.facts(manifest)
    if created_at is not None:
        facts = replace(facts, created_at=created_at)
    return NewRun(origin, facts, manifests.split(manifest, (facts.query, *facts.passages)))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON at column {error.colno}"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
