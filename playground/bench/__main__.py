"""`python -m playground.bench`: how fast models are on this machine. Downloads nothing that was not named.

Without a command: which precision and backend of a model is the fastest here, and what it costs in truth.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from playground.core.errors import PlaygroundError
from playground.core.types import Kind, PrecisionName
from playground.models.catalog import BUILT_IN_EMBEDDER, BUILT_IN_RERANKER

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

Only = Annotated[list[str], typer.Option(help="Part of a name; repeatable. All if absent.")]
MaxGib = Annotated[float, typer.Option(help="Most memory that one may need; larger ones are listed and not run.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")]
Json = Annotated[Path | None, typer.Option("--json", help="File for all figures and the machine they are of.")]
Plot = Annotated[Path | None, typer.Option(help="File for a plot: .html, .png or .svg.")]
Models = Annotated[list[str], typer.Option("--model", help="Id or folder; repeatable. The built-in one if absent.")]
Shapes = Annotated[list[str], typer.Option("--shape", help="Random weights in the shape of: base, large, v2-m3 ...")]
OneShape = Annotated[str, typer.Option("--shape", help="Whose shape the random weights have: base, large, v2-m3 ...")]
Seconds = Annotated[float, typer.Option(help="About what measuring may take, beside loading.")]
Mixes = Annotated[list[str], typer.Option("--mix", help="short, mixed or long; repeatable.")]
Counts = Annotated[list[int], typer.Option("--count", help="Passages: 1, 10, 100, 1000 ...; repeatable.")]
Rounds = Annotated[int, typer.Option(help="How often each is timed.", min=1)]
Threads = Annotated[int, typer.Option(help="Of each peer; 0 takes as many as torch does.")]


def _say(line: str) -> None:
    typer.echo(line, err=True)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    models: Models = [],  # noqa: B006
    shapes: Shapes = [],  # noqa: B006
    seconds: Seconds = 90.0,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Which precision and backend is the fastest here, and what it costs in truth."""
    if context.invoked_subcommand is not None:
        return
    from playground.bench import people, tables

    wanted = list(models) or ([] if shapes else [BUILT_IN_RERANKER])
    found = people.run(people.models(wanted, shapes), len(wanted) + len(shapes), seconds, _say)
    named = [(each.model.name, row) for each in found for row in each.rows]
    typer.echo(tables.markdown(named, people.COLUMNS))
    if json is not None:
        json.write_text(tables.as_json(people.as_rows(found)), encoding="utf-8")
    if plot is not None:
        people.plot(found, plot)
    for each in found:
        typer.echo(f"\n{each.n_rounds} rounds of {each.n_pairs} pairs in English and Chinese. {people.sentence(each)}")
    if not found:
        raise typer.Exit(1)


@app.command("peers")
def peers_command(
    shape: OneShape = "bge-reranker-base",
    mixes: Mixes = ["mixed"],  # noqa: B006
    counts: Counts = [100],  # noqa: B006
    rounds: Rounds = 5,
    threads: Threads = 0,
    only: Only = [],  # noqa: B006
    json: Json = None,
) -> None:
    """Ours beside other libraries, each in an environment of its own that is made here: the same random weights, texts
    and threads, one after another."""
    from playground.bench import peer_report, peers, tables

    n_threads = threads or tables.threads()
    found = peer_report.race(peers.shape_of(shape), mixes, counts, rounds, n_threads, peers.chosen(only), _say)
    typer.echo(peer_report.markdown(found))
    if json is not None:
        json.write_text(tables.as_json([*found.rows, *found.rooflines]), encoding="utf-8")


