"""What the panel of the Threshold view shows of labelled and scored pairs: plain values for its scripts."""

from __future__ import annotations

import base64
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from playground.analysis import curves
from playground.analysis.thresholds import DEFAULTS, METHODS, Method, Suggestion, suggest
from playground.plots.score_distribution import bin_edges, round_step
from playground.ui.components.figures import in_both
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold.scoring_progress import scorer_name
from playground.ui.views.threshold.sentences import sentence, sentences

if TYPE_CHECKING:
    from playground.analysis.judged import Judged
    from playground.analysis.uncertainty import Uncertainty
    from playground.analysis.verdict import Verdict
    from playground.ui.views.threshold.held_pairs import Held
    from playground.ui.views.threshold.labelled_set_in_view import SetInView

# With more pairs the page asks for the texts that it shows; their scores and labels it always has.
MOST_TEXTS = 10_000
MOST_ASKED = 500
PREVIEW_CHARS = 140
QUERY_CHARS = 90
STEPS = 500


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


def panel(held: Held, in_view: SetInView, parameters: Mapping[str, float]) -> dict[str, object]:
    """The verdict, the pairs, and where the line stands at first."""
    judged = held.judged
    found = _verdict(held)
    cards_ = cards(held, parameters)
    return {
        "nonce": secrets.token_hex(4),
        "token": held.token,
        "set_id": in_view.labelled.id,
        "set_name": in_view.labelled.name,
        "model": scorer_name(held.spec),
        "scorer": held.scorer,
        "scale": {"name": held.scale.name},
        "n_queries": len(np.unique(judged.query)),
        "left_out": _left_out(judged),
        "verdict": {
            "kind": found.kind,
            "tone": TONES[found.kind],
            "says": sentences(found.sentences, "plain"),
            "next": [phrase(_next(found))],
        },
        "refuses": not found.single_threshold,
        "overlap": None if found.overlap is None or found.kind == "all-tied" else list(found.overlap),
        "start": _start(cards_) if found.single_threshold else None,
        "suggestions": cards_,
        "axis": axis(bin_edges(judged.score.tolist(), "logit")),
        "distribution": in_both("pair_distributions", judged.score, judged.relevant, held.scale),
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
        if _bands_key(method, parameter) not in held.known and suggestion(held, method, parameter).value is not None:
            bands_of(held, method, parameter)
            yield cards(held, parameters)


def _parameter(method: Method, parameters: Mapping[str, float]) -> float:
    return float(parameters.get(method, DEFAULTS[method]))


def suggestion(held: Held, method: Method, parameter: float) -> Suggestion:
    """What the rule chooses.

    Raises:
        InvalidInput: the parameter is out of range.
    """
    found: Suggestion = held.once(("suggest", method, parameter), lambda: suggest(held.judged, method, parameter))
    return found


def _bands_key(method: Method, parameter: float) -> object:
    return ("bands", method, parameter)


def bands_of(held: Held, method: Method, parameter: float) -> Uncertainty:
    """How sure what the rule chooses is; takes a while where nobody asked before."""
    from playground.analysis.uncertainty import uncertainty

    key = _bands_key(method, parameter)
    found: Uncertainty = held.once(key, lambda: uncertainty(held.judged, method, parameter))
    return found


def _card(held: Held, method: Method, parameter: float) -> dict[str, object]:
    one = suggestion(held, method, parameter)
    bands: Uncertainty | None = held.known.get(_bands_key(method, parameter))
    band = interval(held, bands)
    return {
        "method": method,
        "parameter": parameter,
        "value": one.finite,
        "precision": one.precision,
        "recall": one.recall,
        "warnings": sentences(one.warnings),
        "reason": sentence(one.reason),
        "interval": band,
        "no_interval": _no_interval(bands) if bands is not None and band is None else None,
    }


def interval(held: Held, bands: Uncertainty | None) -> list[float] | None:
    """The band of a threshold as numbers: JSON has no infinity."""
    if bands is None or bands.threshold_band is None:
        return None
    return [curves.finite(held.judged, end) for end in bands.threshold_band]


def _no_interval(bands: Uncertainty) -> Phrase:
    said = sentences([bands.reason, *bands.warnings])
    return said[0] if said else phrase("panel.no_band", "muted")


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


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
