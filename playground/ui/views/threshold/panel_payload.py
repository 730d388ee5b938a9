"""What the panel of the Threshold view shows of labelled and scored pairs: plain values for its scripts."""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playground.analysis import curves
from playground.analysis.thresholds import DEFAULTS, METHODS, Method, Suggestion, suggest
from playground.plots import find
from playground.plots.score_distribution import bin_edges, round_step
from playground.ui import texts
from playground.ui.components.figures import words
from playground.ui.texts import Phrase, phrase

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from plotly.graph_objects import Figure

    from playground.analysis.calibration import Calibration
    from playground.analysis.judged import Judged
    from playground.analysis.uncertainty import Estimate, More, Uncertainty
    from playground.analysis.unseen import Rates, Unseen
    from playground.analysis.verdict import Verdict
    from playground.core.labels import LabelledSet
    from playground.core.scales import Scale
    from playground.ui.views.threshold.labelled_set_in_view import SetInView

# With more pairs the page asks for the texts that it shows; their scores and labels it always has.
MOST_TEXTS = 10_000
MOST_ASKED = 500
PREVIEW_CHARS = 140
QUERY_CHARS = 90
STEPS = 500
# Sets that are kept between two requests of the pages that show them.
MOST_HELD = 4
# On either side of precision and recall: what counts as known well enough.
WITHIN = 0.05


@dataclass(frozen=True)
class Held:
    """What one page shows, between two of its requests.

    Attributes:
        token: names the pairs with their scores and labels; another label makes another token.
        order: (n,) places of the judged pairs by ascending score, as the page counts them.
        known: results of the analysis by what was asked.
    """

    token: str
    labelled: LabelledSet
    judged: Judged
    scale: Scale
    scorer: str
    order: NDArray[np.int64]
    known: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """What is known under `key`, made now where there is nothing. Two threads may make it twice, never half."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]


class Memory:
    """The sets that were shown last, each under its owner and its token."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def get(self, owner: str, token: str) -> Held | None:
        """What was shown under this token; None where it had to make room."""
        with self._lock:
            held = self._held.get((owner, token))
            if held is not None:
                self._held.move_to_end((owner, token))
            return held

    def put(self, owner: str, held: Held) -> Held:
        """Keeps it; where the same pairs are kept already, those with their results."""
        with self._lock:
            held = self._held.setdefault((owner, held.token), held)
            self._held.move_to_end((owner, held.token))
            while len(self._held) > self._most:
                self._held.popitem(last=False)
            return held


def hold(in_view: SetInView, relevant_from: int) -> Held:
    """The pairs of a set in view that has some."""
    assert in_view.judged is not None
    assert in_view.shown is not None
    judged = in_view.judged
    digest = hashlib.sha256(f"{in_view.labelled.id}\0{in_view.shown.key}\0{relevant_from}\0{judged.n_queries}".encode())
    for column in (judged.score, judged.grade, judged.query, judged.passage):
        digest.update(np.ascontiguousarray(column).tobytes())
    return Held(
        token=digest.hexdigest()[:24],
        labelled=in_view.labelled,
        judged=judged,
        scale=in_view.shown.scale,
        scorer=in_view.shown.key,
        order=np.argsort(judged.score, kind="stable"),
    )


def pairs(held: Held) -> dict[str, object]:
    """Scores in ascending order as little-endian float64, and one bit each for relevant, lowest bit first; base64."""
    judged, order = held.judged, held.order
    return {
        "scores": _base64(judged.score[order].astype("<f8").tobytes()),
        "relevant": _base64(np.packbits(judged.relevant[order], bitorder="little").tobytes()),
    }


