"""Queries and judgements, in every layout that is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelQuery, FunnelSet
from playground.inputs.query_files import judged_ids, known_in, paste, read


def written(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / name.replace("_", ".", 1)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def test_each_line_is_a_query_and_a_tab_parts_its_id() -> None:
    assert paste("what is a panda?\n\n 熊猫吃什么 \n").queries == (
        FunnelQuery("1", "what is a panda?"),
        FunnelQuery("2", "熊猫吃什么"),
    )
    assert paste("q7\tred panda\nq9\tblue sky").queries == (
        FunnelQuery("q7", "red panda"),
        FunnelQuery("q9", "blue sky"),
    )
    assert not paste("red panda").labelled


def test_beir_queries_come_with_the_qrels_beside_them(tmp_path: Path) -> None:
    files = written(
        tmp_path,
        queries_jsonl='{"_id": "q1", "text": "red panda"}\n{"_id": "q2", "text": "sky"}\n',
        test_tsv="query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq9\td3\t1\n",
    )
    found = read(files)
    assert found.queries == (FunnelQuery("q1", "red panda", {"d1": 1, "d2": 0}), FunnelQuery("q2", "sky"))
    assert found.labelled
    assert judged_ids(found) == ("d1",)


def test_trec_qrels_without_a_heading_are_read_too(tmp_path: Path) -> None:
    files = written(tmp_path, queries_tsv="q1\tred panda\n", qrels_txt="q1 0 d1 2\nq1 0 d2 -1\n")
    assert read(files).queries == (FunnelQuery("q1", "red panda", {"d1": 2, "d2": -1}),)


QUESTIONS = "windows 10 vs 11\napple iphone vs 15\nworld war history 2"


def test_queries_of_four_words_with_a_number_at_the_end_are_no_qrels(tmp_path: Path) -> None:
    expected = QUESTIONS.split("\n")
    assert [query.text for query in paste(QUESTIONS).queries] == expected
    assert [query.text for query in read(written(tmp_path, queries_txt=QUESTIONS)).queries] == expected
    both = read(written(tmp_path, queries_txt=QUESTIONS, more_tsv="q1\tred panda\n"))
    assert {query.text for query in both.queries} == {*expected, "red panda"}


def test_qrels_may_name_the_queries_of_another_file_and_have_any_whole_grade(tmp_path: Path) -> None:
    files = written(tmp_path, queries_tsv="q1\tred panda\n", qrels_txt="q1 3 d1 5\nq1 1 d2 0\n")
    assert read(files).queries == (FunnelQuery("q1", "red panda", {"d1": 5, "d2": 0}),)
    broken = written(tmp_path, queries_tsv="q1\tred panda\n", qrels_txt="q1 0 d1 5\nq1 0 d2 1\nq1 d3\n")
    with pytest.raises(InvalidInput, match=r"qrels\.txt, line 3: a line of qrels is"):
        read(broken)


def test_a_table_or_json_lines_may_list_what_is_relevant() -> None:
    table = paste('id,query,relevant\nq1,"red, panda","d1 d2"\nq2,sky,\n')
    assert table.queries == (FunnelQuery("q1", "red, panda", {"d1": 1, "d2": 1}), FunnelQuery("q2", "sky"))
    assert paste('{"query": "red", "pos": ["d1", "d2"]}').queries == (FunnelQuery("1", "red", {"d1": 1, "d2": 1}),)


@pytest.mark.parametrize(
    "line",
    ["[1] Some text", "[urgent] what now?", '{"panda"} is a set', '["panda"] is a list', "{{ name }}", "[", "[1, 2]"],
)
def test_only_what_is_json_is_read_as_json(tmp_path: Path, line: str) -> None:
    expected = [line, "red panda"]
    for found in (paste("\n".join(expected)), read(written(tmp_path, queries_txt="\n".join(expected)))):
        assert [query.text for query in found.queries] == expected
    assert [query.text for query in paste(line).queries] == [line]


def test_json_with_a_broken_line_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="pasted, line 2: not valid JSON"):
        paste('{"query": "red"}\n{"query": ')
    with pytest.raises(InvalidInput, match=r"queries\.jsonl, line 1"):
        read(written(tmp_path, queries_jsonl='{"query": \n'))


def test_judged_passages_that_the_corpus_lacks_are_counted() -> None:
    asked = FunnelSet("s", (FunnelQuery("q", "red", {"d1": 1, "gone": 1, "never": 0}),))
    assert known_in(asked, ["d1"]).unknown == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  \n ", "There is no query here."),
        ('{"_id": "q1", "text": "  "}', "pasted, line 1: there is no query."),
        ("q1\tred\nq1\tblue", "pasted, line 2: the id 'q1' stands for two texts."),
        ("query-id\tcorpus-id\tscore\nq1\td1\tperhaps", "pasted, line 2: the label 'perhaps' is not known."),
        ("query-id\tcorpus-id\tscore\nq1\td1\t1", "There is no query here."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as said:
        paste(text)
    assert str(said.value).startswith(sentence)
