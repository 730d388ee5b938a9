"""What it costs to run models in a process of their own: `--worker`, beside the same in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import psutil

from playground.bench.load import MODEL, PRECISION, request
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine

COUNTS: Final = (1, 10, 100, 1000)
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class BoundaryRow:
    """Milliseconds of one request, the medians."""

    n_passages: int
    here: float
    apart: float


@dataclass(frozen=True, slots=True)
class Found:
    """The rows, and what stands beside them."""

    rows: Sequence[BoundaryRow]
    sentence: str


COLUMNS: Final = MappingProxyType(
    {
        "passages": lambda row: f"{row.n_passages:,}",
        "in the page's process (ms)": lambda row: f"{row.here:.1f}",
        "in its own (ms)": lambda row: f"{row.apart:.1f}",
    }
)


def run(rounds: int) -> Found:
    """Both, in alternation, on texts that no round has seen before."""
    engines = {True: Engine(offline=True, worker=True), False: Engine(offline=True)}
    # The process apart first: once torch is here, its start would not be seen.
    first = {apart: _milliseconds(engine, 0, 1) for apart, engine in engines.items()}
    rows = []
    for n in COUNTS:
        times: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(rounds):
            for apart, engine in engines.items():
                times[apart].append(_milliseconds(engine, turn + 1, n))
        rows.append(BoundaryRow(n, statistics.median(times[False]), statistics.median(times[True])))
    workers = engines[True].workers
    assert workers is not None
    n_mib = psutil.Process(workers.current().pid).memory_full_info().uss / MIB
    for engine in engines.values():
        engine.close()
    return Found(
        rows,
        f"The first score, with the load: {first[False] / 1000:.1f} s in the page's process, "
        f"{first[True] / 1000:.1f} s in its own, which has {n_mib:,.0f} MiB for itself.",
    )


def _milliseconds(engine: Engine, turn: int, n: int) -> float:
    asked = request(n, turn, n)
    passages = tuple(Passage(str(place), text) for place, text in enumerate(asked.texts))
    begun = time.perf_counter()
    for _ in engine.rerank(RerankRequest(asked.query, passages), ModelChoice(MODEL, device="cpu", precision=PRECISION)):
        pass
    return (time.perf_counter() - begun) * 1000
