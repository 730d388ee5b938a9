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


@app.command("ui")
def ui_command(
    shape: Annotated[str, typer.Option(help="Model whose shape is taken, with random weights.")] = "",
    rounds: Annotated[int, typer.Option(help="Cold starts.", min=1)] = 3,
    json: Json = None,
) -> None:
    """A Markdown table: what a visitor of the page waits for, in a real Chromium. Takes two minutes or so."""
    from playground.bench import tables, ui

    model = ui.shaped(shape) if shape else None
    found = ui.measured(model, rounds=rounds, repeats=3, say=lambda said: typer.echo(said, err=True))
    if json is not None:
        json.write_text(ui.as_json(found), encoding="utf-8")
    typer.echo(tables.markdown(found, ui.COLUMNS))


if __name__ == "__main__":
    try:
        app()
    except PlaygroundError as error:
        sys.exit(str(error))
