"""Windows of a text: they cover it, they are as long as they may be, and they end where a reader would end."""

from __future__ import annotations

import functools
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from playground.models.encoding import Encoder
from playground.models.splitting import Splitter
from playground.paths import BUILT_IN_MODELS
from tests import checkpoints

ENGLISH = "Dr. Smith moved 3.5 km away. He sold the house, e.g. the roof! Was it wise? Nobody knows.\n\nThe next day"
CHINESE = "今天天气很好。我们去公园吧！你带水了吗？他说：“好的。”然后大家出发，走了很远的路，没有人觉得累。"
TOKENIZERS = ("wordpiece", "bytes", "unigram")


@functools.cache
def encoder(kind: str) -> Encoder:
    """As BERT, Qwen and XLM-R have it: words, bytes with the space before a word, and pieces that normalise."""
    if kind == "wordpiece":
        backend = Tokenizer.from_file(str(BUILT_IN_MODELS / "mini-reranker" / "tokenizer.json"))
    else:
        make = checkpoints.qwen_tokenizer if kind == "bytes" else checkpoints.xlmr_tokenizer
        backend = Tokenizer.from_str(make().backend_tokenizer.to_str())
    return Encoder(backend, 512, "only_second", token_types=False)


def pieces(text: str, n_tokens: int, n_overlap: int = 0, kind: str = "wordpiece", most: int = 1000) -> list[str]:
    found = Splitter(text, encoder(kind).token_spans(text)).split(n_tokens, n_overlap, most)
    return [text[start:end] for start, end in found.spans]


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from([*ENGLISH.split(), *CHINESE, "🐼", "\n\n", "  ", "\u200b", "x" * 30, "ﷺ"]), max_size=120),
    st.integers(16, 40),
    st.integers(0, 15),
    st.sampled_from(TOKENIZERS),
    st.sampled_from(["", " "]),
)
def test_windows_cover_the_text_in_order_and_none_is_empty_or_too_long(
    words: list[str], n_tokens: int, n_overlap: int, kind: str, between: str
) -> None:
    text = between.join(words)
    tokens = encoder(kind).token_spans(text)
    if not tokens:
        return
    found = Splitter(text, tokens).split(n_tokens, n_overlap, 1000)
    covered: set[int] = set()
    for start, end in found.spans:
        assert text[start:end] == text[start:end].strip() != ""
        # Of one that was cut inside a character, the whole character.
        assert sum(start <= first and last <= end for first, last in tokens if first < last) <= n_tokens + 8
        covered.update(range(start, end))
    assert {at for at, sign in enumerate(text) if not sign.isspace()} <= covered
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(found.spans))
    assert found.n_unread == 0


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_windows_end_at_sentences_in_english_and_chinese(kind: str) -> None:
    text = "The panda eats bamboo all day long. " * 100
    assert {piece[-5:] for piece in pieces(text, 160, 0, kind)} == {"long."}
    assert all(piece.startswith("The panda") for piece in pieces(text, 160, 60, kind))
    text = "大熊猫吃竹子。它住在山里吗？当然！" * 100
    assert {piece[-1] for piece in pieces(text, 160, 60, kind)} <= set("。？！")
    assert {piece[0] for piece in pieces(text, 160, 60, kind)} <= set("大它当")


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "one two three four five six seven eight nine ten eleven e.g. Dr. Smith"
    assert pieces(text, 16)[0] == "one two three four five six seven eight nine ten eleven e.g. Dr"
    text = "one two three four five six seven eight nine ten eleven. Big Dr. Smith came here"
    assert pieces(text, 16)[0] == "one two three four five six seven eight nine ten eleven."


def test_without_a_sentence_a_word_is_not_parted_and_without_a_word_a_token_is() -> None:
    text = " ".join(f"unbelievable{n}" for n in range(40))
    assert all(piece.split()[-1].startswith("unbelievable") for piece in pieces(text, 20, 5))
    assert set(" ".join(pieces(text, 20)).split()) == set(text.split())
    endless = "x" * 2000
    assert "".join(pieces(endless, 16, kind="bytes")) == endless


def test_about_as_much_overlaps_as_was_asked_for() -> None:
    text = " ".join(str(n) for n in range(100, 400))
    for one, other in pairwise(pieces(text, 50, 10)):
        assert 5 <= len(set(one.split()) & set(other.split())) <= 10


def test_no_more_windows_are_made_than_may_be_and_the_rest_is_counted() -> None:
    text = " ".join(["word"] * 100)
    found = Splitter(text, encoder("wordpiece").token_spans(text)).split(20, 0, 3)
    assert (len(found.spans), found.n_unread) == (3, 40)
    assert found.spans[-1][1] == len(" ".join(["word"] * 60))


def test_white_space_alone_is_no_window() -> None:
    text = "word " + " \n" * 500 + "end"
    assert [piece for piece in pieces(text, 16, 4, "bytes") if not piece.strip()] == []
    assert pieces(text, 16, 4, "bytes")[-1].endswith("end")
