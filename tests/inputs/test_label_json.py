"""JSON and JSON lines become a labelled set, or an error that names the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.scales import FILE
from playground.inputs.labelled_sets import scores_of
from playground.ui import texts
from tests.inputs.label_sets import FLAG, fails, ids, read_text, said


def test_flagembedding_rows_become_queries_with_labels(tmp_path: Path) -> None:
    file = read_text(tmp_path, FLAG, "my labels.jsonl")
    assert said(file.labelled) == {"q1": [("a", 1), ("b", 1), ("c", 0)], "q2": [("a", 0)]}
    assert ids(file.labelled) == {"1": ["1", "2", "3"], "2": ["1"]}
    assert (file.kind, file.labelled.id, file.labelled.name, file.scores, file.notes) == (
        "flagembedding",
        "file",
        "my labels",
        None,
        (),
    )
    assert {label.source for query in file.labelled.queries for label in query.labels if label} == {"imported"}
    assert [passage.label for passage in file.labelled.queries[0].passages] == [True, True, False]


def test_teacher_scores_stay_with_their_passages(tmp_path: Path) -> None:
    line = {"query": "q", "pos": ["a"], "neg": ["b", "c"], "pos_scores": [2], "neg_scores": [-1.5, None]}
    file = read_text(tmp_path, json.dumps(line) + "\n" + FLAG)
    assert file.scores == ((2.0, -1.5, None), (None, None, None), (None,))


def test_scores_of_a_file_are_those_of_a_model_named_like_the_set(tmp_path: Path) -> None:
    line = '{"query": "q", "pos": ["a"], "neg": ["b"], "pos_scores": [%s], "neg_scores": [-1.5]}'
    one, other = (scores_of(read_text(tmp_path, line % score, "dev.jsonl")) for score in (2, 3))
    assert one is not None
    assert other is not None
    assert (one.spec.model_id, one.scale, one.instruction, one.logits) == ("dev", FILE, "", ((2.0, -1.5),))
    assert one.spec.fingerprint != other.spec.fingerprint
    assert scores_of(read_text(tmp_path, FLAG)) is None


def test_ids_of_rows_are_kept_and_other_keys_are_named(tmp_path: Path) -> None:
    line = '{"id": "x7", "query": "q", "pos": ["a"], "neg": ["b"], "prompt": "Judge", "type": "normal"}'
    file = read_text(tmp_path, line + "\n" + FLAG)
    assert list(ids(file.labelled)) == ["x7", "2", "3"]
    assert file.notes == ("Keys or columns that were not used: prompt, type.",)


def test_an_id_that_is_a_number_of_a_place_does_not_clash(tmp_path: Path) -> None:
    file = read_text(tmp_path, FLAG + '{"id": 1, "query": "q3", "pos": ["a"]}')
    assert list(ids(file.labelled)) == ["#1", "2", "1"]


def test_lines_of_one_query_are_put_together_and_repeats_merged_with_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, FLAG + '{"query": "q1", "pos": ["a", "d"], "neg": ["c", "e", "e"]}')
    assert said(file.labelled)["q1"] == [("a", 1), ("b", 1), ("c", 0), ("d", 1), ("e", 0)]
    assert file.notes == ("Pairs that stand there more than once, merged: 3.",)


@pytest.mark.parametrize("name", ["array.json", "array.jsonl"])
def test_a_json_array_of_rows_is_read_as_well(tmp_path: Path, name: str) -> None:
    rows = [json.loads(line) for line in FLAG.splitlines()]
    assert said(read_text(tmp_path, json.dumps(rows, indent=2), name).labelled) == said(
        read_text(tmp_path, FLAG).labelled
    )


def test_one_object_over_many_lines_is_one_row(tmp_path: Path) -> None:
    text = json.dumps({"query": "q", "pos": ["a"], "neg": ["b"]}, indent=2)
    assert said(read_text(tmp_path, text, "one.json").labelled) == {"q": [("a", 1), ("b", 0)]}


def test_sentence_transformers_samples_take_strings_and_lists(tmp_path: Path) -> None:
    text = (
        '{"query": "q1", "positive": "a", "negative": "b"}\n{"query": "q2", "positive": ["a"], "negative": ["b", "c"]}'
    )
    file = read_text(tmp_path, text)
    assert said(file.labelled) == {"q1": [("a", 1), ("b", 0)], "q2": [("a", 1), ("b", 0), ("c", 0)]}
    assert file.kind == "sentence-transformers"


def test_documents_keep_their_order_and_those_that_are_not_positive_are_not_relevant(tmp_path: Path) -> None:
    text = '{"query": "q", "positive": ["b", "x"], "documents": ["a", "b", "c"]}'
    assert said(read_text(tmp_path, text).labelled) == {"q": [("a", 0), ("b", 1), ("c", 0), ("x", 1)]}


def test_triplets_and_n_tuples_of_one_query_are_merged(tmp_path: Path) -> None:
    rows = [
        {"anchor": "q", "positive": "a", "negative": "b"},
        {"anchor": "q", "positive": "a", "negative_1": "c", "negative_2": "d"},
    ]
    file = read_text(tmp_path, "\n".join(map(json.dumps, rows)))
    assert said(file.labelled) == {"q": [("a", 1), ("b", 0), ("c", 0), ("d", 0)]}
    assert file.notes == ("Pairs that stand there more than once, merged: 1.",)


def test_labelled_pairs_may_be_json_lines_too(tmp_path: Path) -> None:
    text = '{"query": "q", "passage": "a", "label": true, "score": 0.5}\n{"query": "q", "passage": "b", "label": 0}'
    file = read_text(tmp_path, text)
    assert (said(file.labelled), file.scores) == ({"q": [("a", 1), ("b", 0)]}, ((0.5, None),))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "q", "pos": ["a"]', "not valid JSON (Expecting ',' delimiter)."),
        ("[1, 2]", "this is not a JSON object."),
        ('{"query": "q"}', "a row needs a query with pos and neg"),
        ('{"query": "q", "pos": [], "neg": []}', "the query has no passages."),
        ('{"query": " ", "pos": ["a"]}', "the query is blank."),
        ('{"query": 5, "pos": ["a"]}', "the query is missing or not a text."),
        ('{"query": "q", "pos": ["a", "\\u200b"]}', "a passage is blank."),
        ('{"query": "q", "pos": ["a", 5]}', "pos must be a text or a list of texts."),
        (
            '{"query": "q", "pos": ["a"], "neg": ["a"]}',
            "'a' is both relevant and not relevant to 'q' (see file.jsonl:5).",
        ),
        ('{"query": "q1", "pos": ["c"]}', "'c' is both relevant and not relevant to 'q1' (see file.jsonl:1)."),
        ('{"query": "q", "pos": ["a"], "pos_scores": [1, 2]}', "pos_scores must hold one number for each text."),
        ('{"query": "q", "pos": ["a"], "pos_scores": [NaN]}', "the score nan is not a finite number."),
        ('{"query": "q", "pos": ["a"], "pos_scores": [-Infinity]}', "the score -inf is not a finite number."),
        ('{"query": "q", "pos": ["a"], "pos_scores": ["high"]}', "the score 'high' is not a number."),
        ('{"query": "q", "pos": ["a"], "pos_scores": [true]}', "the score 'True' is not a number."),
        ('{"query": "q", "passage": "a", "label": "perhaps"}', "the label 'perhaps' is not known."),
        ('{"query": "q", "passage": null, "label": 1}', "the passage is not a text."),
        ("[" * 100_000, "not valid JSON (nested too deeply, or a number that is too long)."),
        ('{"query": "q", "pos": ["a"], "pos_scores": [' + "1" * 5000 + "]}", "not valid JSON (nested too deeply"),
    ],
)
def test_a_broken_line_is_named_and_nothing_is_imported(tmp_path: Path, line: str, reason: str) -> None:
    said = fails(tmp_path, f"{FLAG}\n\n{line}\n")
    assert said.startswith("Nothing was imported: one line is broken. file.jsonl, line 5: ")
    assert reason in said


def test_all_broken_lines_are_counted_and_the_first_five_named(tmp_path: Path) -> None:
    said = fails(tmp_path, FLAG + "{broken\n" * 7)
    assert said.startswith("Nothing was imported: 7 lines are broken. The first: file.jsonl, line 3: not valid JSON")
    assert "line 7: " in said
    assert "line 8: " not in said


def test_broken_lines_are_told_in_chinese_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_text(tmp_path, FLAG + '{"query": "", "pos": ["a"]}\n{"query": "q", "pos": 7}\n')
    assert texts.sentence(caught.value, "zh") == (
        "没有导入任何内容：有 2 行有问题。前几处："
        "file.jsonl 第 3 行：查询是空白的。 file.jsonl 第 4 行：pos 必须是文本或文本列表。"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[\n {"query": "q", "pos": ["a"]},\n {"query": "q"}\n]', "file.jsonl, line 3: a row needs"),
        ('[{"query": "q", "pos": ["a"]},\n{"query" "q"}]', "file.jsonl, line 2: not valid JSON"),
        ('[{"query": "q", "pos": ["a"]}\n{"query": "q"}]', "file.jsonl, line 2: not valid JSON (Expecting ','"),
        ('[{"query": "q", "pos": ["a"]}', "file.jsonl, line 1: not valid JSON"),
        ('[{"query": "q", "pos": ["a"]}]\n\n more', "file.jsonl, line 1: not valid JSON (text after the end"),
        ("[]", "This file holds no labelled pairs."),
    ],
)
def test_items_of_an_array_know_their_line(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in fails(tmp_path, text)
