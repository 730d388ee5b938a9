"""Documents are cut at headings and ends of sentences; every passage is characters of its document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.corpus import chunking
from playground.corpus.chunking import WORD, chunk, preview
from playground.corpus.types import WHOLE, Chunking, Document, Heading
from playground.models.splitting import Splitter

LONG = " ".join(f"Sentence number {n} says what comes after the one before it." for n in range(60))


def test_a_passage_ends_at_a_sentence_and_holds_no_more_words_than_allowed() -> None:
    passages = list(chunk([Document("a", "Title", LONG)], Chunking(words=50, overlap=0)))

    assert [passage.id for passage in passages[:2]] == ["a#1", "a#2"]
    assert all(passage.text.endswith("it.") for passage in passages)
    assert all(20 < len(WORD.findall(passage.text)) <= 50 for passage in passages)
    assert " ".join(passage.text for passage in passages) == LONG


def test_an_overlap_says_the_last_words_again() -> None:
    passages = list(chunk([Document("a", "", LONG)], Chunking(words=50, overlap=15)))

    assert all(0 < one.end - other.start < 150 for one, other in pairwise(passages))


def test_headings_part_passages_and_become_their_title() -> None:
    text = "Before.\n\nFood\n\nBamboo.\n\nLeaves\n\nMany.\n\nHome\n\nChina."
    headings = tuple(Heading(text.index(word), text.index(word) + len(word), level) for word, level in LEVELS)
    document = Document("p", "Panda", text, headings)

    cut = [(passage.title, passage.text) for passage in chunk([document], Chunking())]

    assert cut == [
        ("Panda", "Before."),
        ("Panda › Food", "Bamboo."),
        ("Panda › Food › Leaves", "Many."),
        ("Panda › Home", "China."),
    ]
    assert [passage.text for passage in chunk([document], Chunking(headings=False))] == [text]


LEVELS = (("Food", 2), ("Leaves", 3), ("Home", 2))


def test_chinese_is_cut_after_its_full_stops() -> None:
    text = "大熊猫吃竹子。它们住在山里。" * 10

    passages = list(chunk([Document("a", "", text)], Chunking(words=40, overlap=0)))

    assert len(passages) == 4
    assert all(passage.text.endswith("。") for passage in passages)


def test_a_whole_document_keeps_its_id_and_a_blank_one_gives_nothing() -> None:
    documents = [Document("a", "", " one \n"), Document("b", "", " \n "), Document("c", "", "a\0b\ud800")]

    assert [(each.id, each.text) for each in chunk(documents, WHOLE)] == [("a", "one"), ("c", "ab�")]


def test_a_preview_reads_no_further_than_it_shows() -> None:
    def documents() -> object:
        yield Document("a", "", LONG)
        raise AssertionError("read too far")

    assert len(preview(documents(), Chunking(words=50), most=3)) == 3  # type: ignore[arg-type]


def test_a_long_section_is_cut_in_parts_that_end_with_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(f"Line {n} says what comes after the one before it." for n in range(400))
    monkeypatch.setattr(chunking, "MOST_CHARS", 1_000)

    passages = list(chunk([Document("a", "", text)], Chunking(words=50, overlap=0)))

    assert all(each.text.endswith(" it.") for each in passages)
    assert "\n".join(each.text for each in passages) == text


def test_a_preview_cuts_no_more_of_a_long_text_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_up: list[int] = []

    class Counted(Splitter):
        def __init__(self, text: str, tokens: Sequence[tuple[int, int]]) -> None:
            cut_up.append(len(text))
            super().__init__(text, tokens)

    monkeypatch.setattr(chunking, "MOST_CHARS", 4_000)
    monkeypatch.setattr(chunking, "Splitter", Counted)

    assert len(preview([Document("a", "", LONG * 50)], Chunking(words=50), most=3)) == 3
    assert len(cut_up) == 1


def test_a_passage_never_takes_the_id_of_another() -> None:
    short, long = Document("a#1", "", "One."), Document("a", "", LONG)

    before = [each.id for each in chunk([short, long], Chunking(words=100))]
    after = [each.id for each in chunk([long, short], Chunking(words=100))]

    assert before[:3] == ["a#1", "a#2", "a#3"]
    assert after[-2:] == [f"a#{len(after) - 1}", "a#1#1"]
    assert len(set(before)) == len(before) == len(set(after))


def test_two_documents_of_one_id_and_impossible_sizes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="Two documents have the id 'a'"):
        list(chunk([Document("a", "", "x"), Document("a", "", "y")], WHOLE))
    with pytest.raises(InvalidInput, match="5 words cannot be"):
        Chunking(words=5)
    with pytest.raises(InvalidInput, match="overlap of 60 words"):
        Chunking(words=100, overlap=60)


@given(st.text(alphabet=" .\n。ab熊é", max_size=400), st.integers(10, 40), st.integers(0, 5))
def test_every_passage_is_characters_of_its_document_and_no_word_is_lost(text: str, words: int, overlap: int) -> None:
    passages = list(chunk([Document("a", "t", text)], Chunking(words, overlap)))

    assert all(text[each.start : each.end] == each.text and each.text.strip() == each.text for each in passages)
    covered = {place for each in passages for place in range(each.start, each.end)}
    assert all(place in covered for place, char in enumerate(text) if char.isalnum())
