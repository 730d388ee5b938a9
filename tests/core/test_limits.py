"""What a request may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.core.limits import LOCAL, MAX_PASSAGE_CHARS, MAX_PASSAGES, MAX_QUERY_CHARS, PUBLIC, Limits, validate
from playground.core.types import Passage, RerankRequest
from tests.engine.doubles import request_of


@pytest.mark.parametrize(
    ("query", "texts", "message"),
    [
        ("", ["a"], "The query is empty. Write what you are looking for."),
        (" \n\t", ["a"], "The query is empty. Write what you are looking for."),
        ("\0", ["a"], "The query is empty. Write what you are looking for."),
        ("q", [], "There are no passages. Give at least one text to rank."),
        ("q", [" ", "\n", "\0"], "All passages are blank. Give at least one text to rank."),
        ("q", ["a", " "], "Passage 2 is blank. Remove it or give it a text."),
        (
            "q",
            ["a"] * 10_000,
            "10,000 passages are more than the limit of 5,000. Rank them in parts, or keep the likeliest.",
        ),
        (
            "q",
            ["a", "b" * 1_000_000],
            "Passage 2 has 1,000,000 characters; the limit is 200,000. Split it into several passages.",
        ),
        (
            "q" * 20_001,
            ["a"],
            "The query has 20,001 characters; the limit is 20,000. Shorten it, or give the long text as a passage.",
        ),
        (
            "q",
            ["a" * 200_000] * 101,
            "The passages have 20,200,000 characters together; the limit is 20,000,000. Rank them in parts.",
        ),
    ],
)
def test_what_cannot_be_ranked_is_refused_in_one_sentence(query: str, texts: list[str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(request_of(query, *texts))
    assert str(caught.value) == message


def test_a_long_instruction_is_refused() -> None:
    with pytest.raises(InvalidInput, match="The instruction has 20,001 characters"):
        validate(RerankRequest("q", (Passage("1", "a"),), "i" * 20_001))


def test_what_is_at_the_limit_passes_unchanged() -> None:
    request = request_of("q" * MAX_QUERY_CHARS, "a" * MAX_PASSAGE_CHARS, *["b"] * (MAX_PASSAGES - 1))
    assert validate(request) == (request, ())


def test_public_limits_are_tighter() -> None:
    with pytest.raises(InvalidInput, match="1,001 passages are more than the limit of 1,000"):
        validate(request_of("q", *["a"] * 1001), PUBLIC)
    assert PUBLIC.passage_chars < LOCAL.passage_chars
    assert Limits() == LOCAL


def test_one_passage_emoji_and_right_to_left_pass_unchanged() -> None:
    request = request_of("ما هي الباندا؟ 🐼", "הפנדה הענקית 👩‍👩‍👧 \u202eabc\u202c")
    assert validate(request) == (request, ())


def test_nul_and_lone_surrogates_go_everywhere_and_are_said() -> None:
    passage = Passage("i\0d", "x\ud83dy", True, {"k\0": ["\udc00", 3, {"n": "\0"}]})
    request, notes = validate(RerankRequest("a\0b", (passage,), "\ud800"))
    assert request.query == "ab"
    assert request.instruction == "\ufffd"
    assert request.passages == (Passage("id", "x\ufffdy", True, {"k": ["\ufffd", 3, {"n": ""}]}),)
    assert notes == (
        "NUL characters were removed from 1 texts.",
        "Broken characters (lone surrogates) in 2 texts were replaced by \ufffd.",
    )


def test_a_surrogate_pair_becomes_its_character() -> None:
    request, _ = validate(request_of("q", "\ud83d\udc3c!"))
    assert request.passages[0].text == "🐼!"


@given(st.text(st.characters(codec=None), min_size=1, max_size=40))
def test_any_text_comes_out_as_utf_8_without_nul_or_is_refused(text: str) -> None:
    try:
        request, notes = validate(request_of("q", text))
    except InvalidInput:
        assert not text.replace("\0", "").strip()
        return
    cleaned = request.passages[0].text
    cleaned.encode()
    assert "\0" not in cleaned
    assert (cleaned == text) == (notes == ())
