"""Real text of mixed lengths, in English and Chinese, to time models on: that of the example scenarios."""

from __future__ import annotations

import math
import random
from statistics import NormalDist

from playground.core.types import Passage, RerankRequest
from playground.inputs import scenarios

# Characters of a passage: about 20 to 400 tokens of either language.
ENGLISH = (80, 1600)
CHINESE = (25, 450)
CHINESE_QUERY = "大熊猫吃什么？"


def requests(count: int) -> tuple[RerankRequest, ...]:
    """The same passages on every machine: half of them under an English query, half under a Chinese one.

    Args:
        count: passages of each; any first part of them has long and short ones.
    """
    found = scenarios.load_all()
    texts = [passage.text for scenario in found for passage in scenario.passages]
    english = [text for text in texts if not _is_chinese(text)]
    chinese = [text for text in texts if _is_chinese(text)] + [scenario.look_for["zh"] for scenario in found]
    return (
        RerankRequest(found[0].query, _passages(english, " ", ENGLISH, count)),
        RerankRequest(CHINESE_QUERY, _passages(chinese, "", CHINESE, count)),
    )


def log_normal(count: int, low: int, high: int) -> list[int]:
    """Lengths whose logarithms are normal: nine of ten lie within `low` and `high`, the rest on them. In random order,
    the same each time."""
    centre, spread = math.log(low * high) / 2, math.log(high / low) / 2
    normal = NormalDist(centre, spread / NormalDist().inv_cdf(0.95))
    drawn = [math.exp(normal.inv_cdf((place + 0.5) / count)) for place in range(count)]
    lengths = [round(min(max(length, low), high)) for length in drawn]
    random.Random(count).shuffle(lengths)
    return lengths


def _passages(pool: list[str], between: str, lengths: tuple[int, int], count: int) -> tuple[Passage, ...]:
    """Each begins with another text and goes on with those after it."""
    made = []
    for place, length in enumerate(log_normal(count, *lengths)):
        text, at = "", place
        while len(text) < length:
            text, at = text + between * bool(text) + pool[at % len(pool)], at + 1
        made.append(Passage(str(place + 1), text[:length].strip()))
    return tuple(made)


def _is_chinese(text: str) -> bool:
    return sum("\u4e00" <= char <= "\u9fff" for char in text) > len(text) / 3
