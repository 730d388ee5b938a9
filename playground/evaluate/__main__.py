"""Evaluates rerankers as the field does: `python -m playground.evaluate DATA --model ID`.

DATA is a reranking task (a query, what is relevant, what is not) or a retrieval task (corpus, queries, qrels): a
folder, files, the id of a data set on the Hub, or what comes with the project. A retrieval task is searched first, by
BM25, an embedder or another program's run, and the models rerank what was found.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from playground import start, terminal
from playground.cli import WrongValueError
from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.evaluation import EvaluationTask, Run
from playground.core.limits import LOCAL
from playground.core.types import ModelChoice, Phase
from playground.engine.engine import Engine
from playground.evaluate import results, stages, table, tasks
from playground.history.sets import SetStore
from playground.inputs.labelled_sets.trec import read_run
from playground.inputs.labelled_sets.writing import run_text
from playground.models import bm25
from playground.models.catalog import BUILT_IN_RERANKER
from playground.models.named import parse_choice
from playground.settings import Settings
from playground.terminal import Asked

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

# One's own machine: as much as fits into memory.
LIMITS = replace(LOCAL, pairs=20_000_000, set_chars=4_000_000_000, total_chars=4_000_000_000, passages=1_000_000)
DEPTH = 100


@app.command()
def evaluate(
    data: Annotated[
        list[str], typer.Argument(help="A folder, files, a Hub id, or a name that comes with the project.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="Hub id, folder or catalogue id; give it several times.", show_default=BUILT_IN_RERANKER),
    ] = None,
    retriever: Annotated[
        str, typer.Option(metavar="bm25|EMBEDDER", help="First stage of a retrieval task.")
    ] = bm25.MODEL_ID,
    depth: Annotated[int, typer.Option(min=1, metavar="N", help="Passages that the first stage brings.")] = DEPTH,
    run: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TREC run of another retriever, as the first stage.")
    ] = None,
    beside: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A TREC run to be laid beside; give it several times.")
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, dev, ...", show_default="test, if there")] = "",
    subset: Annotated[str, typer.Option(metavar="NAME", help="Such as en, of a task in several languages.")] = "",
    queries: Annotated[int | None, typer.Option(min=1, metavar="N", help="The first N only.")] = None,
    relevant_from: Annotated[int, typer.Option(min=1, max=3, metavar="GRADE", help="What counts as relevant.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="For results.json, a run of each model, and scores to go on from."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and not a table.")] = False,
    device: terminal.Device = None,
    precision: terminal.Precision = None,
    max_length: terminal.MaxLength = None,
    instruction: terminal.Instruction = None,
    windows: terminal.InWindows = None,
    overlap: terminal.Overlap = None,
    windows_by: terminal.WindowsBy = None,
    offline: terminal.Offline = False,
) -> None:
    """MAP and MRR of a reranking task as MTEB counts them; of a retrieval task NDCG, MRR, MAP and recall."""
    from playground.history.store import HistoryStore

    asked = Asked(device, precision, max_length, instruction, windows, overlap, windows_by, offline)
    settings = asked.settings()
    progress = _Progress()
    task = tasks.open_task(
        data,
        split=split,
        subset=subset,
        offline=settings.offline,
        limits=LIMITS,
        on_progress=lambda phase, done, total: progress.say("task", phase, done, total),
    )
    task = task if queries is None else tasks.first_queries(task, queries)
    if task.candidates is not None and (run is not None or retriever != bm25.MODEL_ID):
        raise WrongValueError("--run and --retriever are of a retrieval task; this one brings its candidates.")
    for note in task.notes:
        terminal.note(note)
    engine = Engine(offline=settings.offline, limits=LIMITS)
    names = list(dict.fromkeys(model or settings.models or (BUILT_IN_RERANKER,)))
    with _folder(out) as folder:
        store = HistoryStore(folder / "scores.db").sets
        found: list[results.Row] = []
        first, candidates = None, task.candidates
        if candidates is None:
            first = _first_stage(task, engine, settings, asked, retriever, depth, run, folder, progress)
            candidates = {id: tuple(scores) for id, scores in first[1].items()}
            found.append(results.row(task, *first, depth=depth, relevant_from=relevant_from))
        shown_depth = None if first is None else depth
        for path in beside or ():
            found.append(results.row(task, path.name, _run(task, path), depth=shown_depth, relevant_from=relevant_from))
        for name in names:
            choice = asked.choice(name, engine.kind_of(*parse_choice(name)), settings)
            scored = _scored(name, choice, task, candidates, engine, store, progress, instruction)
            found.append(results.row(task, name, scored.run, scored, shown_depth, relevant_from))
        whole = results.evaluation(task, found, first is not None, shown_depth)
        if out is not None:
            _write(whole, folder)
    if as_json:
        print(json.dumps(results.record(whole), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        table.show(whole)


def _first_stage(
    task: EvaluationTask,
    engine: Engine,
    settings: Settings,
    asked: Asked,
    retriever: str,
    depth: int,
    run: Path | None,
    folder: Path,
    progress: _Progress,
) -> tuple[str, Run]:
    if run is not None:
        return run.name, _run(task, run, depth)
    embed = None
    with start.stop_signals() as stop:
        if retriever != bm25.MODEL_ID:
            choice = replace(asked.choice(retriever, "embedder", settings), max_length=None, windows=None)
            embed = engine.embedder(choice, stop)
        found = None
        for now in stages.retrieve(task, depth, folder / "indexes", embed, stop):
            found = now.run
            progress.say(retriever, now.phase, now.done, now.total)
    progress.end()
    if found is None or stop.is_set():
        raise KeyboardInterrupt
    return retriever, found


def _run(task: EvaluationTask, path: Path, depth: int | None = None) -> Run:
    run, n_other = stages.of_task(task, read_run(path, LIMITS), depth)
    if n_other:
        terminal.note(
            f"{path.name}: lines of queries or passages that {task.name} does not have, left out: {n_other:,}."
        )
    return run


def _scored(
    name: str,
    choice: ModelChoice,
    task: EvaluationTask,
    candidates: stages.Candidates,
    engine: Engine,
    store: SetStore,
    progress: _Progress,
    instruction: str | None,
) -> stages.Scored:
    scored = None
    with start.stop_signals() as stop:
        for now in stages.rerank(task, candidates, engine, choice, instruction=instruction, store=store, stop=stop):
            scored = now.scored
            progress.say(name, now.step.phase, now.step.done, now.step.total, now.step.seconds_left)
    progress.end()
    if scored is None or stop.is_set():
        raise KeyboardInterrupt
    for warning in scored.warnings:
        terminal.note(f"{name}: {warning}")
    return scored


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Where scores and indexes are kept: in the folder named, or nowhere for long."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="evaluation-") as folder:
            yield Path(folder)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput("The folder {name} cannot be made: {reason}.", name=out, reason=error.strerror) from error
    yield out


def _write(found: results.Evaluation, folder: Path) -> None:
    files = {"results.json": json.dumps(results.record(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"}
    for one in found.rows:
        files[f"{_file_name(one.name)}.trec"] = run_text(one.run, one.name)
    try:
        for name, text in files.items():
            half = folder / f"{name}.half"
            half.write_text(text, encoding="utf-8", newline="")
            half.replace(folder / name)
    except OSError as error:
        raise PlaygroundError("{folder} cannot be written: {reason}.", folder=folder, reason=error.strerror) from error


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name).strip(".-") or "run"


class _Progress:
    """One line on stderr that goes again where a person looks on; a line now and then where none does."""

    def __init__(self) -> None:
        self._looks_on = sys.stderr.isatty()
        self._said = ""

    def say(self, name: str, phase: Phase | str, done: int, total: int, seconds_left: float | None = None) -> None:
        share = f" {done * 100 // total} %" if total else ""
        left = "" if not seconds_left else f", {seconds_left:.0f} s left"
        if self._looks_on:
            print(f"\r\x1b[K{terminal.plain(name)}: {phase}{share}{left}", end="", file=sys.stderr, flush=True)
            return
        # A log gets a line for every tenth.
        tenth = f"{name} {phase} {done * 10 // total if total else 0}"
        if phase in ("score", "embed", "download") and total and tenth != self._said:
            self._said = tenth
            print(f"{terminal.plain(name)}: {phase} {done:,} of {total:,}{left}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._looks_on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: see `terminal.run`."""
    return terminal.run(app, "python -m playground.evaluate", argv)


if __name__ == "__main__":
    start.leave(main())
