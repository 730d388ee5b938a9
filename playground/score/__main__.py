"""Scores a corpus: `python -m playground.score corpus.parquet --model built-in/mini-reranker --out scores.parquet`.

Every pair of a query and a passage gets its score, with the model that gave it. A run that was ended goes on where it
stopped when the same command is given again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from playground import start, terminal
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice
from playground.models import bm25
from playground.models.catalog import BUILT_IN_RERANKER
from playground.models.named import parse_choice
from playground.remote.address import is_remote
from playground.score import output, runners
from playground.score.corpus import Corpus, open_corpus
from playground.score.worker import MOST_ROWS, Finished, Job
from playground.settings import Settings
from playground.terminal import Asked

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

BLOCK_ROWS = 10_000
REPORT_SECONDS = 2.0


@app.command()
@terminal.with_options()
def score(
    files: Annotated[list[Path], typer.Argument(help="Parquet files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    model: Annotated[
        str | None, typer.Option(help="Hub id, folder or catalogue id.", show_default=BUILT_IN_RERANKER)
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of the queries.", show_default="query")] = None,
    passage: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of the passages.", show_default="passage")
    ] = None,
    id: Annotated[str | None, typer.Option(metavar="COLUMN", help="Of ids.", show_default="id, if there")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of labels.", show_default="label, if there")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of Ray.", show_default="this one")] = None,
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster whose machines all see the files.")] = None,
    block_rows: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="Pairs that are kept together.")] = BLOCK_ROWS,
    *,
    asked: Asked,
) -> None:
    """Score millions of pairs; on a cluster, or on this machine."""
    settings = asked.settings()
    given = {"query": query, "passage": passage, "id": id, "label": label}
    found = open_corpus(files, {own: name for own, name in given.items() if name is not None}, block_rows)
    model = asked.named(model, settings)
    choice = _choice(asked, model, settings)
    fingerprint = _fingerprint(choice, settings.offline)
    kept = output.Output(out, _record(found, block_rows, choice, fingerprint, asked.instruction))
    if kept.is_whole():
        print(f"{out} is finished: {found.n_pairs:,} pairs.", file=sys.stderr)
        return
    with kept.claimed() as finished:
        left = [block for block in found.blocks if block.number not in finished]
        n_left = sum(block.n_rows for block in left)
        if finished:
            print(f"{found.n_pairs - n_left:,} of {found.n_pairs:,} pairs are scored already.", file=sys.stderr)
        # What is left runs as what is finished did, whatever auto would take now.
        choice = replace(choice, precision=kept.ran_in() or choice.precision)
        job = Job(found.columns, choice, asked.instruction, settings.offline, fingerprint, kept.folder)
        on_ray = workers is not None or address is not None
        run = runners.on_ray(job, left, workers, address) if on_ray else runners.here(job, left)
        try:
            _report(run if left else iter(()), n_left)
        except KeyboardInterrupt:
            kept_now = f"{len(kept.finished()):,} of {len(found.blocks):,} blocks are kept"
            print(f"{kept_now}: the same command goes on from there.", file=sys.stderr)
            raise
        n_unscored = kept.finish(len(found.blocks))
    if n_unscored:
        terminal.note(f"{n_unscored:,} pairs have no score; the column problem says why.")
    print(f"{out}: {found.n_pairs:,} pairs, scored by {model} ({fingerprint[: output.SHORT]}).", file=sys.stderr)


def _choice(asked: Asked, model: str, settings: Settings) -> ModelChoice:
    """The model, of the kind that its files say.

    Raises:
        PlaygroundError: it cannot be found or read, runs elsewhere, or its scores depend on what else is in a block.
    """
    from playground.models import resolve

    model_id, revision = parse_choice(model)
    if model_id == bm25.MODEL_ID:
        raise InvalidInput("BM25 scores depend on all passages beside a passage, so a corpus in blocks has none.")
    if is_remote(model_id):
        raise InvalidInput("Models on other machines are not scored in blocks. Choose a model that runs here.")
    return asked.choice(model, resolve.kind_of(model_id, revision, offline=settings.offline), settings)


def _fingerprint(choice: ModelChoice, offline: bool) -> str:
    """Of the model's files, which are downloaded if need be; nothing is loaded."""
    from playground.models.resolve import resolve
    from playground.models.spec import fingerprint_of

    return fingerprint_of(resolve(choice, offline=offline))


def _record(
    corpus: Corpus, block_rows: int, choice: ModelChoice, fingerprint: str, instruction: str | None
) -> output.Record:
    return output.Record(
        corpus=corpus.digest,
        block_rows=block_rows,
        model=choice.model_id if choice.revision is None else f"{choice.model_id}@{choice.revision}",
        fingerprint=fingerprint,
        precision=choice.precision,
        max_length=choice.max_length,
        windows="cut" if choice.windows is None else str(choice.windows.as_run),
        instruction="the model's own" if instruction is None else instruction,
    )


def _report(run: Iterator[Finished], n_pairs: int) -> None:
    """Runs it, and says how far it is and how fast."""
    warned = set[str]()
    n_done = n_first = 0
    began = said = 0.0
    for block in run:
        now = time.monotonic()
        for warning in block.warnings:
            if warning not in warned:
                terminal.note(warning)
        warned |= set(block.warnings)
        n_done += block.n_pairs
        if not n_first:
            n_first, began = n_done, now
        # The first block says its own time; from the second on the clock does, for all workers together.
        pace = block.n_pairs / block.seconds if n_done == n_first else (n_done - n_first) / max(now - began, 1e-9)
        if n_done == n_pairs or now - said >= REPORT_SECONDS:
            said = now
            left = "" if n_done == n_pairs else f", {_time((n_pairs - n_done) / pace)} left"
            print(f"{n_done:,} of {n_pairs:,} pairs, {pace:,.0f} pairs/s{left}", file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: see `terminal.run`."""
    return terminal.run(app, "python -m playground.score", argv)


if __name__ == "__main__":
    start.leave(main())