@app.command("gpu")
def gpu_command(
    shape: Annotated[list[str], typer.Option(help="Whose shape the random weights have; repeatable.")] = [  # noqa: B006
        "bge-reranker-base",
        "bge-reranker-v2-m3",
    ],
    precision: Annotated[list[str], typer.Option(help="fp16, bf16 or fp32; repeatable.")] = ["fp16", "bf16"],  # noqa: B006
    counts: Counts = [1, 16, 256, 4096],  # noqa: B006
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """Ours beside sentence-transformers (and FlagEmbedding, where it is installed) on a CUDA GPU."""
    from playground.bench import gpu, peers, tables

    found = list(gpu.rows([peers.shape_of(name) for name in shape], precision, counts, rounds))
    typer.echo(f"{gpu.card()}\n\n{tables.markdown(found, gpu.COLUMNS)}")
    if json is not None:
        json.write_text(tables.as_json(found), encoding="utf-8")


@app.command("again")
def again_command(
    shape: OneShape = "bge-reranker-base",
    precision: Precision = "auto",
    count: Annotated[int, typer.Option(help="Passages of mixed lengths.", min=1)] = 100,
    rounds: Rounds = 5,
    json: Json = None,
) -> None:
    """A Markdown table: what a list costs that was scored before, edited in one place or in another order."""
    from playground.bench import again, peers, tables

    folder = peers.model_of(peers.shape_of(shape))
    found = again.measured(folder, cast(PrecisionName, precision), count, rounds)
    typer.echo(tables.markdown(found, again.COLUMNS))
    if json is not None:
        json.write_text(tables.as_json(found), encoding="utf-8")


@app.command("families")
def families_command(
    only: Only = [],  # noqa: B006
    max_gib: MaxGib = 16.0,
    precision: Precision = "auto",
    json: Json = None,
) -> None:
    """A Markdown table: each family in the shape of a real model, with random weights."""
    from playground.bench import families, tables

    found = []
    for row in families.rows(families.chosen(only), max_gib, cast(PrecisionName, precision)):
        found.append(row)
        _say(f"{row.model}: {row.reason or 'done'}")
        if json is not None:
            json.write_text(tables.as_json(found), encoding="utf-8")
    typer.echo(tables.markdown(found, families.COLUMNS))


@app.command("measure", hidden=True)
def measure_command(folder: str, kind: str, precision: str) -> None:
    """One model, in this process."""
    from playground.bench import families

    typer.echo(families.said(families.measure(folder, cast(Kind, kind), cast(PrecisionName, precision))))


@app.command("load")
def load_command(
    visitors: Annotated[int, typer.Option(help="That ask at the same time.")] = 32,
    large: Annotated[int, typer.Option(help="Of them with 1,000 passages, once; the others have 10.")] = 2,
    requests: Annotated[int, typer.Option(help="Of each visitor with 10 passages, one after the other.")] = 3,
    seconds: Annotated[float, typer.Option(help="In place of a number of requests: all with 10 passages.")] = 0.0,
    pause: Annotated[float, typer.Option(help="Seconds between an answer and the next request, with --seconds.")] = 0.0,
    flags: Annotated[str, typer.Option(help="More flags of launch.py, with --seconds, such as '--worker'.")] = "",
) -> None:
    """What each of many visitors waits for on the real page, and that each gets the own result; the built-in model."""
    from playground.bench import lasting, load, tables

    if seconds:
        row, memory = lasting.run(visitors, seconds, pause, tuple(flags.split()), _say)
        typer.echo(tables.markdown([row], load.COLUMNS))
        typer.echo(tables.markdown([memory], lasting.MEMORY_COLUMNS))
        if row.n_errors or row.n_wrong:
            raise typer.Exit(1)
        return
    found = load.rows(visitors, large, requests)
    typer.echo(tables.markdown(found, load.COLUMNS))
    if any(row.n_errors or row.n_wrong for row in found):
        raise typer.Exit(1)


@app.command("kill")
def kill_command(
    times: Annotated[int, typer.Option(help="Starts of the page that end in kill -9.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """kill -9 at random moments while runs are being kept: every finished run is in the history afterwards."""
    from playground.bench import kill, tables

    row = kill.run(times, seed, _say)
    typer.echo(tables.markdown([row], kill.COLUMNS))
    if row.n_lost or row.n_damaged:
        raise typer.Exit(1)


@app.command("worker")
def worker_command(
    rounds: Annotated[int, typer.Option(help="How often each is timed.", min=1)] = 5,
) -> None:
    """What it costs to run models in a process of their own: memory, the start, and each number of passages."""
    from playground.bench import boundary, tables

    found = boundary.run(rounds)
    typer.echo(tables.markdown(found.rows, boundary.COLUMNS))
    typer.echo(found.sentence)


@app.command("corpus")
def corpus_command(
    passages: Annotated[int, typer.Option(help="Of about 40 words, made of sentences of the ready corpus.")] = 10_000,
    model: Annotated[str, typer.Option(help="Embedder.")] = BUILT_IN_EMBEDDER,
    depth: Annotated[int, typer.Option(help="Passages that a search finds.")] = 100,
    folder: Annotated[
        Path | None, typer.Option(help="Where it lies, to go on there; a temporary one if absent.")
    ] = None,
) -> None:
    """What a corpus costs here: time, memory and disk of its indexes, and how long a search takes."""
    from tempfile import TemporaryDirectory

    from playground.bench import corpus, tables

    with TemporaryDirectory() as temporary:
        found = corpus.run(passages, model, depth, folder or Path(temporary), _say)
    typer.echo(tables.markdown(found.steps, corpus.STEP_COLUMNS))
    typer.echo(tables.markdown(found.searches, corpus.SEARCH_COLUMNS))


@app.command("ui")
def ui_command(
    shape: Annotated[str, typer.Option(help="Model whose shape is taken, with random weights.")] = "",
    rounds: Annotated[int, typer.Option(help="Cold starts.", min=1)] = 3,
    space: Annotated[bool, typer.Option("--space", help="Only the start, as a Hugging Face Space does it.")] = False,
    json: Json = None,
) -> None:
    """A Markdown table: what a visitor of the page waits for, in a real Chromium. Takes two minutes or so."""
    from playground.bench import tables, ui

    model = ui.shaped(shape) if shape else None
    found = ui.measured(model, rounds=rounds, repeats=None if space else 3, say=_say)
    if json is not None:
        json.write_text(ui.as_json(found), encoding="utf-8")
    typer.echo(tables.markdown(found, ui.COLUMNS))


if __name__ == "__main__":
    try:
        app()
    except PlaygroundError as error:
        sys.exit(str(error))
