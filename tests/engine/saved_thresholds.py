"""Thresholds for tests, made from a real run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from playground.core.scales import COSINE, TRAINED_LOGIT, Scale
from playground.core.thresholds import Threshold
from playground.core.types import ModelSpec, RerankResult
from tests.engine.doubles import SPEC

THRESHOLD = Threshold(
    id="t1",
    name="careful",
    saved_at=datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
    value=0.1 + 0.2,
    scale=TRAINED_LOGIT,
    spec=replace(SPEC, model_id="org/model", revision="a" * 40, fingerprint="f" * 64),
    instruction="",
    method="precision",
    parameter=0.9,
    set_name="support",
    n_queries=20,
    n_pairs=212,
    n_relevant=61,
    interval=(-0.25, 1.1),
    precision=0.9107142857142857,
    recall=0.8360655737704918,
)


def threshold(**changes: Any) -> Threshold:
    """The usual threshold with some fields of another value; `spec` takes a dict of changes."""
    spec: ModelSpec = changes.pop("spec", THRESHOLD.spec)
    return replace(THRESHOLD, spec=spec, **changes)


def on(result: RerankResult, value: float, **changes: Any) -> Threshold:
    """A threshold on the model that gave this result."""
    return replace(
        THRESHOLD, value=value, spec=result.spec, scale=result.scale, instruction=result.instruction, **changes
    )


def in_widest_gap(result: RerankResult) -> float:
    """The middle of the widest gap between two scores, so that rounding puts no passage on the other side."""
    logits = sorted(scored.logit for scored in result)
    _, low, high = max((high - low, low, high) for low, high in pairwise(logits))
    return (low + high) / 2


def scale_named(name: str) -> Scale:
    return {"cosine": COSINE}.get(name) or replace(TRAINED_LOGIT, name=name)
