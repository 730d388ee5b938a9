"""A whole run of the peers, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from playground.bench import mixes, tables
from playground.bench.peers import BARE, COLUMNS, OURS, Peer, PeerRow, Race, Roofline, model_of, spread, start, texts_of
from playground.bench.shapes import Shape
from playground.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class PeerRun:
    """All rows of a run; `threads` is of every peer."""

    model: str
    threads: int
    rows: tuple[PeerRow, ...]
    rooflines: tuple[Roofline, ...]


def race(
    shape: Shape,
    names: Sequence[str],
    counts: Sequence[int],
    rounds: int,
    threads: int,
    peers: Sequence[Peer],
    say: Callable[[str], None],
) -> PeerRun:
    """Every mix with every count, all in one go.

    Raises:
        InvalidInput: no such mix.
    """
    unknown = [name for name in names if name not in mixes.MIXES]
    if unknown or min(counts) < 1:
        raise InvalidInput("Mixes are short, mixed and long, each with at least one passage.")
    folder = model_of(shape)
    every = [*peers, *BARE]
    runners = Race(every, list(start(every, folder, threads, say)), say)
    rows: list[PeerRow] = []
    rooflines: list[Roofline] = []
    try:
        planned = [(name, texts_of(folder, name, count)) for name in names for count in counts]
        seconds = [runners.estimate(texts) * rounds for _, texts in planned]
        say(f"{rounds} rounds will take about {sum(seconds) / 60:.0f} minutes")
        for name, texts in planned:
            found, bare = runners.run(name, texts, rounds)
            rows += found
            rooflines += bare
    finally:
        runners.close()
    return PeerRun(shape.model, threads, tuple(rows), tuple(rooflines))


def markdown(run: PeerRun) -> str:
    """A table for each mix and count, with what must be said of it."""
    parts = [f"Random weights in the shape of {run.model}, fp32 on disk; {run.threads} threads for each."]
    for (mix, count), group in groupby(run.rows, lambda row: (row.mix, row.count)):
        rows = list(group)
        bare = [each for each in run.rooflines if (each.mix, each.count) == (mix, count)]
        parts += [
            f"### {mix} x {count:,} ({max(row.n_tokens for row in rows):,} tokens)",
            tables.markdown(rows, COLUMNS),
        ]
        parts += [_said_of(rows), *map(_roofline, bare)]
    return "\n\n".join(parts)


def _said_of(rows: Sequence[PeerRow]) -> str:
    ours = next((row for row in rows if row.peer == OURS and row.seconds), None)
    if ours is None:
        return "Ours in fp32 did not run, so no outputs are compared."
    low, high = ours.outputs
    return (
        f"Seconds: median (lowest to highest) of {len(ours.seconds)} rounds, of the whole call on texts. Outputs under "
        f"these random weights lie within {low:.3f} to {high:.3f}, so a difference shows how numbers are rounded, not "
        f"how well a model ranks in that precision."
    )


def _roofline(one: Roofline) -> str:
    return (
        f"Ours {one.precision} forward / bare products of the same shapes in {one.precision}: {spread(one.ratios)}; "
        f"{median(one.forward):.3f} s over {median(one.bare):.3f} s."
    )
