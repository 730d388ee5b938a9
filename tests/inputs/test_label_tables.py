"""CSV and TSV become a labelled set, or an error that names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.core.labels import UNSURE
from playground.inputs.labelled_sets import read
from tests.inputs.label_sets import fails, ids, read_text, said


@pytest.mark.parametrize(
    ("word", "grade"),
    [
        ("1", 1),
        ("0", 0),
        ("3", 3),
        ("2.0", 2),
        ("-1", UNSURE),
        ("TRUE", 1),
        ("false", 0),
        ("Relevant", 1),
        ("not relevant", 0),
        ("irrelevant", 0),
        ("unsure", UNSURE),
        ("相关", 1),
        ("不相关", 0),
        ("不确定", UNSURE),
        ("", None),
        ("nan", None),
    ],
)
def test_labels_are_words_or_numbers(tmp_path: Path, word: str, grade: int | None) -> None:
    file = read_text(tmp_path, f"query,passage,label\nq,a,{word}\nq,b,0\n", "labels.csv")
    assert said(file.labelled) == {"q": [("a", grade), ("b", 0)]}


def test_a_table_may_have_ids_and_scores(tmp_path: Path) -> None:
    text = (
        "score;label;text;query;query_id;passage_id;warning\n"
        '0.5;2;"two\nlines; and a ""quote""";q;t9;d4;x\n;0;b;q;t9;d5;\n-1e3;;c;q;t9;d6;\n'
    )
    file = read_text(tmp_path, text, "labels.csv")
    assert said(file.labelled) == {"q": [('two\nlines; and a "quote"', 2), ("b", 0), ("c", None)]}
    assert ids(file.labelled) == {"t9": ["d4", "d5", "d6"]}
    assert file.scores == ((0.5, None, -1000.0),)
    assert file.notes == ("Keys or columns that were not used: warning.",)


@pytest.mark.parametrize("name", ["labels.tsv", "labels.csv", "labels.txt"])
def test_a_table_with_tabs_is_told_from_qrels(tmp_path: Path, name: str) -> None:
    file = read_text(tmp_path, "query\tpassage\tlabel\ncats\tthey purr\t1\ncats\tthey bark\t0\n", name)
    assert (file.kind, said(file.labelled)) == ("csv", {"cats": [("they purr", 1), ("they bark", 0)]})


def test_chinese_headings_and_encoding_are_read(tmp_path: Path) -> None:
    path = tmp_path / "标注.csv"
    path.write_bytes(
        "查询,段落,标注\n熊猫吃什么？,大熊猫主要吃竹子。,相关\n熊猫吃什么？,今天天气很好。,不相关\n".encode("gb18030")
    )
    assert said(read([path]).labelled) == {"熊猫吃什么？": [("大熊猫主要吃竹子。", 1), ("今天天气很好。", 0)]}


def test_triplets_may_be_a_table(tmp_path: Path) -> None:
    file = read_text(tmp_path, "anchor,positive,negative,source\nq,a,b,x\nq,a,c,x\np,a,,x\n", "triplets.csv")
    assert (file.kind, said(file.labelled)) == ("csv", {"q": [("a", 1), ("b", 0), ("c", 0)], "p": [("a", 1)]})
    assert file.notes[0] == "Keys or columns that were not used: source."


