"""The folds under the panel: curves, queries one by one, calibration, queries without a good answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from playground.analysis import curves
from playground.ui.components.figures import in_both
from playground.ui.views.threshold.sentences import sentence, sentences
from playground.ui.views.threshold.uncertainty_payload import rates

if TYPE_CHECKING:
    from playground.analysis.calibration import Calibration
    from playground.ui.views.threshold.held_pairs import Held


def quick(held: Held) -> dict[str, object]:
    """The folds as far as they cost nothing: the curves; the others as far as they are known."""
    found: dict[str, object] = {"token": held.token, "curves": held.once("curves", lambda: _curves(held))}
    return found | {name: held.known.get(name) for name in LATER}


def later(held: Held) -> Iterator[dict[str, object]]:
    """The folds again and again, each time with one more of them."""
    if all(name in held.known for name in LATER):
        return
    for name, make in LATER.items():
        held.once(name, partial(make, held))
        yield quick(held)


def _curves(held: Held) -> dict[str, object]:
    judged = held.judged
    reason = curves.undefined(judged)
    first = curves.first_relevant(judged)
    queries = [query.query for query in held.labelled.queries]
    every = None if reason else curves.points(judged)
    any_relevant = any(one.rank is not None for one in first)
    return {
        "reason": sentence(reason, "plain"),
        "ap": None if reason else curves.precision_recall(judged).area,
        "auc": None if reason else curves.roc(judged).area,
        "precision_recall": None if every is None else in_both("precision_recall", every),
        "roc": None if every is None else in_both("roc", every),
        "first_relevant": in_both("first_relevant", first, queries, held.scale) if any_relevant else None,
    }


def _queries(held: Held) -> dict[str, object]:
    from playground.analysis.by_query import by_query

    found = by_query(held.judged)
    queries = [query.query for query in held.labelled.queries]
    levels = [one for one in found.queries if one.median_relevant is not None]
    spreads = {"relevant": found.relevant, "not": found.not_relevant}
    return {
        "reason": sentence(found.reason, "plain"),
        "says": sentences(found.sentences, "plain"),
        "threshold": None if found.threshold is None else curves.finite(held.judged, found.threshold),
        "pooled": rates(found.pooled),
        "oracle": rates(found.oracle),
        "measures": [
            {"name": name, "share": one.share, "p": one.p, "reason": sentence(one.reason)}
            for name, one in spreads.items()
        ],
        "figure": in_both("level_by_query", levels, held.judged, queries, held.scale) if levels else None,
    }


def _calibration(held: Held) -> dict[str, object]:
    from playground.analysis.calibration import METHODS as FITS
    from playground.analysis.calibration import calibrate

    squeezed = held.scale.activation == "sigmoid"
    return {method: _calibrated(calibrate(held.judged, method, sigmoid=squeezed)) for method in FITS}


def _calibrated(found: Calibration) -> dict[str, object]:
    return {
        "reason": sentence(found.reason, "plain"),
        "warnings": sentences(found.warnings),
        "n_pairs": found.n_pairs,
        "n_relevant": found.n_relevant,
        "n_queries": found.n_queries,
        "n_folds": found.n_folds,
        "brier": found.brier,
        "base_brier": found.base_brier,
        "sigmoid_brier": found.sigmoid_brier,
        "slope": found.slope,
        "intercept": found.intercept,
        "x": list(found.x),
        "y": list(found.y),
        "bins": [{field.name: getattr(one, field.name) for field in fields(one)} for one in found.bins],
        "figure": None if found.reason or not found.bins else in_both("reliability", found.bins),
    }


def _abstention(held: Held) -> dict[str, object]:
    from playground.analysis.abstention import abstention

    found = abstention(held.judged)
    return {
        "reason": sentence(found.reason, "plain"),
        "warnings": sentences(found.warnings),
        "n_with": found.n_with,
        "n_without": found.n_without,
        "auc": found.auc.value,
        "low": found.auc.low,
        "high": found.auc.high,
        "figure": in_both("abstention", found, held.scale) if np.isfinite(found.threshold).any() else None,
    }


LATER = {"queries": _queries, "calibration": _calibration, "abstention": _abstention}
