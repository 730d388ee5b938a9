"""An explanation as the page draws it: words whole, weights true, and no more than a page can hold."""

from __future__ import annotations

from typing import Any

import pytest

from playground.core.explanations import Explanation, Match, Part, ReadText, Token
from playground.core.scales import DOT
from playground.ui.components import explained
from tests.plots.results import SPEC


def text_of(text: str, *tokens: tuple[int, int, int], n_cut: int = 0, n_instruction: int = 0) -> ReadText:
    """Tokens of (id, start, end), named by their characters."""
    return ReadText(
        text,
        n_instruction,
        tuple(Token(id, text[start:end] or f"[{id}]", start, end) for id, start, end in tokens),
        n_cut,
    )


def payload(query: ReadText, passage: ReadText, *parts: Part, names: dict[int, str] | None = None) -> Any:
    return explained.payload(Explanation(SPEC, DOT, query, passage, parts, names or {}))


def words(side: Any) -> list[list[str]]:
    return [[piece["text"] for piece in item["pieces"]] for item in side["items"] if "pieces" in item]


def test_pieces_of_one_word_stand_together_and_chinese_words_apart() -> None:
    query = text_of(
        "a bamboo's  大熊猫!",
        (2, 0, 1),
        (3, 2, 5),
        (4, 5, 8),
        (5, 8, 9),
        (6, 9, 10),
        (7, 12, 13),
        (8, 13, 15),
        (9, 15, 16),
    )
    found = payload(query, text_of("x", (2, 0, 1)), Part("dense", 1.0, 0.5))
    assert words(found["query"]) == [["a"], ["bam", "boo"], ["'"], ["s"], ["大"], ["熊猫"], ["!"]]
    between = [item["plain"] for item in found["query"]["items"] if "plain" in item]
    assert between == [" ", "  "]
    whole = "".join(item.get("plain") or "".join(p["text"] for p in item["pieces"]) for item in found["query"]["items"])
    assert whole == query.text


def test_special_tokens_are_boxes_and_tokens_of_one_character_share_its_piece() -> None:
    query = text_of("é熊", (0, 0, 0), (2, 0, 1), (3, 1, 2), (4, 1, 2), (5, 1, 2), (1, 0, 0))
    items = payload(query, query, Part("dense", 1.0, 0.5))["query"]["items"]
    assert items == [
        {"special": "[0]", "at": [0]},
        {"pieces": [{"at": [1], "text": "é"}]},
        {"pieces": [{"at": [2, 3, 4], "text": "熊"}]},
        {"special": "[1]", "at": [5]},
    ]


def test_an_instruction_is_told_from_the_query() -> None:
    found = payload(
        text_of("find: red", (2, 0, 4), (3, 4, 5), (4, 6, 9), n_instruction=6), text_of(""), Part("dense", 1.0, 0.5)
    )
    flags = [item.get("instruction", False) for item in found["query"]["items"] if "pieces" in item]
    assert flags == [True, True, False]


def test_shared_words_sum_to_the_part_and_every_word_that_is_drawn_has_its_row() -> None:
    n = explained.MOST_TERMS + 25
    # All but the last twenty are stood for, and what stands in the texts adds least.
    weights = {id: 2.0 - id / 100 for id in range(n)}
    text = text_of("w " * 20, *((n - 20 + at, 2 * at, 2 * at + 1) for at in range(20)))
    score = sum(weight * weight for weight in weights.values())
    names = {id: f"word {id}" for id in range(n - 20)}
    (part,) = payload(text, text, Part("sparse", 1.0, score, weights, weights), names=names)["parts"]
    assert (part["n_shared"], len(part["shared"])) == (n, n - 5)
    products = [row[3] for row in part["shared"]]
    assert products == sorted(products, reverse=True)
    assert part["rest"] == pytest.approx(sum(weights[id] ** 2 for id in range(explained.MOST_TERMS, n - 20)))
    assert sum(products) + part["rest"] == pytest.approx(score, abs=1e-4)
    assert part["weights"]["query"][3] == pytest.approx(weights[n - 17])
    for place in range(20):
        row = part["shared"][part["rows"]["passage"][place]]
        assert row[:2] == ["w", pytest.approx(weights[n - 20 + place])]


def test_words_that_a_text_stands_for_are_apart_from_its_own() -> None:
    query, passage = text_of("red", (2, 0, 3)), text_of("paint", (3, 0, 5))
    part = Part("sparse", 1.0, 0.5, {2: 1.0, 9: 0.5}, {3: 1.0, 9: 1.0})
    (found,) = payload(query, passage, part, names={9: "colour"})["parts"]
    assert found["shared"] == [["colour", 0.5, 1.0, 0.5, False, False]]
    assert found["beyond"] == {
        "query": {"n": 1, "words": [["colour", 0.5]]},
        "passage": {"n": 1, "words": [["colour", 1.0]]},
    }
    assert (found["weights"], found["rows"]) == ({"query": {0: 1.0}, "passage": {0: 1.0}}, {"query": {}, "passage": {}})


def test_nothing_shared_is_an_empty_table() -> None:
    (found,) = payload(
        text_of("red", (2, 0, 3)), text_of("sea", (3, 0, 3)), Part("sparse", 1.0, 0.0, {2: 1.0}, {3: 1.0})
    )["parts"]
    assert (found["n_shared"], found["shared"], found["rest"], found["score"]) == (0, [], 0, 0.0)


def test_of_a_long_text_the_beginning_and_what_counts_is_drawn_and_the_rest_counted() -> None:
    n = 8000
    passage = text_of(
        "w " * n, *((10 if place in (5000, 7990) else 11, 2 * place, 2 * place + 1) for place in range(n))
    )
    query = text_of("red", (10, 0, 3))
    sparse = Part("sparse", 0.5, 1.0, {10: 1.0}, {10: 1.0, 11: 0.2})
    colbert = Part("colbert", 0.5, 0.9, matches=(Match(0, 3000, 0.9),))
    found = payload(query, passage, sparse, colbert)
    items = found["passage"]["items"]
    drawn = {at for item in items for piece in item.get("pieces", []) for at in piece["at"]}
    assert set(range(60)) | {2992, 3000, 3008, 5000, 7990} <= drawn
    assert len(drawn) <= explained.MOST_TOKENS
    assert (found["passage"]["n_tokens"], found["passage"]["n_left_out"]) == (n, n - len(drawn))
    assert sum(item.get("out", 0) for item in items) == n - len(drawn)
    assert "w w w" in "".join(item.get("plain", "w") for item in items[:5])
    assert set(found["parts"][0]["rows"]["passage"]) == {5000, 7990}
    assert found["parts"][1]["matches"] == [[0, 3000, 0.9]]


def test_a_long_query_says_how_many_matches_are_not_drawn() -> None:
    n = 1000
    query = text_of("w " * n, *((place, 2 * place, 2 * place + 1) for place in range(n)))
    matches = tuple(Match(place, 0, 0.5) for place in range(n))
    found = payload(query, text_of("red", (5, 0, 3)), Part("colbert", 1.0, 500.0, matches=matches))
    (part,) = found["parts"]
    assert (part["n_matches"], part["total"]) == (n, 500.0)
    assert 0 < len(part["matches"]) <= explained.MOST_TOKENS
