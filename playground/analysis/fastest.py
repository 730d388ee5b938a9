"""Which way to run a model is the fastest, and what it costs in truth: each beside fp32 on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from playground.core.errors import PlaygroundError
from playground.core.speeds import LEAST_TAU, TOP, Speeds, TimedRun
from playground.core.types import ModelChoice

# Of the rounds, in which it must be ahead of fp32 to be called faster.
LEAST_AHEAD = 0.9


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One way to run a model. What was not measured is None.

    Attributes:
        precision: in which it ran, or was asked to run.
        ratio, least, most: seconds of fp32 over its own: the median, and the lowest and highest of a round.
        ahead: share of the rounds in which it was faster than fp32.
        tau: Kendall's tau-b with the order under fp32, the mean over the queries.
        top_kept: share of fp32's first ten passages that are among its own first ten, the least of any query; None
            where a query has no more than ten.
        drift: largest absolute difference of a raw output from fp32's.
        error: why it was not timed.
    """

    choice: ModelChoice
    precision: str
    pairs_per_second: float | None = None
    tokens_per_second: float | None = None
    ratio: float | None = None
    least: float | None = None
    most: float | None = None
    ahead: float | None = None
    tau: float | None = None
    top_kept: float | None = None
    drift: float | None = None
    memory_mib: float | None = None
    error: PlaygroundError | None = None

    @property
    def keeps_order(self) -> bool:
        """Whether it puts the passages in the order of fp32, near enough."""
        return self.tau is not None and self.tau >= LEAST_TAU and self.top_kept in (None, 1.0)


def rows(speeds: Speeds) -> tuple[SpeedRow, ...]:
    """One for each run, in their order. The first is what the others are measured by: fp32."""
    return tuple(_row(speeds, place) for place in range(len(speeds.runs)))


def fastest(rows: Sequence[SpeedRow]) -> SpeedRow | None:
    """The one with the most pairs per second among those that keep the order and are ahead of fp32 in nearly every
    round; else fp32 itself, the first; None where that was not timed."""
    if not rows or rows[0].ratio is None:
        return None
    ahead = [row for row in rows if row.keeps_order and (row.ahead or 0.0) >= LEAST_AHEAD]
    return max(ahead, key=lambda row: row.pairs_per_second or 0.0, default=rows[0])


def _row(speeds: Speeds, place: int) -> SpeedRow:
    run, reference = speeds.runs[place], speeds.runs[0]
    precision = run.choice.precision if run.spec is None else run.spec.precision
    if run.error is not None:
        return SpeedRow(run.choice, precision, error=run.error)
    timed = SpeedRow(
        run.choice,
        precision,
        pairs_per_second=speeds.n_passages / run.typical,
        tokens_per_second=run.n_tokens / run.typical,
        memory_mib=run.memory_mib,
    )
    return timed if reference.error is not None else _beside(timed, speeds, run, reference, place)


def _beside(row: SpeedRow, speeds: Speeds, run: TimedRun, reference: TimedRun, place: int) -> SpeedRow:
    from dataclasses import replace

    by_round = speeds.by_round(0, place)
    both = [(np.asarray(one), np.asarray(other)) for one, other in zip(reference.outputs, run.outputs, strict=True)]
    taus = [tau for one, other in both if (tau := _tau(one, other)) is not None]
    return replace(
        row,
        ratio=speeds.ratio(0, place),
        least=min(by_round),
        most=max(by_round),
        ahead=sum(ratio > 1 for ratio in by_round) / len(by_round),
        tau=mean(taus) if taus else None,
        top_kept=min(_top_kept(*pair) for pair in both) if all(len(one) > TOP for one, _ in both) else None,
        drift=max(float(np.abs(one - other).max()) for one, other in both),
    )


def _tau(one: np.ndarray, other: np.ndarray) -> float | None:
    from scipy import stats

    tau = float(stats.kendalltau(one, other).statistic)
    return tau if np.isfinite(tau) else None


def _top_kept(one: np.ndarray, other: np.ndarray) -> float:
    """Of passages that tie for the tenth place any counts."""
    top = np.argsort(-one, kind="stable")[:TOP]
    last = np.sort(other)[::-1][TOP - 1]
    return float(np.mean(other[top] >= last))
