"""`python -m playground.bench`: how fast and how large the model families are on this machine. Downloads nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from playground.core.errors import PlaygroundError
from playground.core.types import Kind, PrecisionName

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

Only = Annotated[list[str], typer.Option(help="Part of a family's or model's name; repeatable. All if absent.")]
MaxGib = Annotated[float, typer.Option(help="Most memory that one may need; larger ones are listed and not run.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")]
Json = Annotated[Path | None, typer.Option("--json", help="File for all figures and the machine they are of.")]


@app.callback()
def main() -> None:
    """Keeps the commands' names even where there is one only."""


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
        typer.echo(f"{row.model}: {row.reason or 'done'}", err=True)
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
) -> None:
    """What each of many visitors waits for on the real page, and that each gets the own result; the built-in model."""
    from playground.bench import load, tables

    found = load.rows(visitors, large, requests)
    typer.echo(tables.markdown(found, load.COLUMNS))
    if any(row.n_errors or row.n_wrong for row in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    try:
        app()
    except PlaygroundError as error:
        sys.exit(str(error))
