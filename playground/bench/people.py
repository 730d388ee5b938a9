"""Which model, precision and backend is the fastest here, and what it costs in truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from playground.analysis.fastest import SpeedRow, fastest, rows
from playground.bench import families, peers
from playground.core.errors import PlaygroundError
from playground.core.types import ModelChoice
from playground.engine import speed
from playground.engine.engine import Engine
from playground.engine.speed_choices import choices_of, name_of
from playground.engine.speed_texts import requests
from playground.models.named import parse_choice

MOST_PASSAGES = 200
RANDOM = "its weights are random, so its outputs barely differ and their order says nothing of quality"


@dataclass(frozen=True, slots=True)
class Model:
    """What is timed: an id or a folder, or a shape whose weights are random."""

    name: str
    choice: ModelChoice
    random_weights: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The ways to run one model.

    Attributes:
        n_pairs: that each went through in a round.
        n_rounds: of each.
    """

    model: Model
    rows: tuple[SpeedRow, ...]
    n_pairs: int
    n_rounds: int


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _speed(row: SpeedRow) -> str:
    return f"not offered: {row.error}" if row.error else _number(row.pairs_per_second, ",.1f")


def _ratio(row: SpeedRow) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f} ({row.least:.2f} to {row.most:.2f})"


COLUMNS: Final[Mapping[str, Callable[[tuple[str, SpeedRow]], str]]] = MappingProxyType(
    {
        "model": lambda named: named[0],
        "run as": lambda named: name_of(named[1].choice),
        "pairs/s": lambda named: _speed(named[1]),
        "tokens/s": lambda named: _number(named[1].tokens_per_second, ",.0f"),
        "times fp32": lambda named: _ratio(named[1]),
        "Kendall tau": lambda named: _number(named[1].tau, ".4f"),
        "of fp32's top 10": lambda named: _number(named[1].top_kept, ".0%"),
        "largest drift": lambda named: _number(named[1].drift, ".1e"),
        "memory, MiB": lambda named: _number(named[1].memory_mib, ",.0f"),
    }
)


def models(ids: Sequence[str], shapes: Sequence[str]) -> Iterator[Model]:
    """What was named; a shape is built with random weights where it is not in the cache folder yet.

    Raises:
        InvalidInput: no such shape.
    """
    for id in ids:
        model_id, revision = parse_choice(id)
        yield Model(id, ModelChoice(model_id, revision))
    for name in shapes:
        shape = peers.shape_of(name)
        yield Model(f"shape of {shape.model}", ModelChoice(str(peers.model_of(shape))), random_weights=True)


def measure(model: Model, seconds: float, say: Callable[[str], None]) -> Found:
    """Every way to run this model.

    Args:
        seconds: about what it may take, beside loading.

    Raises:
        PlaygroundError: it cannot be run at all.
    """
    engine = families.random_weights_engine() if model.random_weights else Engine()
    said = ""
    choices = choices_of(model.choice)
    result = None
    for step in engine.speed(requests(MOST_PASSAGES), choices, rounds=speed.MOST_ROUNDS, seconds=seconds):
        line = f"{model.name}: {'round ' if step.phase == 'score' else ''}{step.done} of {step.total}, {step.phase}"
        if step.phase == "score" and line != said:
            say(said := line)
        result = step.result
    assert result is not None
    engine.close()
    n_rounds = max((len(run.seconds) for run in result.runs), default=0)
    return Found(model, rows(result), result.n_passages, n_rounds)


def sentence(found: Found) -> str:
    """Which is the fastest of those that keep the order."""
    best, name = fastest(found.rows), found.model.name
    if best is None:
        return f"{name} could not be timed in fp32, so nothing is said of the others."
    if best is found.rows[0]:
        said = f"Fastest here for {name}: fp32; no other way that keeps its order is clearly faster"
    else:
        said = f"Fastest here for {name}, with the order of fp32: {name_of(best.choice)}, {best.ratio:.1f} times fp32"
    return f"{said} ({RANDOM})." if found.model.random_weights else f"{said}."


def as_rows(found: Sequence[Found]) -> list[dict[str, Any]]:
    """For JSON: each row, with what it was measured on."""
    return [
        asdict(row)
        | {"model": each.model.name, "random_weights": each.model.random_weights, "run_as": name_of(row.choice)}
        | {"error": str(row.error) if row.error else "", "n_pairs": each.n_pairs, "n_rounds": each.n_rounds}
        | {"keeps_order": row.keeps_order}
        for each in found
        for row in each.rows
    ]


def plot(found: Sequence[Found], path: Path) -> None:
    """The bars of all models, as a page or a picture.

    Raises:
        PlaygroundError: it cannot be written.
    """
    from playground.plots import find
    from playground.plots.files import write

    named = [(row, f"{each.model.name} · {name_of(row.choice)}") for each in found for row in each.rows]
    write(find("speed")([row for row, _ in named], [name for _, name in named]), path, "Speed on this machine")


def run(found: Iterator[Model], n: int, seconds: float, say: Callable[[str], None]) -> list[Found]:
    """All models; one that cannot be run is said and left out."""
    done = []
    for model in found:
        try:
            done.append(measure(model, seconds / n, say))
        except PlaygroundError as error:
            say(f"{model.name}: {error}")
    return done
