"""Everything of one person as one file: gzip over JSON lines.

Line 1 is the header. A text comes before the first line that names it: runs name theirs by hash, all others by its
number among the texts of the file, from 0. The lines of a set are the set and its queries, those of scores the scorer
and its scores. Runs stand last. Format 1 held texts and runs only.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.scales import Scale
from playground.core.thresholds import Threshold
from playground.core.types import EMPTY, ModelSpec, Passage
from playground.history import domain, manifests, set_rows
from playground.history.pairs import Pair, original
from playground.history.records import NewRun, select, texts_of

FORMAT = "rerank-playground-history"
VERSION = 2
MAX_IMPORT_MIB = 512
TEXTS = ("text", "exact")
GZIP_MAGIC = b"\x1f\x8b"

SETS = """
    SELECT number, id, name, origin, created_at FROM sets WHERE owner = ? AND deleted_at IS NULL
    ORDER BY created_at, number
"""
PAIR = """
    SELECT query.text, passage.text, {columns} FROM {table} JOIN pairs ON pairs.id = {table}.pair
    JOIN pair_texts AS query ON query.id = pairs.query_id JOIN pair_texts AS passage ON passage.id = pairs.passage_id
    WHERE {where} ORDER BY {order}
"""
LABELS = PAIR.format(columns="grade, source, at", table="labels", where="owner = ?", order="number")
SCORERS = "SELECT number, spec, scale, instruction FROM scorers WHERE owner = ? ORDER BY number"
SCORES = PAIR.format(columns="logit, scored_at", table="scores", where="scorer = ?", order="pair")
THRESHOLDS = "SELECT body FROM thresholds WHERE owner = ? AND deleted_at IS NULL ORDER BY saved_at, number"
RUNS = "runs.owner = :owner AND runs.deleted_at IS NULL ORDER BY runs.created_at, runs.number"


@dataclass(frozen=True, slots=True)
class NewSet:
    """A labelled set on its way in; its labels come by themselves.

    Attributes:
        origin: the id under which it was first saved, anywhere.
        queries: by id.
    """

    origin: str
    name: str
    created_at: datetime
    queries: dict[str, LabelledQuery] = field(default_factory=dict)

    @property
    def labelled(self) -> LabelledSet:
        return LabelledSet("", self.name, tuple(self.queries.values()))


@dataclass(frozen=True, slots=True)
class NewScores:
    """What one model gave to pairs: raw outputs, and when, in microseconds since 1970."""

    spec: ModelSpec
    scale: Scale
    instruction: str
    scores: dict[Pair, tuple[float, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an exported file holds."""

    runs: list[NewRun] = field(default_factory=list)
    sets: list[NewSet] = field(default_factory=list)
    labels: dict[Pair, Label] = field(default_factory=dict)
    scores: list[NewScores] = field(default_factory=list)
    thresholds: list[Threshold] = field(default_factory=list)


class _Lines:
    """Lines of an export; each text is written once, before it is first named."""

    def __init__(self, outward: Callable[[str], str]) -> None:
        self.written: list[str] = []
        self._outward = outward
        self._numbers: dict[str, int] = {}

    def add(self, kind: str, value: object) -> None:
        line = json.dumps({kind: value}, separators=(",", ":"))
        self.written.append(line if kind in TEXTS else self._outward(line))

    def text(self, text: str) -> int:
        """The number of a text."""
        if text not in self._numbers:
            # A text that runs cannot hold either: with NUL or lone surrogates, which JSON can.
            self.add(TEXTS[text != manifests.clean(text)], text)
            self._numbers[text] = len(self._numbers)
        return self._numbers[text]


def export(db: Database, owner: str, outward: Callable[[str], str]) -> bytes:
    """Everything of `owner` that is not deleted; all lines but those of texts as `outward` makes them."""
    lines = _Lines(outward)
    _add_sets(lines, db, owner)
    for query, passage, *label in db.execute(LABELS, [owner]).fetchall():
        lines.add("label", [lines.text(original(query)), lines.text(original(passage)), *label])
    for number, spec, scale, instruction in db.execute(SCORERS, [owner]).fetchall():
        whose = {"spec": json.loads(spec), "scale": json.loads(scale), "instruction": original(instruction)}
        lines.add("scorer", whose)
        for query, passage, *score in db.execute(SCORES, [number]).fetchall():
            lines.add("score", [lines.text(original(query)), lines.text(original(passage)), *score])
    for (body,) in db.execute(THRESHOLDS, [owner]).fetchall():
        lines.add("threshold", json.loads(body))
    n_runs = _add_runs(lines, db, owner)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    header = {"format": FORMAT, "version": VERSION, "exported_at": now, "n_runs": n_runs, "n_lines": len(lines.written)}
    target = io.BytesIO()
    with gzip.open(target, "wt", encoding="ascii", newline="\n") as file:
        for line in (json.dumps(header, separators=(",", ":")), *lines.written):
            file.write(line + "\n")
    return target.getvalue()


def _add_sets(lines: _Lines, db: Database, owner: str) -> None:
    for number, id, name, origin, created_at in db.execute(SETS, [owner]).fetchall():
        lines.add("set", {"origin": origin, "name": name, "created_at": created_at})
        for query in set_rows.read(db, owner, number, id, name).queries:
            passages = [
                [passage.id, lines.text(passage.text), passage.label, dict(passage.meta) or None]
                for passage in query.passages
            ]
            lines.add("query", {"id": query.id, "text": lines.text(query.query), "passages": passages})