def test_a_label_is_stronger_than_none(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label,score\nq,a,,1\nq,a,1,\n", "x.csv")
    assert (said(file.labelled), file.scores) == ({"q": [("a", 1)]}, ((1.0,),))


def test_an_apostrophe_of_somebody_elses_table_stays(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label\nq,'-ish,1\n", "x.csv")
    assert said(file.labelled) == {"q": [("'-ish", 1)]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("query,passage,label\nq,a,1\nq,b\nq,c,1,1\n", "2 lines are broken. The first: x.csv, line 3: 2 fields"),
        ('query,passage,label\nq,a,1\nq,"b,0\nq,c,1\n', "x.csv, line 3: the row that begins here is broken"),
        ("query,passage,label\nq,a,1\nq,a,2\n", "x.csv, line 3: 'a' has another label for 'q' (see x.csv:2)."),
        ("query,passage,label\nq,a,1\nq,a,unsure\n", "'a' has another label for 'q' (see x.csv:2)."),
        ("query,text,score\nq,a,1\n", "x.csv needs the columns query, passage and label. Its columns are: query, text"),
        ("text,label\na,1\n", "needs the columns query, passage and label"),
        ("query,passage,label\nq,a,\nq,b,\n", "This file holds no labels."),
        ("query,passage,label\n", "This file holds no labelled pairs."),
        ("query,passage,label,passage_id\nq,a,1,d\nq,b,0,d\n", "the id 'd' stands for two passages of one query."),
        ("query,passage,label,query_id\nq,a,1,t\np,b,0,t\n", "the id 't' stands for two queries."),
        ("One passage.\n\nAnother.\n", "x.csv is in none of the known formats"),
        (" \n\n", "x.csv is empty."),
        ("", "x.csv is empty."),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in fails(tmp_path, text, "x.csv")


def test_queries_of_one_text_with_two_ids_are_one_query_with_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label,query_id\nq,a,1,t1\nq,b,0,t2\n", "x.csv")
    assert ids(file.labelled) == {"t1": ["1", "2"]}
    assert file.notes == ("Pairs whose query has the text of an earlier one with another id, put there: 1.",)


def test_a_repeated_pair_keeps_its_first_score(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label,score\nq,a,1,2\nq,a,1,3\n", "x.csv")
    assert file.scores == ((2.0,),)
    assert file.notes[1] == "Repeated pairs with another score, of which the first was kept: 1."


TEXTS = "what is panda?\tThe giant panda is a bear.\t1\nwhat is panda?\thi\t0\ntea\tA cup of green tea.\trelevant\n"
READ = {"what is panda?": [("The giant panda is a bear.", 1), ("hi", 0)], "tea": [("A cup of green tea.", 1)]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.tsv", TEXTS),
        ("labels.txt", TEXTS),
        ("labels.csv", TEXTS.replace("\t", ",")),
        ("labels.csv", TEXTS.replace("\t", ";")),
        ("labels.tsv", TEXTS.replace("\n", "\r\n")),
    ],
)
def test_texts_without_a_heading_are_told_by_the_label_in_the_third_column(
    tmp_path: Path, name: str, text: str
) -> None:
    file = read_text(tmp_path, text, name)
    assert (file.kind, said(file.labelled)) == ("csv", READ)
    assert file.notes == (f"{name} has no heading; its columns were read as query, passage and label.",)


def test_with_a_heading_the_same_texts_come_without_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, f"query\tpassage\tlabel\n{TEXTS}", "labels.tsv")
    assert (said(file.labelled), file.notes) == (READ, ())


def test_chinese_texts_need_no_spaces_to_be_texts(tmp_path: Path) -> None:
    file = read_text(tmp_path, "熊猫吃什么？\t竹子。\t相关\n熊猫吃什么？\t天气\t不相关\n", "labels.tsv")
    assert said(file.labelled) == {"熊猫吃什么？": [("竹子。", 1), ("天气", 0)]}


def test_a_broken_row_without_a_heading_is_named_by_its_line(tmp_path: Path) -> None:
    text = TEXTS + "tea\tA pot of tea.\tperhaps\ntea\tno label\n"
    assert "2 lines are broken. The first: x.tsv, line 4: the label 'perhaps' is not known." in fails(
        tmp_path, text, "x.tsv"
    )


@pytest.mark.parametrize("text", ["t1\td7\t1\nt1\td9\t0\n", "cats\tpurr\t1\ncats\tbark\t0\n"])
@pytest.mark.parametrize("name", ["x.tsv", "x.csv"])
def test_single_words_may_be_ids_or_texts_and_are_refused_with_both_headings(
    tmp_path: Path, text: str, name: str
) -> None:
    word = text.split("\t")[1]
    text = text if name == "x.tsv" else text.replace("\t", ",")
    assert fails(tmp_path, text, name) == (
        f"{name} has three columns and no heading, and its second column holds words such as '{word}', which may be "
        "texts or ids. Put the heading query, passage, label over texts. Over ids, put query-id, corpus-id, score, and "
        "give their texts in files of their own."
    )
    heading = "query,passage,label" if name == "x.csv" else "query\tpassage\tlabel"
    assert len(said(read_text(tmp_path, f"{heading}\n{text}", name).labelled)) == 1


def test_texts_beside_ids_of_queries_are_refused_with_what_was_seen(tmp_path: Path) -> None:
    text = "q1\tThe giant panda is a bear.\t1\nq2\tA cup of tea.\t0\n"
    assert "in the first words such as 'q1', which look like ids. Put the texts of the queries there" in fails(
        tmp_path, text, "x.tsv"
    )
    assert list(said(read_text(tmp_path, f"query\tpassage\tlabel\n{text}", "x.tsv").labelled)) == ["q1", "q2"]


def test_a_table_of_ids_says_that_the_texts_are_missing(tmp_path: Path) -> None:
    assert fails(tmp_path, "label,qid,docid\n1,t1,d1\n", "x.csv") == (
        "x.csv names its queries and passages by ids only (its columns are: label, qid, docid). Add the columns query "
        "and passage with their texts, or give the columns query-id, corpus-id, score beside files of the texts."
    )