def axis(edges: Sequence[float]) -> dict[str, float | int]:
    """From where to where the line can be dragged, in which steps, and with how many decimals those are told apart."""
    low, high = edges[0], edges[-1]
    step = round_step((high - low) / STEPS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    bin_width = edges[1] - edges[0]
    return {"low": _on(low - bin_width, step), "high": _on(high + bin_width, step), "step": step, "decimals": decimals}


def _on(value: float, step: float) -> float:
    return float(f"{round(value / step) * step:.12g}")


def distribution(held: Held) -> tuple[dict[str, str], list[float]]:
    """The figure in each language, and the edges of its bins."""
    judged = held.judged
    return _in_both("pair_distributions", judged.score, judged.relevant, held.scale), bin_edges(
        judged.score.tolist(), "logit"
    )


def panel(held: Held, in_view: SetInView, parameters: Mapping[str, float]) -> dict[str, object]:
    """The verdict, the pairs, and where the line stands at first."""
    judged = held.judged
    found = _verdict(held)
    drawing, edges = distribution(held)
    cards_ = cards(held, parameters)
    return {
        "nonce": secrets.token_hex(4),
        "token": held.token,
        "set_id": in_view.labelled.id,
        "scorer": held.scorer,
        "scale": {"name": held.scale.name, "activation": held.scale.activation, "level": held.scale.level},
        "n_queries": len(np.unique(judged.query)),
        "left_out": _left_out(judged),
        "verdict": {
            "kind": found.kind,
            "tone": TONES[found.kind],
            "says": [texts.both(sentence, "plain") for sentence in found.sentences],
            "next": [phrase(_next(found))],
        },
        "refuses": not found.single_threshold,
        "overlap": None if found.overlap is None or found.kind == "all-tied" else list(found.overlap),
        "start": _start(cards_) if found.single_threshold else None,
        "suggestions": cards_,
        "axis": axis(edges),
        "distribution": drawing,
        **pairs(held),
    }


TONES = {
    "separates": "good",
    "overlaps": "warn",
    "does-not-separate": "bad",
    "too-few": "muted",
    "one-class": "muted",
    "all-tied": "bad",
}


def _next(found: Verdict) -> str:
    """The text that says what to do next. Where the order is the wrong way round, its best few are the worst ones."""
    reversed_ = found.auc.high is not None and found.auc.high < 0.5
    return f"panel.next_{'reversed' if reversed_ else found.kind.replace('-', '_')}"


def _start(found: Sequence[Mapping[str, object]]) -> dict[str, object] | None:
    return next(
        ({name: one[name] for name in ("method", "parameter", "value")} for one in found if one["value"] is not None),
        None,
    )


def _left_out(judged: Judged) -> list[Phrase]:
    counts = {"unjudged": judged.n_unjudged, "unsure": judged.n_unsure, "unscored": judged.n_unscored}
    return [phrase(f"panel.left_out_{name}", "muted", n=n) for name, n in counts.items() if n]


def _verdict(held: Held) -> Verdict:
    from playground.analysis.verdict import verdict

    found: Verdict = held.once("verdict", lambda: verdict(held.judged))
    return found


# ---- suggestions -----------------------------------------------------------------------------------------------------


def cards(held: Held, parameters: Mapping[str, float]) -> list[dict[str, object]]:
    """One suggestion for each method, with its band where that is known already."""
    return [_card(held, method, _parameter(method, parameters)) for method in METHODS]


def with_bands(held: Held, parameters: Mapping[str, float]) -> Iterator[list[dict[str, object]]]:
    """The cards again and again, each time with one more band. Nothing where all are known."""
    for method in METHODS:
        parameter = _parameter(method, parameters)
        if _bands_key(method, parameter) not in held.known and _suggestion(held, method, parameter).value is not None:
            _bands(held, method, parameter)
            yield cards(held, parameters)


def _parameter(method: Method, parameters: Mapping[str, float]) -> float:
    return float(parameters.get(method, DEFAULTS[method]))


def _suggestion(held: Held, method: Method, parameter: float) -> Suggestion:
    found: Suggestion = held.once(("suggest", method, parameter), lambda: suggest(held.judged, method, parameter))
    return found


def _bands_key(method: Method, parameter: float) -> object:
    return ("bands", method, parameter)


def _bands(held: Held, method: Method, parameter: float) -> Uncertainty:
    from playground.analysis.uncertainty import uncertainty

    key = _bands_key(method, parameter)
    found: Uncertainty = held.once(key, lambda: uncertainty(held.judged, method, parameter))
    return found


def _card(held: Held, method: Method, parameter: float) -> dict[str, object]:
    one = _suggestion(held, method, parameter)
    bands: Uncertainty | None = held.known.get(_bands_key(method, parameter))
    interval = _interval(held, bands)
    return {
        "method": method,
        "parameter": parameter,
        "value": one.finite,
        "precision": one.precision,
        "recall": one.recall,
        "warnings": _both(one.warnings),
        "reason": texts.both(one.reason, "muted") if one.reason else None,
        "interval": interval,
        "no_interval": _no_interval(bands) if bands is not None and interval is None else None,
    }


def _interval(held: Held, bands: Uncertainty | None) -> list[float] | None:
    """The band of a threshold as numbers: JSON has no infinity."""
    if bands is None or bands.threshold_band is None:
        return None
    return [curves.finite(held.judged, end) for end in bands.threshold_band]


def _no_interval(bands: Uncertainty) -> Phrase:
    said = [bands.reason, *bands.warnings]
    first = next((one for one in said if one), "")
    return texts.both(first, "muted") if first else phrase("panel.no_band", "muted")


# ---- how far the line can be trusted ---------------------------------------------------------------------------------


def trust(held: Held, threshold: float, method: str, parameter: float | None) -> dict[str, object]:
    """Bands at the line, the rule on queries it did not see, and how much more to label.

    Args:
        method: "by-hand", or the rule whose suggestion the line stands on, with its parameter.
    Raises:
        InvalidInput: the parameter is out of range.
    """
    from playground.analysis import uncertainty as bands
    from playground.analysis.unseen import leave_one_query_out

    rule = next((each for each in METHODS if each == method), None)
    # Where the line no longer stands on what the rule chooses, it was put there by hand.
    if rule is not None and (parameter is None or _suggestion(held, rule, parameter).finite != threshold):
        rule = None
    unseen = None
    if rule is None or parameter is None:
        found = held.once(("at", threshold), lambda: bands.uncertainty_at(held.judged, threshold))
    else:
        found = _bands(held, rule, parameter)
        unseen = held.once(("unseen", rule, parameter), lambda: leave_one_query_out(held.judged, rule, parameter))
    return {
        "token": held.token,
        "at": {"threshold": threshold, "method": method, "parameter": parameter},
        "precision": _estimate(found.precision),
        "recall": _estimate(found.recall),
        "f1": _estimate(found.f1),
        "interval": _interval(held, found),
        "n_resamples": found.n_resamples,
        "n_queries": found.n_queries,
        "warnings": _both(found.warnings),
        "reason": texts.both(found.reason, "muted") if found.reason else None,
        "unseen": None if unseen is None else _unseen(unseen),
        "needed": _needed(bands.needed(found, WITHIN)) if not found.reason else None,
    }


def _estimate(one: Estimate) -> dict[str, object]:
    reason = texts.both(one.reason, "muted") if one.reason else None
    return {"value": one.value, "low": one.low, "high": one.high, "reason": reason}


def _unseen(found: Unseen) -> dict[str, object]:
    return {
        "inside": _rates(found.inside),
        "outside": _rates(found.outside),
        "n_folds": found.n_folds,
        "warnings": _both(found.warnings),
        "reason": texts.both(found.reason, "muted") if found.reason else None,
    }


def _rates(rates: Rates | None) -> dict[str, object] | None:
    return None if rates is None else {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}


def _needed(found: Any) -> dict[str, object]:
    return {"within": found.within, "precision": _more(found.precision), "recall": _more(found.recall)}


def _more(more: More) -> dict[str, object]:
    reason = texts.both(more.reason, "muted") if more.reason else None
    return {"n_queries": more.n_queries, "n_relevant": more.n_relevant, "reason": reason}


# ---- the folds -------------------------------------------------------------------------------------------------------


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
        "reason": texts.both(reason, "plain") if reason else None,
        "notes": [texts.both(reason, "plain")] if reason else [],
        "ap": None if reason else curves.precision_recall(judged).area,
        "auc": None if reason else curves.roc(judged).area,
        "precision_recall": None if every is None else _in_both("precision_recall", every),
        "roc": None if every is None else _in_both("roc", every),
        "first_relevant": _in_both("first_relevant", first, queries, held.scale) if any_relevant else None,
    }


