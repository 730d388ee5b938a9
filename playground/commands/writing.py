"""Results on stdout: tables for people, JSON lines, JSON and CSV for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground import terminal
from playground.analysis.naming import run_names
from playground.cli import WrongValueError
from playground.core.thresholds import Threshold
from playground.core.types import (
    CompareProgress,
    Comparison,
    EmbeddingResult,
    ModelChoice,
    ModelRun,
    ModelSpec,
    Passage,
    Progress,
    RerankResult,
    Step,
    TextRead,
)
from playground.engine import comparison_record, exports
from playground.engine.texts import TextVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Format = Literal["table", "jsonl", "json", "csv"]
# The long table's words for the numbers, as the API and the files of scores have them.
NAMES = {"raw": "logit", "shown": "score"}
DIM_SHOWN = 4
MOST_ID_CHARS = 24

S = TypeVar("S", Progress, Step[EmbeddingResult], Step[TextVectors], CompareProgress)
Embedded: TypeAlias = "tuple[Passage, NDArray[np.float32], TextRead]"


def chosen(format: str, as_json: bool, allowed: Sequence[str] = get_args(Format)) -> str:
    """The format.

    Raises:
        WrongValueError: there is no such format.
    """
    name = "jsonl" if as_json else format
    if name not in allowed:
        raise WrongValueError(f"--format {name}: choose one of {', '.join(allowed)}.")
    return name


def ranking(result: RerankResult, choice: ModelChoice, format: str, threshold: Threshold | None) -> None:
    """One ranking, best first, with what is kept by the threshold."""
    if format == "json":
        sys.stdout.write(exports.to_json(result, choice))
    elif format == "csv":
        sys.stdout.write(exports.to_csv(result))
    elif format == "jsonl":
        # What was left out has no place in it, and would stand there as missing.
        whole = Comparison(result.request, (ModelRun(choice, result),))
        _lines(row for row in _rows(whole, threshold) if row["rank"] is not None)
    else:
        shown = [result.scale.name] if result.scale.activation == "identity" else [result.scale.name, "sigmoid"]
        keep = [] if threshold is None else ["keep"]
        table = _table(["rank", *shown, "read", "cut", *keep, "id"], "passage")
        for one in result:
            numbers = [f"{one.logit:.3f}", f"{one.score:.3f}"][: len(shown)]
            kept = [] if threshold is None else ["yes" if one.logit >= threshold.value else "no"]
            _row(table, [f"{one.rank}{'=' * one.tied}", *numbers, one.n_tokens, one.n_cut, *kept, *_texts(one.passage)])
        _print(table)
        print(f"{_told(result.spec)}, {result.scale.name}; {len(result):,} passages in {result.seconds:.2f} s")


def comparison(found: Comparison, format: str, top_n: int | None) -> None:
    """The rank of each passage in each model; or one row per model and passage."""
    if format == "json":
        sys.stdout.write(comparison_record.to_json(found))
    elif format == "csv":
        sys.stdout.write(comparison_record.to_csv(found))
    elif format == "jsonl":
        _lines(row for row in _rows(found, None) if top_n is None or not row["rank"] or int(str(row["rank"])) <= top_n)
    else:
        _ranks(found, top_n)


def vectors(
    texts: Sequence[Embedded],
    spec: ModelSpec,
    seconds: float,
    format: str,
    query: NDArray[np.float32] | None = None,
) -> None:
    """The vector of each text; in a table beside its cosine with that of the query, where there is one."""
    if format == "jsonl":
        ran = {"model": spec.model_id, "revision": spec.revision, "fingerprint": spec.fingerprint}
        ran |= {"device": spec.device, "precision": spec.precision}
        _lines(
            {"id": passage.id, "vector": vector.tolist(), "tokens_read": read.n_tokens, "tokens_cut": read.n_cut}
            | {"text": passage.text, **ran}
            for passage, vector, read in texts
        )
        return
    cosine = [] if query is None else ["cosine"]
    table = _table(["read", "cut", *cosine, f"first {DIM_SHOWN} of {texts[0][1].size}", "id"], "text")
    for passage, vector, read in texts:
        near = [] if query is None else [f"{float(vector @ query):.3f}"]
        numbers = " ".join(f"{value:+.3f}" for value in vector[:DIM_SHOWN])
        _row(table, [read.n_tokens, read.n_cut, *near, numbers, *_texts(passage)])
    _print(table)
    print(f"{_told(spec)}; {len(texts):,} texts in {seconds:.2f} s")


def watched(steps: Iterable[S]) -> S:
    """The last step; where a person looks on, what goes on is said in a line that goes again."""
    last: S | None = None
    looks_on = sys.stderr.isatty()
    for last in steps:
        step = last.step if isinstance(last, CompareProgress) else last
        if looks_on and step.phase in ("resolve", "download", "load", "check", "score"):
            n = f" {step.done * 100 // step.total} %" if step.total else ""
            print(f"\r\x1b[K{step.phase}{n} ", end="", file=sys.stderr, flush=True)
    if looks_on:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    assert last is not None
    return last


def _rows(found: Comparison, threshold: Threshold | None) -> Iterator[dict[str, object]]:
    """The long table, with the fingerprint of each model and what the threshold keeps."""
    by_model = iter(found.runs)
    run, left = next(by_model), len(found.request.passages)
    for row in comparison_record.rows(found):
        if not left:
            run, left = next(by_model), len(found.request.passages)
        left -= 1
        named = {NAMES.get(name, name): value for name, value in row.items()}
        named["fingerprint"] = None if run.result is None else run.result.spec.fingerprint
        if threshold is not None and row["raw"] is not None:
            named["keep"] = float(str(row["raw"])) >= threshold.value
        yield named


def _ranks(found: Comparison, top_n: int | None) -> None:
    names = run_names(found.runs)
    table = _table([*names, "id"], "passage")
    ranks = [{} if run.result is None else {one.index: one.rank for one in run.result} for run in found.runs]
    order = sorted(
        range(len(found.request.passages)), key=lambda index: [own.get(index, len(own) + 1) for own in ranks]
    )
    for index in order:
        own = [rank.get(index) for rank in ranks]
        if top_n is None or any(rank is not None and rank <= top_n for rank in own):
            _row(table, [*("" if rank is None else rank for rank in own), *_texts(found.request.passages[index])])
    _print(table)
    for name, run in zip(names, found.runs, strict=True):
        if run.result is not None:
            print(f"{name}: {_told(run.result.spec)}, {run.result.scale.name}; {run.result.seconds:.2f} s")


def _lines(rows: Iterable[dict[str, object]]) -> None:
    for row in rows:
        print(json.dumps(row, ensure_ascii=False, allow_nan=False))


def _table(numbers: Sequence[str], text: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in numbers:
        table.add_column(terminal.plain(name), justify="left" if name == "id" else "right", no_wrap=True)
    table.add_column(text)
    return table


def _row(table: Table, cells: Sequence[object]) -> None:
    # As texts, because rich would read commands in square brackets out of strings. The last one gives way: its column
    # may wrap, so rich makes that one narrower, but the text itself may not.
    table.add_row(*(Text(str(cell), no_wrap=True, overflow="ellipsis") for cell in cells))


def _texts(passage: Passage) -> tuple[str, str]:
    id = terminal.plain(passage.id)
    return id if len(id) <= MOST_ID_CHARS else f"{id[:MOST_ID_CHARS]}…", terminal.plain(passage.text)


def _print(table: Table) -> None:
    Console(file=sys.stdout).print(table)


def _told(spec: ModelSpec) -> str:
    revision = "" if spec.revision is None else f"@{spec.revision[:8]}"
    return f"{spec.model_id}{revision} ({spec.fingerprint[:8]}), {spec.runs}"
