"""A threshold with what says where it holds, from the pairs that it was chosen on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from playground.analysis import curves, thresholds
from playground.analysis.judged import Judged
from playground.analysis.thresholds import Method as Rule
from playground.analysis.uncertainty import uncertainty
from playground.core.errors import InvalidInput
from playground.core.labels import SetScores
from playground.core.thresholds import Threshold


def chosen(
    judged: Judged,
    scores: SetScores,
    value: float,
    name: str,
    set_name: str,
    rule: tuple[Rule, float] | None = None,
) -> Threshold:
    """The threshold as it is saved; how good it is on these pairs is counted anew.

    Args:
        value: finite.
        rule: method and parameter; by hand where there is none, or it does not choose this very value.
    """
    counts = curves.confusion(judged, value)
    if rule is not None and not _chooses(judged, *rule, value):
        rule = None
    return Threshold(
        id="",
        name=name,
        saved_at=datetime.now(UTC),
        value=value,
        scale=scores.scale,
        spec=scores.spec,
        instruction=scores.instruction,
        method="by-hand" if rule is None else rule[0],
        parameter=None if rule is None else rule[1],
        set_name=set_name,
        n_queries=len(np.unique(judged.query)),
        n_pairs=len(judged),
        n_relevant=judged.n_relevant,
        interval=None if rule is None else _interval(judged, *rule),
        precision=counts.precision,
        recall=counts.recall,
    )


def _chooses(judged: Judged, method: Rule, parameter: float, value: float) -> bool:
    try:
        return thresholds.suggest(judged, method, parameter).finite == value
    except InvalidInput:
        return False


def _interval(judged: Judged, method: Rule, parameter: float) -> tuple[float, float] | None:
    band = uncertainty(judged, method, parameter).threshold_band
    return None if band is None else (curves.finite(judged, band[0]), curves.finite(judged, band[1]))