def _queries(held: Held) -> dict[str, object]:
    from playground.analysis.by_query import by_query

    found = by_query(held.judged)
    queries = [query.query for query in held.labelled.queries]
    levels = [one for one in found.queries if one.median_relevant is not None]
    spreads = {"relevant": found.relevant, "not": found.not_relevant}
    return {
        "reason": texts.both(found.reason, "plain") if found.reason else None,
        "says": _both(found.sentences, "plain"),
        "drifts": found.drifts,
        "threshold": None if found.threshold is None else curves.finite(held.judged, found.threshold),
        "pooled": _rates(found.pooled),
        "oracle": _rates(found.oracle),
        "measures": [
            {
                "name": name,
                "share": one.share,
                "p": one.p,
                "reason": texts.both(one.reason, "muted") if one.reason else None,
            }
            for name, one in spreads.items()
        ],
        "figure": _in_both("level_by_query", levels, held.judged, queries, held.scale) if levels else None,
    }


def _calibration(held: Held) -> dict[str, object]:
    from playground.analysis.calibration import METHODS as FITS
    from playground.analysis.calibration import calibrate

    squeezed = held.scale.activation == "sigmoid"
    return {method: _calibrated(calibrate(held.judged, method, sigmoid=squeezed)) for method in FITS}


def _calibrated(found: Calibration) -> dict[str, object]:
    return {
        "reason": texts.both(found.reason, "plain") if found.reason else None,
        "warnings": _both(found.warnings),
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
        "figure": None if found.reason or not found.bins else _in_both("reliability", found.bins),
    }


