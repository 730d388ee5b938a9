"""The numbers about a comparison: agreement, what a precision changes, what each model costs, an earlier run beside."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from itertools import combinations

from playground.analysis import METRICS
from playground.core.errors import PlaygroundError
from playground.core.speeds import Speeds
from playground.core.types import PRECISIONS, Comparison, ModelChoice, ModelRun, RerankResult
from playground.models import bm25, catalog
from playground.ui import texts
from playground.ui.components.readings import windows_phrase
from playground.ui.components.replay_changes import changes
from playground.ui.texts import Phrase, phrase
from playground.ui.views.compare.comparison_payload import Side

# The finer number format is what the coarser one is held against.
FINENESS = (*PRECISIONS[1:], "unknown")
Pair = tuple[int, int]


def payload(
    side: Side,
    speeds: Mapping[Pair, Speeds],
    *,
    timing: tuple[Pair, Phrase] | None = None,
    earlier: Sequence[Mapping[str, object]] | None = None,
    differences: Sequence[Mapping[str, object]] | None = None,
    can_seek: bool = True,
) -> dict[str, object]:
    """Everything that the lower half of the view shows.

    Args:
        speeds: measured so far, by the places of two runs.
        timing: the pair that is being timed, and how far it came.
        earlier: earlier runs of these passages to choose from; None before they were looked for.
        differences: what is not alike in the earlier run laid beside, by model; None without one.
    """
    return {
        "nonce": secrets.token_hex(4),
        "agreement": agreement(side),
        "precisions": [_precision(side, pair, speeds.get(pair), timing) for pair in precision_pairs(side)],
        "models": [_model(side, place) for place in range(side.n_new)],
        "earlier": None if earlier is None else list(earlier),
        "differences": None if differences is None else list(differences),
        "since": side.since,
        "can_seek": can_seek,
    }


def agreement(side: Side) -> dict[str, object]:
    """Each pair of models with every metric; a metric without a value has a number that says which reason it is."""
    names = side.compared_names
    if len(side.results) < 2:
        return {"rows": [], "reasons": [], "says": [phrase("compare.agreement_needs_two", "muted")]}
    from playground.analysis.agreement import agreements

    try:
        found = agreements(side.results)
    except PlaygroundError as error:
        return {"rows": [], "reasons": [], "says": [texts.of_error(error, "warn")]}
    reasons = list(
        dict.fromkeys(measure.reason for one in found for measure in one.measures.values() if measure.reason)
    )
    rows = [
        {
            "first": names[one.first],
            "second": names[one.second],
            "n": one.n_passages,
            "n_left_out": one.n_left_out,
            "k": one.k,
            "measures": {
                name: {
                    "value": one.measures[name].value,
                    "reason": reasons.index(one.measures[name].reason) if one.measures[name].reason else None,
                }
                for name in METRICS
            },
        }
        for one in found
    ]
    return {"rows": rows, "reasons": [texts.both(reason, "plain") for reason in reasons], "says": []}


def precision_pairs(side: Side) -> list[Pair]:
    """Places of two new runs of the same weights that differ in precision or device only, the finer first."""
    ran = [(place, result) for place, result in zip(side.places, side.results, strict=True) if place < side.n_new]
    pairs = []
    for one, other in combinations(ran, 2):
        if _same_weights(one[1], other[1]) and _number_format(one[1]) != _number_format(other[1]):
            first, second = sorted((one, other), key=lambda each: FINENESS.index(each[1].spec.precision))
            pairs.append((first[0], second[0]))
    return pairs


def replayed(before: Comparison, after: Comparison, record: Mapping[str, object]) -> list[dict[str, object]]:
    """What is not alike in two comparisons, by model of the earlier one; what holds for all of them once.

    Args:
        record: of the earlier one, for its versions.
    """
    names = Side(before, len(before.runs)).names
    left = list(after.runs)
    found: list[tuple[str, list[Phrase]]] = []
    absent = []
    for name, run in zip(names, before.runs, strict=True):
        other = _counterpart(run, left)
        if other is None:
            absent.append(name)
            continue
        left = [one for one in left if one is not other]
        found.append((name, _changes(run, other, record)))
    groups = _once_for_all(found)
    if absent:
        groups.append({"name": "", "said": [phrase("compare.not_now", "muted", models=", ".join(absent))]})
    return groups


def _once_for_all(found: Sequence[tuple[str, list[Phrase]]]) -> list[dict[str, object]]:
    lists = [said for _, said in found]
    shared = [one for one in lists[0] if all(one in said for said in lists)] if len(lists) > 1 else []
    own = [("", shared), *((name, [one for one in said if one not in shared]) for name, said in found)]
    return [{"name": name, "said": said} for name, said in own if said]


def _counterpart(run: ModelRun, others: Sequence[ModelRun]) -> ModelRun | None:
    """The run that asked for the same, or at least for the same model."""
    same = [other for other in others if other.choice == run.choice]
    alike = [other for other in others if _asked(other.choice) == _asked(run.choice)]
    near = [other for other in others if _asked(other.choice)[:2] == _asked(run.choice)[:2]]
    return next(iter([*same, *alike, *near]), None)


def _asked(choice: ModelChoice) -> tuple[str, str, str]:
    return choice.model_id, choice.kind, choice.precision


def _changes(before: ModelRun, after: ModelRun, record: Mapping[str, object]) -> list[Phrase]:
    if before.result is None or after.result is None:
        failures = (("compare.failed_then", before.error), ("compare.failed_now", after.error))
        said = [_failure(key, error) for key, error in failures if error is not None]
        return said or [phrase("compare.no_result", "muted")]
    return changes((before.result, before.choice), (after.result, after.choice), record)


def _failure(key: str, error: PlaygroundError) -> Phrase:
    said: Phrase = {"tone": "warn"}
    for language in texts.LANGUAGES:
        said[language] = f"{texts.say(key, language)} {texts.sentence(error, language)}"
    return said


def _same_weights(one: RerankResult, other: RerankResult) -> bool:
    first, second = one.spec, other.spec
    return (first.fingerprint, first.kind, first.max_length, first.truncation, first.windows) == (
        second.fingerprint,
        second.kind,
        second.max_length,
        second.truncation,
        second.windows,
    )


def _number_format(result: RerankResult) -> tuple[str, str]:
    return result.spec.precision, result.spec.device


def _precision(side: Side, pair: Pair, speed: Speeds | None, timing: tuple[Pair, Phrase] | None) -> dict[str, object]:
    from playground.analysis.precision_diff import precision_diff

    before, after = (side.comparison.runs[place].result for place in pair)
    assert before is not None
    assert after is not None
    said: dict[str, object] = {
        "pair": list(pair),
        "names": [side.names[place] for place in pair],
        "can_time": "remote" not in (before.spec.device, after.spec.device),
        "scale": before.scale.name,
        "busy": None if timing is None or timing[0] != pair else timing[1],
        "speed": None if speed is None else _speed(speed),
    }
    try:
        found = precision_diff(before, after)
    except PlaygroundError as error:
        return said | {"says": texts.of_error(error, "warn")}
    ids = [passage.id for passage in side.comparison.request.passages]
    return said | {
        "says": None,
        "n_passages": found.n_passages,
        "largest": found.largest,
        "mean": found.mean,
        "largest_at": ids.index(found.largest_at.id),
        "n_moved": found.n_moved,
        "largest_move": found.largest_move,
        "order_kept": found.order_kept,
        "n_reversed": found.n_reversed,
        "top_kept": found.top_kept,
    }


def _speed(speed: Speeds) -> dict[str, object]:
    """The ratio of the medians, and how far apart single rounds lie."""
    rounds = speed.by_round(0, 1)
    spec = speed.runs[0].spec
    return {
        "ratio": speed.ratio(0, 1),
        "least": min(rounds),
        "most": max(rounds),
        "n_rounds": len(rounds),
        "n_passages": speed.n_passages,
        "device": "" if spec is None else spec.device,
    }


def _model(side: Side, place: int) -> dict[str, object]:
    """What a model is and what it cost. What is not known is None; a length of 0 means no limit."""
    run = side.comparison.runs[place]
    result = run.result
    entry = catalog.find(run.choice.model_id)
    keyword = run.choice.model_id == bm25.MODEL_ID
    spec = None if result is None else result.spec
    away = spec is not None and spec.device == "remote"
    length = spec.max_length if spec is not None else entry.max_length if entry is not None else None
    listed = entry.n_parameters if entry is not None else None
    return {
        "name": side.names[place],
        "series": side.places.index(place) if place in side.places else None,
        "keyword": keyword,
        "parameters": 0 if keyword else spec.n_parameters or listed if spec is not None else listed,
        "licence": entry.licence if entry is not None else None,
        # A server may not say it.
        "max_length": length or None if away else length,
        "reading": None if spec is None else windows_phrase(spec.windows),
        "memory_mib": run.memory_mib,
        "device": None if spec is None else spec.device,
        "precision": None if spec is None or keyword else spec.precision,
        "instruction": "" if result is None else result.instruction,
        "passage_instruction": "" if spec is None else spec.passage_instruction,
        **_cost(result),
    }


def _cost(result: RerankResult | None) -> dict[str, object]:
    if result is None:
        return {"seconds": None, "passages_per_second": None, "n_cached": 0, "n_tokens": None, "n_cut": None}
    n_new = len(result.scored) - result.n_cached
    timed = n_new > 0 and result.seconds > 0 and math.isfinite(result.seconds)
    read = [one.n_tokens for one in result.scored]
    return {
        "seconds": result.seconds if timed else None,
        "passages_per_second": n_new / result.seconds if timed else None,
        "n_cached": result.n_cached,
        "n_tokens": None if None in read else sum(n for n in read if n),
        "n_cut": sum(bool(one.n_cut) for one in result.scored),
    }
