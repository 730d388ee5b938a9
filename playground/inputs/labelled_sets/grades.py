"""What files write for a label, as a grade."""

from __future__ import annotations

import math

from playground.core.errors import InvalidInput
from playground.core.labels import GRADES, UNSURE
from playground.inputs.keyed_items import NO, UNSAID, YES
from playground.inputs.labelled_sets.gathering import Place

RELEVANT_WORDS = frozenset({"relevant", "rel", "positive", "pos", "t", "相关", "是"})
NOT_WORDS = frozenset(
    {
        "not relevant",
        "not_relevant",
        "not-relevant",
        "irrelevant",
        "non-relevant",
        "nonrelevant",
        "negative",
        "neg",
        "f",
    }
    | {"不相关", "无关", "否"}
)
UNSURE_WORDS = frozenset({"unsure", "not sure", "uncertain", "?", "？", "不确定"})

_KNOWN: dict[str, int | None] = {
    **dict.fromkeys(UNSAID),
    **dict.fromkeys(YES | RELEVANT_WORDS, 1),
    **dict.fromkeys(NO | NOT_WORDS, 0),
    **dict.fromkeys(UNSURE_WORDS, UNSURE),
    **{str(grade): grade for grade in (*GRADES, UNSURE)},
    **{f"{grade}.0": grade for grade in (*GRADES, UNSURE)},
}


def grade_of(said: object, place: Place) -> int | None:
    """The grade that a label means; None where nothing was said.

    Raises:
        InvalidInput: it is none of the words and numbers that are known.
    """
    word = _word(said)
    if word not in _KNOWN:
        raise InvalidInput(
            "{file}, line {line}: the label {label!r} is not known. Use 0 to 3, relevant, not relevant or unsure.",
            file=place.file,
            line=place.line,
            label=str(said)[:40],
        )
    return _KNOWN[word]


def whole_number(said: object) -> int | None:
    """The number that this says, however large; None where it is no whole one."""
    try:
        number = float(str(said))
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def is_label(said: str) -> bool:
    """Whether this says something that `grade_of` knows."""
    return _word(said) in _KNOWN.keys() - UNSAID


def _word(said: object) -> str:
    return "" if said is None else str(said).strip().lower()
