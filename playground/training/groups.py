"""From rows to training groups: one query with a few passages, hard and easy, sometimes made dirty on purpose."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from playground.training.rows import Row

WORD = re.compile(r"\w+")
FILLERS = ("yes", "ok", "the", "unknown", "thanks", "hi", "n/a", "-", ".", "none", "click here", "read more")
FUNCTION_WORDS = (
    "a an the of in on at to for from by with and or is are was were be been do does did has have had what which who "
    "whom whose when where why how that this these those it its as into than then there their his her"
)
FUNCTION = frozenset(FUNCTION_WORDS.split())


@dataclass(frozen=True, slots=True)
class Group:
    """A query, its passages, and for each a target.

    Attributes:
        targets: labels 1.0 / 0.0, or a teacher's logits where `taught`.
        taught: the targets are a teacher's.
    """

    query: str
    passages: tuple[str, ...]
    targets: tuple[float, ...]
    taught: bool


def of_row(row: Row, size: int, others: Sequence[Row], rng: random.Random) -> Group:
    """One positive and `size - 1` negatives; of a taught row, the teacher's own spread of passages."""
    if row.taught:
        texts, scores = row.pos + row.neg, row.pos_scores + row.neg_scores
        picked = sorted(rng.sample(range(len(texts)), min(size, len(texts))))
        return Group(row.query, tuple(texts[i] for i in picked), tuple(scores[i] for i in picked), taught=True)
    negatives = rng.sample(row.neg, min(size - 2, len(row.neg))) if size > 2 else []
    while len(negatives) < size - 1:
        negatives.append(easy_negative(row.query, others, rng))
    positive = rng.choice(row.pos)
    if rng.random() < 0.06:
        # The answer stands late in a long passage: the model must read on.
        positive = f"{rng.choice(row.neg)} {positive}"
    passages = (positive, *negatives)
    targets = (1.0, *(0.0 for _ in negatives))
    return Group(dirty(row.query, rng), passages, targets, taught=False)


def easy_negative(query: str, others: Sequence[Row], rng: random.Random) -> str:
    """A passage of another row, its first sentence alone, a filler word, or the query's own words with no answer."""
    draw = rng.random()
    if draw < 0.12:
        return rng.choice(FILLERS)
    if draw < 0.24:
        words = [word for word in WORD.findall(query) if word.lower() not in FUNCTION] or [query]
        rng.shuffle(words)
        return rng.choice((query, " ".join(words), f"{query} {query}", f"{' '.join(words)}, {' '.join(words)}."))
    text = rng.choice(rng.choice(others).pos)
    return text.split(". ")[0] if draw < 0.45 else text


def dirty(query: str, rng: random.Random) -> str:
    """The query as people type it: often untouched, else without its question mark, lower case, with a typo, or cut
    down to one to three content words."""
    draw = rng.random()
    if draw < 0.55:
        return query
    bare = query.rstrip("?. ").lower()
    if draw < 0.75:
        return bare
    if draw < 0.87:
        return typo(bare, rng)
    words = [word for word in WORD.findall(bare) if word not in FUNCTION]
    return " ".join(words[-rng.randint(1, 3) :]) if len(words) > 1 else bare


def typo(text: str, rng: random.Random) -> str:
    """One letter dropped, doubled or swapped with its neighbour."""
    places = [i for i, c in enumerate(text[:-1]) if c.isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    return rng.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        )
    )
