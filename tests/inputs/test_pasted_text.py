"""Pasted text becomes passages."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.inputs.keyed_items import Note
from playground.inputs.pasted_text import as_text, parse_passages, remember


def texts(source: str, mode: str = "auto") -> list[str]:
    return [passage.text for passage in parse_passages(source, mode).passages]


def test_one_passage_per_line_when_nothing_says_otherwise() -> None:
    parsed = parse_passages("Pandas eat bamboo.\r\n  Bears sleep.  \rFoxes run.")
    assert [(p.id, p.text) for p in parsed.passages] == [
        ("1", "Pandas eat bamboo."),
        ("2", "Bears sleep."),
        ("3", "Foxes run."),
    ]
    assert (parsed.mode, parsed.notes, parsed.query) == ("lines", (), None)


def test_blank_lines_split_when_a_paragraph_has_several_lines() -> None:
    parsed = parse_passages("First line\n  second line\n \t\n\nAnother")
    assert [p.text for p in parsed.passages] == ["First line\n  second line", "Another"]
    assert parsed.mode == "blank lines"


def test_blank_lines_between_single_lines_separate_and_are_no_passages() -> None:
    parsed = parse_passages("a\n\nb\n\nc\n")
    assert [p.text for p in parsed.passages] == ["a", "b", "c"]
    assert parsed.mode == "lines"
    assert parsed.notes == ()
    assert parse_passages("a\n \n\u200b\nb", "lines").notes == ()
    assert parse_passages("a\nb\n\n \n\nc", "blank lines").notes == ()
    assert parse_passages('["a", " ", "b"]').notes == ("Blank passages left out: 1.",)


def test_one_paragraph_of_several_lines_is_one_per_line_unless_told() -> None:
    assert texts("a\nb") == ["a", "b"]
    assert texts("a\nb", "blank lines") == ["a\nb"]


@pytest.mark.parametrize("source", ["", " \n\t\n", "\u200b\n\ufeff", "\0\0"])
def test_a_blank_text_has_no_passages(source: str) -> None:
    assert parse_passages(source).passages == ()


def test_json_array_of_strings_keeps_lines_inside() -> None:
    parsed = parse_passages('["one\\ntwo", "three"]')
    assert [p.text for p in parsed.passages] == ["one\ntwo", "three"]
    assert parsed.mode == "json"


def test_json_objects_give_ids_labels_and_meta() -> None:
    parsed = parse_passages(
        '[{"id": "d7", "Text": "A", "relevant": "yes", "source": "wiki"}, {"body": "B", "label": 0}]'
    )
    assert parsed.passages == (Passage("d7", "A", True, {"source": "wiki"}), Passage("2", "B", False))


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (1, True),
        (0, False),
        (True, True),
        ("No", False),
        ("yes", True),
        ("FALSE", False),
        (1.0, True),
        (None, None),
        ("", None),
    ],
)
def test_labels_are_read(said: object, label: bool | None) -> None:
    parsed = parse_passages(json.dumps([{"text": "A", "label": said}]))
    assert parsed.passages == (Passage("1", "A", label),)


def test_a_label_that_says_neither_stays_in_meta_with_a_note() -> None:
    parsed = parse_passages('[{"text": "A", "label": 3}]')
    assert parsed.passages[0].label is None
    assert parsed.passages[0].meta == {"label": 3}
    assert parsed.notes == ("Labels that say neither yes (1) nor no (0), not used: 1.",)


def test_a_training_row_gives_query_and_labels() -> None:
    parsed = parse_passages('{"query": "what is panda?", "pos": ["A bear."], "neg": ["hi", "A car."]}')
    assert parsed.query == "what is panda?"
    assert [(p.text, p.label) for p in parsed.passages] == [("A bear.", True), ("hi", False), ("A car.", False)]


def test_a_query_with_passages_or_documents() -> None:
    for key in ("passages", "documents"):
        parsed = parse_passages(json.dumps({"query": "q", key: ["A", {"id": "x", "text": "B"}]}))
        assert parsed.query == "q"
        assert [(p.id, p.text) for p in parsed.passages] == [("1", "A"), ("x", "B")]


def test_of_several_training_rows_the_first_is_taken_and_that_is_said() -> None:
    rows = '{"query": "a", "pos": ["1"], "neg": []}\n{"query": "b", "pos": ["2"], "neg": []}'
    parsed = parse_passages(rows)
    assert (parsed.mode, parsed.query, [p.text for p in parsed.passages]) == ("jsonl", "a", ["1"])
    assert parsed.notes == ("Each of the 2 entries has its own query; only the first was taken.",)


def test_jsonl_with_one_query_in_every_line() -> None:
    parsed = parse_passages('{"query": "q", "text": "A"}\n\n{"query": "q", "text": "B"}')
    assert (parsed.mode, parsed.query) == ("jsonl", "q")
    assert parsed.passages == (Passage("1", "A"), Passage("2", "B"))


def test_different_queries_stay_in_meta_with_a_note() -> None:
    parsed = parse_passages('{"query": "q", "text": "A"}\n{"query": "r", "text": "B"}')
    assert parsed.query is None
    assert parsed.passages[1].meta == {"query": "r"}
    assert parsed.notes == ("The passages belong to 2 queries; give the one to rank by.",)


def test_a_broken_json_line_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"Line 3 is not valid JSON: .* \(column 10\)"):
        parse_passages('{"text": "A"}\n\n{"text": oops}\n{"text": "C"}')


def test_broken_json_says_line_and_column_when_json_was_asked_for() -> None:
    with pytest.raises(InvalidInput, match=r"line 2, column 5"):
        parse_passages('["a",\n"b" "c"]', "json")


@pytest.mark.parametrize("source", ["[1] A reference.\nAnother.", "[note] x\ny", "{braces} a\nb", "[1, 2]\nx"])
def test_prose_that_begins_with_a_bracket_is_prose(source: str) -> None:
    assert texts(source) == source.split("\n")
    assert parse_passages(source).notes == ()


def test_text_that_begins_like_json_but_is_not_is_split_as_prose_with_a_note() -> None:
    parsed = parse_passages('["Hello", she said.\nThen she left.')
    assert len(parsed.passages) == 2
    assert parsed.notes[0].startswith("It begins like JSON but is not (line 1: ")


def test_an_object_without_text_says_which_keys_it_needs() -> None:
    with pytest.raises(InvalidInput, match="Entry 2 has no text: it needs one of the keys text, passage"):
        parse_passages('{"text": "A"}\n{"foo": "B"}')


@pytest.mark.parametrize("source", ["[]", "3", '[["a"]]', "[1]"])
def test_json_without_passages_is_refused_when_json_was_asked_for(source: str) -> None:
    with pytest.raises(InvalidInput, match="This JSON holds no passages"):
        parse_passages(source, "json")


def test_a_text_that_is_a_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="In entry 1, 'text' is not a text"):
        parse_passages('[{"text": 5}]')


def test_equal_ids_are_refused() -> None:
    with pytest.raises(InvalidInput, match="Two passages have the id 'x'"):
        parse_passages('[{"id": "x", "text": "A"}, {"id": "x", "text": "B"}]')


def test_a_given_number_never_clashes_with_an_own_id() -> None:
    parsed = parse_passages('[{"text": "A"}, {"id": 1, "text": "B"}, {"id": "#1", "text": "C"}]')
    assert [p.id for p in parsed.passages] == ["##1", "1", "#1"]


def test_blank_and_repeated_passages_are_said() -> None:
    parsed = parse_passages('["A", " ", "A", "\\u200b"]')
    assert [p.text for p in parsed.passages] == ["A", "A"]
    assert parsed.notes == ("Blank passages left out: 2.", "Passages that repeat another word for word, kept: 1.")


def test_notes_carry_their_template_for_translation() -> None:
    note = parse_passages('["a", "", "b"]').notes[0]
    assert isinstance(note, Note)
    assert (note.template, note.values) == ("Blank passages left out: {n}.", {"n": 1})


def test_nul_and_half_surrogates_are_mended_and_said() -> None:
    parsed = parse_passages("a\0b\nc\ud800d\n\ud83d\ude00 and 熊猫 עברית")
    assert [p.text for p in parsed.passages] == ["ab", "c\ufffdd", "😀 and 熊猫 עברית"]
    assert parsed.notes == ("Characters that no text can hold (NUL, half emoji), mended: 2.",)


def test_half_surrogates_inside_json_escapes_are_mended() -> None:
    assert texts('["x\\ud800y", "\\ud83d\\ude00"]') == ["x\ufffdy", "😀"]


def test_numbers_that_json_cannot_hold_do_not_reach_meta() -> None:
    assert parse_passages('[{"text": "A", "x": NaN, "y": 1e999}]').passages[0].meta == {"x": None, "y": None}


def test_deep_nesting_and_endless_numbers_are_refused_not_crashed() -> None:
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_passages("[" * 100_000 + "]" * 100_000, "json")
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_passages('[{"text": "A", "x": ' + "[" * 700 + "]" * 700 + "}]", "json")
    with pytest.raises(InvalidInput, match="a number that is too long"):
        parse_passages("[" + "1" * 5000 + "]", "json")


def test_an_unknown_way_of_splitting_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be split by 'words'"):
        parse_passages("a", "words")


def test_ten_thousand_lines_are_split() -> None:
    assert len(parse_passages("\n".join(f"passage {n}" for n in range(10_000))).passages) == 10_000


PASSAGE_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff"), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(PASSAGE_TEXTS, st.sampled_from([True, False, None])), max_size=6))
def test_as_text_reads_back_the_same(drawn: list[tuple[str, bool | None]]) -> None:
    passages = parse_passages(json.dumps([{"text": t, "label": mark} for t, mark in drawn] or ["x"]), "json").passages
    if passages:
        assert parse_passages(as_text(passages)).passages == passages
        bare = parse_passages(as_text(passages, marks=False)).passages
        assert [p.text for p in bare] == [p.text for p in passages]


def test_plain_passages_are_written_as_plain_text() -> None:
    assert as_text([Passage("1", "A"), Passage("2", "B")]) == "A\nB"
    assert as_text([Passage("x", "A", True), Passage("y", "B\nC")], marks=False) == "A\n\nB\nC"


def test_marks_come_back_to_texts_that_were_not_edited() -> None:
    known = [Passage("a", "A", True), Passage("b", "B", False), Passage("c", "A", False)]
    parsed = remember(parse_passages("A\nnew\nA\nA"), known)
    assert parsed.passages == (
        Passage("a", "A", True),
        Passage("2", "new"),
        Passage("c", "A", False),
        Passage("4", "A"),
    )


def test_own_marks_are_not_overwritten() -> None:
    parsed = parse_passages('[{"id": "z", "text": "A", "label": 0}]')
    assert remember(parsed, [Passage("a", "A", True)]) == parsed
