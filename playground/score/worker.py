"""One loaded model, and blocks that become files of scores."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from playground import start
from playground.core.errors import InvalidInput, ModelBroken
from playground.core.labels import LabelledQuery, LabelledSet, SetScores
from playground.core.limits import MAX_PAIRS, MAX_PASSAGE_CHARS, MAX_QUERY_CHARS, Limits
from playground.core.types import ModelChoice, ModelSpec, Passage
from playground.inputs.keyed_items import is_blank
from playground.inputs.labelled_sets.sources import RAN
from playground.remote.backend import Read
from playground.score import corpus, output
from playground.score.corpus import Block

if TYPE_CHECKING:
    from playground.engine.set_scoring import SetStep

# One query may have all passages of a block.
MOST_ROWS = MAX_PAIRS
LIMITS = Limits(passages=MOST_ROWS, total_chars=MOST_ROWS * MAX_PASSAGE_CHARS)

NAMES = pa.dictionary(pa.int32(), pa.string())
NUMBERS = (("score", pa.float64()), ("logit", pa.float32()), ("tokens_read", pa.int32()), ("tokens_cut", pa.int32()))
RUN = ("model", "revision", "fingerprint", "scale", "device", "precision")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker is told.

    Attributes:
        columns: as `Corpus.columns`.
        fingerprint: of the model that the first machine found; another is refused.
        folder: where the files of finished blocks go.
    """

    columns: tuple[tuple[str, str], ...]
    choice: ModelChoice
    instruction: str | None
    offline: bool
    fingerprint: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """A block whose file is on the disk.

    Attributes:
        seconds: of scoring and writing, without loading the model.
    """

    number: int
    n_pairs: int
    seconds: float
    warnings: tuple[str, ...] = ()


class Worker:
    """Scores blocks, one after another, with a model that it loads at the first.

    Args:
        stop: ends it within a batch.
    """

    def __init__(self, job: Job, stop: threading.Event | None = None) -> None:
        os.environ.update(start.ENVIRONMENT)
        from playground.engine.engine import Engine

        self._job = job
        self._stop = stop or threading.Event()
        self._precision: str | None = None
        self._engine = Engine(offline=job.offline, limits=LIMITS)

    def score(self, block: Block) -> Finished:
        """Scores a block and writes its file.

        Raises:
            PlaygroundError: a sentence that says what happened and what to try. The block has no file then.
            KeyboardInterrupt: it was stopped; then, too.
        """
        began = time.perf_counter()
        rows = corpus.read(block, self._job.columns)
        pairs = _pairs(rows, block)
        found = dict[Pair, tuple[float, Read]]()
        last: SetStep | None = None
        labelled = _as_set([pair for pair in pairs if isinstance(pair, tuple)], block)
        if labelled.queries:
            choice, instruction = self._job.choice, self._job.instruction
            for last in self._engine.score_set(labelled, choice, instruction=instruction, stop=self._stop):
                if last.spec is None:
                    began = time.perf_counter()
                    continue
                self._check(last.spec)
                for (query, text, logit), read in zip(last.scored, last.read, strict=True):
                    found[query, text] = logit, read
        if self._stop.is_set():
            raise KeyboardInterrupt
        ran = None
        if last is not None and last.spec is not None and last.scale is not None:
            ran = SetScores(last.spec, last.scale, last.instruction, ())
        table = _with_scores(rows, pairs, found, ran)
        output.write(output.part(self._job.folder, block.number), [table], table.schema)
        seconds = time.perf_counter() - began
        return Finished(block.number, len(pairs), seconds, () if last is None else last.warnings)

    def _check(self, spec: ModelSpec) -> None:
        if spec.fingerprint != self._job.fingerprint:
            raise ModelBroken(
                "The weights of {model} here ({now}) are not those that this run began with ({was}).",
                model=spec.model_id,
                now=spec.fingerprint[: output.SHORT],
                was=self._job.fingerprint[: output.SHORT],
            )
        if self._precision is None:
            self._precision = output.settled(self._job.folder, spec.precision)
        if spec.precision != self._precision:
            raise ModelBroken(
                "{model} runs in {now} here, and this run began in {was}. The same command goes on in {was}, where "
                "that can be.",
                model=spec.model_id,
                now=spec.precision,
                was=self._precision,
            )


def _pairs(rows: pa.Table, block: Block) -> list[Pair | str]:
    """Query and passage of each row, or why it cannot be scored."""
    try:
        queries, passages = rows["query"].to_pylist(), rows["passage"].to_pylist()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "{file}, rows {first:,} to {last:,}: a text is not UTF-8.",
            file=Path(block.file).name,
            first=block.first + 1,
            last=block.first + block.n_rows,
        ) from error
    return [
        _problem("query", query, MAX_QUERY_CHARS) or _problem("passage", passage, MAX_PASSAGE_CHARS) or (query, passage)
        for query, passage in zip(queries, passages, strict=True)
    ]


def _problem(name: str, text: str | None, limit: int) -> str:
    if text is None or is_blank(text):
        return f"no {name}"
    return f"{name} over {limit:,} characters" if len(text) > limit else ""


def _as_set(pairs: Sequence[Pair], block: Block) -> LabelledSet:
    """The pairs by query, each once."""
    by_query: dict[str, dict[str, None]] = {}
    for query, passage in pairs:
        by_query.setdefault(query, {})[passage] = None
    queries = []
    for number, (query, texts) in enumerate(by_query.items(), 1):
        passages = tuple(Passage(str(place), text) for place, text in enumerate(texts, 1))
        queries.append(LabelledQuery(f"{number} of block {block.number}", query, passages, (None,) * len(passages)))
    return LabelledSet("", "", tuple(queries))


def _with_scores(
    rows: pa.Table, pairs: Sequence[Pair | str], found: dict[Pair, tuple[float, Read]], ran: SetScores | None
) -> pa.Table:
    """The rows with everything that is needed to read their numbers. What has no score has nulls, and its reason.

    Args:
        ran: what gave the scores; None where no pair has one.
    """
    own = [found[pair] if isinstance(pair, tuple) else None for pair in pairs]
    display = float if ran is None else ran.scale.display
    numbers = [
        [None if one is None else display(one[0]) for one in own],
        [None if one is None else one[0] for one in own],
        [None if one is None else one[1].n_tokens for one in own],
        [None if one is None else one[1].n_cut for one in own],
    ]
    problems = [pair if isinstance(pair, str) else None for pair in pairs]
    same: Sequence[str | None] = [None] * len(RUN)
    if ran is not None:
        spec = ran.spec
        same = [spec.model_id, spec.revision, spec.fingerprint, ran.scale.name, spec.device, spec.precision]
    for (name, type), values in zip(NUMBERS, numbers, strict=True):
        rows = rows.append_column(name, pa.array(values, type))
    rows = rows.append_column("problem", pa.array(problems, pa.string()))
    for name, value in zip(RUN, same, strict=True):
        once = pa.array([value], pa.string()).dictionary_encode().cast(NAMES)
        rows = rows.append_column(name, once.take(pa.array([0] * len(rows))))
    return rows.replace_schema_metadata({} if ran is None else {RAN: json.dumps(asdict(ran))})