def _add_runs(lines: _Lines, db: Database, owner: str) -> int:
    found = list(select(db, RUNS, {"owner": owner}, ", runs.origin, runs.manifest"))
    for row in found:
        for text in texts_of(db, int(str(row["number"]))).values():
            lines.text(text)
        names = ("origin", "created_at", "note")
        run = {name: row[name] for name in names} | {"starred": bool(row["starred"])}
        lines.add("run", run | {"manifest": json.loads(str(row["manifest"]))})
    return len(found)


def read(source: Path | bytes) -> Contents:
    """What a file holds that `export` made, unpacked by a browser or not.

    Raises:
        HistoryError: the file cannot be read, is no export, is newer than this program, or is damaged (with the line).
    """
    lines = _unpacked(source)
    header = _header(lines[0] if lines else b"")
    reader = _Reader()
    for number, line in enumerate(lines[1:], start=2):
        try:
            reader.take(json.loads(line))
        except (
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            OverflowError,
            RecursionError,
            InvalidInput,
        ) as error:
            raise HistoryError(
                "Line {line} of the file is damaged ({detail}). Nothing was imported; export it again.",
                line=number,
                detail=_reason(error),
            ) from error
    contents = reader.contents
    n_runs = len(contents.runs)
    if n_runs != header["n_runs"]:
        raise HistoryError(
            "The file ends after {found} of {expected} runs. Nothing was imported; export it again.",
            found=n_runs,
            expected=header["n_runs"],
        )
    if len(lines) - 1 != header.get("n_lines", len(lines) - 1):
        raise HistoryError(
            "The file holds {found} of {expected} lines. Nothing was imported; export it again.",
            found=len(lines) - 1,
            expected=header["n_lines"],
        )
    return contents


class _Reader:
    """Takes an export in, line by line."""

    def __init__(self) -> None:
        self.contents = Contents()
        self._texts: list[str] = []
        self._by_hash: dict[str, str] = {}
        self._take: dict[str, Callable[[Any], None]] = {
            "text": self._text,
            "exact": self._exact,
            "set": self._set,
            "query": self._query,
            "label": self._label,
            "scorer": self._scorer,
            "score": self._score,
            "threshold": self._threshold,
            "run": self._run,
        }

    def take(self, line: object) -> None:
        """Add one line to what was read so far."""
        if not isinstance(line, dict) or len(line) != 1 or not line.keys() <= self._take.keys():
            raise ValueError("neither a text nor a run nor anything else that is known")
        ((kind, value),) = line.items()
        self._take[kind](value)

    def _text(self, text: object) -> None:
        if not isinstance(text, str) or text != manifests.clean(text):
            raise ValueError("a text that cannot be stored")
        self._texts.append(text)
        self._by_hash[manifests.hash_of(text)] = text

    def _exact(self, text: object) -> None:
        self._texts.append(_string(text))

    def _set(self, found: Mapping[str, object]) -> None:
        origin, name = (manifests.clean(_string(found[key]))[:200] for key in ("origin", "name"))
        self.contents.sets.append(NewSet(origin, name, _moment(found["created_at"])))

    def _query(self, found: Mapping[str, Any]) -> None:
        passages = tuple(
            Passage(_string(id), self._named(text), _yes_no(said), dict(meta) if meta else EMPTY)
            for id, text, said, meta in found["passages"]
        )
        id, queries = _string(found["id"]), self.contents.sets[-1].queries
        if id in queries:
            raise ValueError("two queries of one set with the same id")
        queries[id] = LabelledQuery(id, self._named(found["text"]), passages, (None,) * len(passages))

    def _label(self, found: list[Any]) -> None:
        query, passage, grade, source, at = found
        if type(grade) is not int or source not in ("human", "imported"):
            raise ValueError("a label with fields of the wrong kind")
        self.contents.labels[self._named(query), self._named(passage)] = Label(grade, source, _moment(at))

    def _scorer(self, found: Mapping[str, object]) -> None:
        spec, scale = domain.spec_of(json.dumps(found["spec"])), domain.scale_of(json.dumps(found["scale"]))
        self.contents.scores.append(NewScores(spec, scale, _string(found["instruction"])))

    def _score(self, found: list[Any]) -> None:
        query, passage, logit, at = found
        if not _is_finite(logit) or type(at) is not int:
            raise ValueError("a score with fields of the wrong kind")
        self.contents.scores[-1].scores[self._named(query), self._named(passage)] = (float(logit), at)

    def _threshold(self, found: object) -> None:
        threshold = domain.threshold_of(json.dumps(found))
        if not _is_finite(threshold.value) or threshold.saved_at.tzinfo is None:
            raise ValueError("a threshold with fields of the wrong kind")
        _string(threshold.name)
        self.contents.thresholds.append(threshold)

    def _run(self, found: Mapping[str, object]) -> None:
        self.contents.runs.append(_run(found, self._by_hash))

    def _named(self, number: object) -> str:
        if type(number) is not int or number < 0:
            raise ValueError("a text without a number")
        return self._texts[number]


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text that is none")
    return value


def _yes_no(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError("a label with fields of the wrong kind")
    return value


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


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
            "The file is damaged or only half there ({detail}). Nothing was imported; export it again.",
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
    return header


def _run(run: Mapping[str, object], texts: Mapping[str, str]) -> NewRun:
    origin, note, starred = run["origin"], run["note"], run["starred"]
    if not isinstance(origin, str) or not isinstance(note, str) or not isinstance(starred, bool):
        raise ValueError("a run with fields of the wrong kind")
    created_at = _moment(run["created_at"])
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
