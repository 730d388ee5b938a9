"""Each model family in the shape of a real model: memory and speed on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from playground.bench.shapes import SHAPES, Shape
from playground.core.errors import InvalidInput
from playground.core.types import Kind, ModelChoice, Passage, PrecisionName, RerankRequest, RerankResult
from playground.engine.engine import Engine
from playground.models.room import need_of

N_PAIRS, N_TOKENS, N_QUERY_WORDS = 16, 256, 12
# torch, transformers and this project, before any model.
PROCESS_GIB = 1.0
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process saw that loaded the model and scored the pairs.

    Attributes:
        memory_mib: weights in memory.
        seconds: of encoding and scoring all pairs, once, after a shorter run.
        n_tokens: that went through the model, without padding; what pairs share may go through once.
        peak_rss_mib: of the whole process, loading included.
    """

    precision: str
    memory_mib: float
    seconds: float
    n_pairs: int
    n_tokens: int
    peak_rss_mib: float


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """One line of the table.

    Attributes:
        needs_gib: estimate of the peak.
        measured: None where it was not run; then `reason` says why.
    """

    family: str
    model: str
    classes: str
    n_parameters: int
    needs_gib: float
    measured: Measured | None
    reason: str = ""


COLUMNS: Final[Mapping[str, Callable[[FamilyRow], str]]] = MappingProxyType(
    {
        "family": lambda row: row.family,
        "shape of": lambda row: row.model,
        "class": lambda row: row.classes,
        "parameters": lambda row: f"{row.n_parameters / 1e6:,.0f} M",
        "precision": lambda row: row.measured.precision if row.measured else "",
        "weights, MiB": lambda row: f"{row.measured.memory_mib:,.0f}" if row.measured else "",
        "pairs/s": lambda row: f"{row.measured.n_pairs / row.measured.seconds:.2f}" if row.measured else "",
        "tokens/s": lambda row: f"{row.measured.n_tokens / row.measured.seconds:,.0f}" if row.measured else row.reason,
        "peak RSS, MiB": lambda row: f"{row.measured.peak_rss_mib:,.0f}" if row.measured else "",
    }
)


def chosen(only: Sequence[str]) -> list[Shape]:
    """The shapes whose family or model holds one of these words; all where there is none.

    Raises:
        InvalidInput: none does.
    """
    found = [
        shape
        for shape in SHAPES
        if not only or any(word.lower() in f"{shape.family} {shape.model}".lower() for word in only)
    ]
    if not found:
        raise InvalidInput(
            "No family or model is called {words}. Known are {known}.",
            words=", ".join(only),
            known=", ".join(sorted({shape.family for shape in SHAPES})),
        )
    return found


def rows(shapes: Sequence[Shape], max_gib: float, precision: PrecisionName) -> Iterator[FamilyRow]:
    """Each shape, measured in a process of its own; one that would need more than `max_gib` is not run."""
    from playground.bench import checkpoints
    from playground.models.devices import settle

    settled = settle("cpu", precision)[1]
    for shape in shapes:
        n_parameters = sum(tensor.numel() for tensor in checkpoints.empty(shape).parameters())
        needs = need_of(n_parameters, settled).weights_mib / 1024 + PROCESS_GIB
        measured, reason = None, f"not run: needs about {needs:.1f} GiB"
        if needs <= max_gib:
            measured, reason = _measured(shape, precision)
        name = shape.said.get("architectures", shape.classes)[0]
        yield FamilyRow(shape.family, shape.model + shape.option, name, n_parameters, needs, measured, reason)


def measure(folder: str, kind: Kind, precision: PrecisionName) -> Measured:
    """Loads the model and scores the pairs, in this process.

    Args:
        folder: with its option.

    Raises:
        PlaygroundError: it cannot be loaded or run.
    """
    engine = random_weights_engine()
    choice = ModelChoice(folder, kind=kind, device="cpu", precision=precision, max_length=N_TOKENS)
    words = " ".join(_words()).split()
    asked, rest = words[:N_QUERY_WORDS], words[N_QUERY_WORDS:]
    passages = [
        Passage(str(place), " ".join(rest[place * 7 % len(rest) :] + rest)[: 12 * N_TOKENS]) for place in range(N_PAIRS)
    ]

    def ranked(query: list[str], some: list[Passage]) -> RerankResult:
        result = list(engine.rerank(RerankRequest(" ".join(query), tuple(some)), choice))[-1].result
        assert result is not None
        return result

    # The first pass through a model is slower than all others.
    ranked(asked[:6], passages[:2])
    result = ranked(asked, passages)
    (model,) = engine.loaded()
    assert result.n_tokens is not None
    return Measured(
        precision=result.spec.precision,
        memory_mib=model.memory_mib,
        seconds=result.seconds,
        n_pairs=len(result),
        n_tokens=result.n_tokens,
        peak_rss_mib=_peak_rss_mib(),
    )


def random_weights_engine(**settings: Any) -> Engine:
    """An engine that loads models without checks: random weights pass none."""
    from playground.models.loading import load_embedder, load_scorer

    def scorer(choice: ModelChoice, **asked: Any) -> Any:
        return (load_embedder if choice.kind == "embedder" else load_scorer)(choice, run_checks=False, **asked)

    return Engine(offline=True, load_scorer=scorer, load_embedder=scorer, **settings)


def _words() -> list[str]:
    from playground.bench import checkpoints

    return checkpoints.texts()


def _measured(shape: Shape, precision: PrecisionName) -> tuple[Measured | None, str]:
    from playground.bench import checkpoints

    root = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        folder = root / shape.model.rpartition("/")[2]
        checkpoints.write(shape, folder)
        argv = [sys.executable, "-m", "playground.bench", "measure", f"{folder}{shape.option}", shape.kind, precision]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode:
            return None, f"failed: {(done.stderr.strip().splitlines() or ['no word of why'])[-1][:200]}"
        return Measured(**json.loads(done.stdout.splitlines()[-1])), ""
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _peak_rss_mib() -> float:
    """Of this process. On Linux `getrusage` begins with what the process that started this one had."""
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak) / 1024
    import resource

    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def said(measured: Measured) -> str:
    """For the process that asked."""
    return json.dumps(asdict(measured))