def _abstention(held: Held) -> dict[str, object]:
    from playground.analysis.abstention import abstention

    found = abstention(held.judged)
    return {
        "reason": texts.both(found.reason, "plain") if found.reason else None,
        "warnings": _both(found.warnings),
        "n_with": found.n_with,
        "n_without": found.n_without,
        "auc": found.auc.value,
        "low": found.auc.low,
        "high": found.auc.high,
        "figure": _in_both("abstention", found, held.scale) if np.isfinite(found.threshold).any() else None,
    }


LATER = {"queries": _queries, "calibration": _calibration, "abstention": _abstention}


# ---- texts -----------------------------------------------------------------------------------------------------------


def all_previews(held: Held) -> dict[str, object] | None:
    """The beginnings of all pairs, or None where there are too many for one page."""
    return previews(held) if len(held.judged) <= MOST_TEXTS else None


def previews(held: Held, places: Sequence[int] | None = None) -> dict[str, object]:
    """The beginnings of queries and passages, by place in the order of scores; None takes all places."""
    shown = held.order if places is None else held.order[np.asarray(places, dtype=np.int64)]
    numbers: dict[int, int] = {}
    queries: list[str] = []
    of: list[int] = []
    passages: list[str] = []
    for query, passage in zip(held.judged.query[shown].tolist(), held.judged.passage[shown].tolist(), strict=True):
        labelled = held.labelled.queries[query]
        if query not in numbers:
            numbers[query] = len(queries)
            queries.append(beginning(labelled.query, QUERY_CHARS))
        of.append(numbers[query])
        passages.append(beginning(labelled.passages[passage].text, PREVIEW_CHARS))
    return {"queries": queries, "of": of, "passages": passages, "places": None if places is None else list(places)}


def whole(held: Held, place: int) -> dict[str, object]:
    """One pair in full."""
    at = int(held.order[place])
    query = held.labelled.queries[int(held.judged.query[at])]
    return {"place": place, "query": query.query, "text": query.passages[int(held.judged.passage[at])].text}


def beginning(text: str, n_chars: int) -> str:
    """The text on one line, cut after so many characters."""
    head = text[: 4 * n_chars]
    line = " ".join(head.split())
    return line if len(line) <= n_chars and len(head) == len(text) else line[: n_chars - 1].rstrip() + "…"


def as_text(figure: Figure) -> str:
    """A figure for our own scripts."""
    text: str = figure.to_json(engine="json")
    return text


def _in_both(name: str, *values: Any) -> dict[str, str]:
    draw = find(name)
    return {language: as_text(draw(*values, words=words(language))) for language in texts.LANGUAGES}


def _both(sentences: Sequence[str], tone: str = "muted") -> list[Phrase]:
    return [texts.both(sentence, tone) for sentence in sentences if sentence]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


MEMORY = Memory()
