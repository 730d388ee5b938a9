"""How fast several ways to run a model are beside each other, and what each puts out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from playground.core.errors import PlaygroundError
from playground.core.types import ModelChoice, ModelSpec

# What counts as the order of fp32: Kendall's tau at least, and the passages at the top that must be the same.
LEAST_TAU = 0.98
TOP = 10


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One model as run, timed on the same passages as those beside it.

    Attributes:
        spec: None where it could not be loaded; then `error` says why.
        seconds: of each round; forward passes only.
        outputs: for each request the raw outputs of its passages, in their order; of an embedder the cosines.
        n_tokens: of one round, without padding.
        error: why it could not be loaded or run; then it was not timed.
    """

    choice: ModelChoice
    spec: ModelSpec | None = None
    seconds: tuple[float, ...] = ()
    outputs: tuple[tuple[float, ...], ...] = ()
    n_tokens: int = 0
    memory_mib: float = 0.0
    error: PlaygroundError | None = None

    @property
    def typical(self) -> float:
        """Median seconds of a round."""
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class Speeds:
    """Models timed in alternation, in the order asked.

    Attributes:
        n_passages: that went through in each round.
    """

    runs: tuple[TimedRun, ...]
    n_passages: int

    def ratio(self, first: int, second: int) -> float:
        """Median seconds of one over those of another: 2.0 where the second is twice as fast."""
        return self.runs[first].typical / self.runs[second].typical

    def by_round(self, first: int, second: int) -> tuple[float, ...]:
        """As `ratio`, of each single round."""
        pairs = zip(self.runs[first].seconds, self.runs[second].seconds, strict=True)
        return tuple(one / other for one, other in pairs)
