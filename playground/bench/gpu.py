"""Ours beside sentence-transformers on a GPU: the same random weights and texts, one after another, round by round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Any, Final

from playground.bench import peer_programs
from playground.bench.peers import model_of, orders, reason_of, spread, texts_of
from playground.bench.shapes import Shape
from playground.core.errors import InvalidInput

PROGRAMS = ("ours", "sentence-transformers", "FlagEmbedding")
YARDSTICK = "sentence-transformers"
SQUARE = 8192  # of the matrices whose product tells the card's peak


@dataclass(frozen=True, slots=True)
class GpuRow:
    """One program on one number of passages.

    Attributes:
        seconds: of each round, of the whole call, tokenisation included.
        against: seconds of sentence-transformers over this one's, of each round; empty where either is missing.
        share: of the card's peak (`peak`), as the multiplications of the real tokens in the fastest round.
        largest: difference of a raw output from that of sentence-transformers, in logits.
        error: in one line; then nothing was timed.
    """

    program: str
    shape: str
    precision: str
    count: int
    n_tokens: int = 0
    seconds: tuple[float, ...] = ()
    against: tuple[float, ...] = ()
    share: float = 0.0
    largest: float | None = None
    error: str = ""


def rows(shapes: Sequence[Shape], precisions: Sequence[str], counts: Sequence[int], rounds: int) -> Iterator[GpuRow]:
    """Mixed lengths, after one call that is not timed.

    Raises:
        InvalidInput: there is no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise InvalidInput("There is no CUDA device here. `peers` compares on the CPU.")
    for precision in precisions:
        best = peak(precision)
        for shape in shapes:
            folder = model_of(shape)
            running: dict[str, Callable[[str, Sequence[str]], Sequence[float]] | str] = {}
            for name in PROGRAMS:
                try:
                    running[name] = peer_programs.PROGRAMS[name](str(folder), precision, 0, "cuda")
                except (ImportError, OSError, RuntimeError, ValueError, TypeError) as error:
                    running[name] = reason_of(error)
            for count in counts:
                yield from _count(shape, precision, count, rounds, running, best, texts_of(folder, "mixed", count))
            running.clear()
            torch.cuda.empty_cache()


def _count(
    shape: Shape, precision: str, count: int, rounds: int, running: dict[str, Any], best: float, texts: Any
) -> Iterator[GpuRow]:
    import torch

    names = [name for name in running if not isinstance(running[name], str)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    outputs = {name: [float(each) for each in running[name](texts.query, texts.passages)] for name in names}
    for order in orders(len(names), rounds):
        for place in order:
            torch.cuda.synchronize()
            start = time.perf_counter()
            running[names[place]](texts.query, texts.passages)
            torch.cuda.synchronize()
            seconds[names[place]].append(time.perf_counter() - start)
    work = multiplications(shape, texts.n_tokens, texts.n_tokens / count)
    for name, found in running.items():
        if isinstance(found, str):
            yield GpuRow(name, shape.model, precision, count, error=found)
            continue
        pairs = zip(seconds.get(YARDSTICK, ()), seconds[name], strict=False)
        apart = [abs(a - b) for a, b in zip(outputs.get(YARDSTICK, ()), outputs[name], strict=False)]
        yield GpuRow(
            name,
            shape.model,
            precision,
            count,
            texts.n_tokens,
            tuple(seconds[name]),
            tuple(theirs / own for theirs, own in pairs),
            work / min(seconds[name]) / best,
            max(apart, default=None),
        )


def multiplications(shape: Shape, n_tokens: int, tokens_a_pair: float) -> float:
    """Floating-point operations of the encoder's products for so many real tokens (attention at the mean length)."""
    hidden, inner = shape.config["hidden_size"], shape.config["intermediate_size"]
    layer = 2 * (4 * hidden * hidden + 2 * hidden * inner) + 4 * hidden * tokens_a_pair
    return float(shape.config["num_hidden_layers"] * layer * n_tokens)


def peak(precision: str) -> float:
    """Operations a second of one large matrix product on this card."""
    import torch

    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    one = torch.randn(SQUARE, SQUARE, device="cuda", dtype=dtype)
    times = []
    for _ in range(6):
        torch.cuda.synchronize()
        start = time.perf_counter()
        one @ one
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * SQUARE**3 / min(times)


COLUMNS: Final[Mapping[str, Callable[[GpuRow], str]]] = MappingProxyType(
    {
        "program": lambda row: row.program,
        "shape": lambda row: row.shape.rpartition("/")[2],
        "precision": lambda row: row.precision,
        "passages": lambda row: f"{row.count:,}",
        "ms": lambda row: f"not run: {row.error}" if row.error else f"{median(row.seconds) * 1000:,.1f}",
        "tokens/s": lambda row: "" if row.error else f"{row.n_tokens / median(row.seconds):,.0f}",
        "faster": lambda row: spread(row.against) if row.against else "",
        "of peak": lambda row: "" if row.error else f"{row.share:.0%}",
        "apart": lambda row: "" if row.largest is None else f"{row.largest:.1e}",
    }
)


def card() -> str:
    """The name of the GPU and the versions of what runs on it."""
    import torch

    versions = ", ".join(f"{name} {version}" for name, version in peer_programs.versions().items())
    return f"{torch.cuda.get_device_name()}, {versions}"
