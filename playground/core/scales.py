"""Score scales: what a model's number is, where it can lie, and how it is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

ScaleName = Literal[
    "logit", "log-odds", "cosine", "dot", "mean-maxsim", "maxsim", "sum", "bm25", "sigmoid", "unknown", "file"
]
Activation = Literal["sigmoid", "identity"]


@dataclass(frozen=True, slots=True)
class Scale:
    """What a raw model output means.

    Attributes:
        name: the field's word for the raw output.
        low, high: the possible range of the raw output; infinite where unbounded.
        level: True where training gave the level a meaning across queries; False where only the order within one
            query was trained (a listwise softmax does not see a constant added per query).
        activation: the display convention that the checkpoint declares (`identity` shows the raw output).
    """

    name: ScaleName
    low: float
    high: float
    level: bool
    activation: Activation

    def display(self, logit: float) -> float:
        """The display score of a raw output, in float64. Never used to rank: a saturated sigmoid makes ties."""
        return sigmoid(logit) if self.activation == "sigmoid" else logit


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)) in float64, without overflow at either end."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    growth = math.exp(logit)
    return growth / (1.0 + growth)


LOGIT = Scale("logit", -math.inf, math.inf, level=False, activation="sigmoid")
TRAINED_LOGIT = Scale("logit", -math.inf, math.inf, level=True, activation="sigmoid")
PLAIN_LOGIT = Scale("logit", -math.inf, math.inf, level=True, activation="identity")
LOG_ODDS = Scale("log-odds", -math.inf, math.inf, level=True, activation="sigmoid")
UNTRAINED_LOG_ODDS = Scale("log-odds", -math.inf, math.inf, level=False, activation="sigmoid")
COSINE = Scale("cosine", -1.0, 1.0, level=False, activation="identity")
# Of two sparse texts, whose weights are never negative.
DOT = Scale("dot", 0.0, math.inf, level=False, activation="identity")
MEAN_MAXSIM = Scale("mean-maxsim", -1.0, 1.0, level=False, activation="identity")
BM25 = Scale("bm25", 0.0, math.inf, level=False, activation="identity")
# Of a server that gives nothing else: what is before it cannot be had back where it is rounded to 0 or 1.
SIGMOID = Scale("sigmoid", 0.0, 1.0, level=False, activation="identity")
# Of a server that does not say what its scores are.
UNKNOWN = Scale("unknown", -math.inf, math.inf, level=False, activation="identity")
# Scores that came with a file: nothing is known of them but that more is better.
FILE = Scale("file", -math.inf, math.inf, level=False, activation="identity")
