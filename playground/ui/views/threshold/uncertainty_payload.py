"""How far the line can be trusted: bands, the rule on queries it did not see, and how much more to label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playground.analysis import uncertainty as bands
from playground.analysis.thresholds import METHODS
from playground.analysis.unseen import leave_one_query_out
from playground.ui.views.threshold.panel_payload import bands_of, interval, suggestion
from playground.ui.views.threshold.sentences import sentence, sentences

if TYPE_CHECKING:
    from playground.analysis.uncertainty import Estimate, More
    from playground.analysis.unseen import Rates, Unseen
    from playground.ui.views.threshold.held_pairs import Held

# On either side of precision and recall: what counts as known well enough.
WITHIN = 0.05


def trust(held: Held, threshold: float, method: str, parameter: float | None) -> dict[str, object]:
    """Bands at the line, the rule on queries it did not see, and how much more to label.

    Args:
        method: "by-hand", or the rule whose suggestion the line stands on, with its parameter.
    Raises:
        InvalidInput: the parameter is out of range.
    """
    rule = next((each for each in METHODS if each == method), None)
    # Where the line no longer stands on what the rule chooses, it was put there by hand.
    if rule is not None and (parameter is None or suggestion(held, rule, parameter).finite != threshold):
        rule = None
    unseen = None
    if rule is None or parameter is None:
        found = held.once(("at", threshold), lambda: bands.uncertainty_at(held.judged, threshold))
    else:
        found = bands_of(held, rule, parameter)
        unseen = held.once(("unseen", rule, parameter), lambda: leave_one_query_out(held.judged, rule, parameter))
    return {
        "token": held.token,
        "at": {"threshold": threshold, "method": method, "parameter": parameter},
        "precision": _estimate(found.precision),
        "recall": _estimate(found.recall),
        "f1": _estimate(found.f1),
        "interval": interval(held, found),
        "n_resamples": found.n_resamples,
        "n_queries": found.n_queries,
        "warnings": sentences(found.warnings),
        "reason": sentence(found.reason),
        "unseen": None if unseen is None else _unseen(unseen),
        "needed": _needed(bands.needed(found, WITHIN)) if not found.reason else None,
    }


def _estimate(one: Estimate) -> dict[str, object]:
    return {"value": one.value, "low": one.low, "high": one.high, "reason": sentence(one.reason)}


def _unseen(found: Unseen) -> dict[str, object]:
    return {
        "inside": rates(found.inside),
        "outside": rates(found.outside),
        "n_folds": found.n_folds,
        "warnings": sentences(found.warnings),
        "reason": sentence(found.reason),
    }


def rates(found: Rates | None) -> dict[str, object] | None:
    """Precision, recall and F1; None where there are none."""
    return None if found is None else {"precision": found.precision, "recall": found.recall, "f1": found.f1}


def _needed(found: Any) -> dict[str, object]:
    return {"within": found.within, "precision": _more(found.precision), "recall": _more(found.recall)}


def _more(more: More) -> dict[str, object]:
    return {"n_queries": more.n_queries, "n_relevant": more.n_relevant, "reason": sentence(more.reason)}
