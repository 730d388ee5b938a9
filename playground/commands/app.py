"""The commands of `playground`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import playground
from playground import terminal
from playground.cli import WrongValueError
from playground.core.errors import PlaygroundError
from playground.core.types import Kind, ModelChoice, Passage, RerankRequest
from playground.models.catalog import BUILT_IN_EMBEDDER, BUILT_IN_RERANKER
from playground.models.named import parse_choice
from playground.settings import Settings
from playground.terminal import Asked

HELP = (playground.__doc__ or "").split("\n")[0]

app = typer.Typer(add_completion=False, help=HELP, pretty_exceptions_enable=False)

EMBEDDERS = ("table", "jsonl")
# These hold every passage of every model, as the page's downloads do.
WHOLE = ("json", "csv")

Query = Annotated[str, typer.Argument(help="What is looked for; - takes the query that the input names.")]
Files = Annotated[
    list[Path] | None,
    typer.Argument(help="TXT, CSV, TSV, JSON, JSONL or Parquet; a pipe where there are none.", show_default=False),
]
Column = Annotated[str | None, typer.Option(metavar="NAME", help="Of the passages, in files with several columns.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="csv|tsv|...", help="What the pipe holds, if not text or JSON.")
]
Format = Annotated[str, typer.Option("--format", metavar="table|jsonl|json|csv", help="What is written.")]
Json = Annotated[bool, typer.Option("--json", help="Short for --format jsonl.")]
TopN = Annotated[int | None, typer.Option("--top-n", min=1, metavar="N", help="Only the best N.")]
Db = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The history that holds saved thresholds.", show_default="the page's"),
]


@app.command()
@terminal.with_options()
def rerank(
    query: Query,
    files: Files = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id, folder or catalogue id.", show_default=BUILT_IN_RERANKER)
    ] = None,
    top_n: TopN = None,
    threshold: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="A saved threshold: says of each passage if it is kept.")
    ] = None,
    only_kept: Annotated[bool, typer.Option("--only-kept", help="Leave out what the threshold does not keep.")] = False,
    db: Db = None,
    format: Format = "table",
    json: Json = False,
    column: Column = None,
    as_: As = None,
    *,
    asked: Asked,
) -> None:
    """Rank passages for a query, best first."""
    from playground.commands import reading, writing
    from playground.engine import threshold_files
    from playground.engine.python_api import engine

    settings = asked.settings(db=db)
    form = writing.chosen(format, json)
    if only_kept and threshold is None:
        raise WrongValueError("--only-kept is of a threshold: give --threshold too.")
    saved = None if threshold is None else reading.thresholds(threshold, settings.db)
    request = _request(query, files, as_, column, asked.instruction)
    model = asked.named(model, settings)
    choice = asked.choice(model, engine().kind_of(*parse_choice(model)), settings)
    result = writing.watched(engine().rerank(request, choice)).result
    assert result is not None
    _note(result.warnings)
    line = None if saved is None else threshold_files.holding(saved, result.spec, result.scale)
    if line is not None:
        _note(threshold_files.warnings(line, result.spec, result.instruction))
        if only_kept:
            result = replace(result, scored=tuple(one for one in result if one.logit >= line.value), missing=())
    writing.ranking(replace(result, scored=result.scored[:top_n]), choice, form, line)


@app.command()
@terminal.with_options()
def compare(
    query: Query,
    files: Files = None,
    model: Annotated[list[str] | None, typer.Option(help="As in rerank, or bm25; give it several times.")] = None,
    top_n: TopN = None,
    format: Format = "table",
    json: Json = False,
    column: Column = None,
    as_: As = None,
    *,
    asked: Asked,
) -> None:
    """Rank the same passages with several models: the built-in ones and BM25, unless you name others."""
    from playground.commands import writing
    from playground.engine.python_api import engine

    settings = asked.settings()
    form = writing.chosen(format, json)
    if top_n is not None and form in WHOLE:
        raise WrongValueError(f"--format {form} holds all passages: leave out --top-n, or choose table or jsonl.")
    request = _request(query, files, as_, column, asked.instruction)
    names = model or settings.models or (BUILT_IN_RERANKER, BUILT_IN_EMBEDDER, "bm25")
    found = writing.watched(engine().compare(request, [_choice(asked, name, settings) for name in names])).comparison
    for result in found.results:
        _note(f"{result.spec.model_id}: {warning}" for warning in result.warnings)
    writing.comparison(found, form, top_n)
    failed = [run.error for run in found.runs if run.error is not None]
    if failed:
        raise PlaygroundError("{problems}", problems=" ".join(map(str, failed)))


@app.command()
@terminal.with_options("windows", "overlap", "windows_by")
def embed(
    files: Files = None,
    query: Annotated[str | None, typer.Option(help="Embedded first, with the model's instruction before it.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id, folder or catalogue id.", show_default=BUILT_IN_EMBEDDER)
    ] = None,
    format: Annotated[str, typer.Option("--format", metavar="table|jsonl", help="What is written.")] = "jsonl",
    json: Json = False,
    column: Column = None,
    as_: As = None,
    *,
    asked: Asked,
) -> None:
    """Turn passages into vectors."""
    from playground.commands import reading, writing
    from playground.engine.python_api import engine

    settings = asked.settings()
    form = writing.chosen(format, json, EMBEDDERS)
    if query is None:
        if asked.instruction is not None:
            raise WrongValueError("--instruction goes before a query: give --query too.")
        passages = reading.passages(files or (), as_, column).passages
        choice = asked.choice(_embedder(model, settings), "embedder", settings)
        alone = writing.watched(engine().embed_texts([each.text for each in passages], choice)).result
        assert alone is not None
        _note(alone.warnings)
        texts = list(zip(passages, alone.vectors, alone.read, strict=True))
        writing.vectors(texts, alone.spec, alone.seconds, form)
        return
    request = _request(query, files, as_, column, None)
    choice = asked.choice(_embedder(model, settings), "embedder", settings)
    result = writing.watched(engine().embed(request, choice, instruction=asked.instruction)).result
    assert result is not None
    _note(result.warnings)
    first = (Passage("query", result.request.query), result.query_vector, result.query_read)
    rest = zip(result.request.passages, result.passage_vectors, result.passages_read, strict=True)
    writing.vectors([first, *rest], result.spec, result.seconds, form, result.query_vector)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def serve(context: typer.Context) -> None:
    """Answer programs without the page, at once; its flags are those of launch.py: --help lists them."""
    import launch
    from playground.serve import alone

    raise typer.Exit(launch.main(["--api", *context.args], alone.serve))


def _request(
    query: str, files: Sequence[Path] | None, suffix: str | None, column: str | None, instruction: str | None
) -> RerankRequest:
    from playground.commands import reading

    parsed = reading.passages(files or (), suffix, column)
    return RerankRequest(reading.query(query, parsed), parsed.passages, instruction)


def _embedder(model: str | None, settings: Settings) -> str:
    """The embedder that was named, or else the first model of the variable where it is one, or the built-in one."""
    from playground.engine.python_api import engine

    if model is None and settings.models and engine().kind_of(*parse_choice(settings.models[0])) == "embedder":
        return settings.models[0]
    return BUILT_IN_EMBEDDER if model is None else model


def _choice(asked: Asked, model: str, settings: Settings) -> ModelChoice:
    """A model of a comparison, which says what is wrong with it in its own column."""
    from playground.engine.python_api import engine

    try:
        kind: Kind = engine().kind_of(*parse_choice(model))
    except PlaygroundError:
        kind = "reranker"
    return asked.choice(model, kind, settings)


def _note(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        terminal.note(sentence)
