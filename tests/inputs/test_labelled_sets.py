"""Label files become a set, or an error that names the line."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE
from playground.core.limits import LOCAL, PUBLIC, Limits
from playground.core.scales import FILE
from playground.inputs.labelled_sets import read, scores_of
from playground.ui import texts
from tests.inputs.label_sets import ids, put, read_text, said

FLAG = '{"query": "q1", "pos": ["a", "b"], "neg": ["c"]}\n{"query": "q2", "pos": [], "neg": ["a"]}\n'
QRELS = "t1 0 d1 2\nt1 0 d2 0\nt2 0 d1 0\nt2 0 d3 1\n"
RUN = "t1 Q0 d1 1 9.5 bm25\nt1 Q0 d3 2 -0.25 bm25\nt2 Q0 d3 1 3 bm25\n"
QUERIES = "t1\tfirst question\nt2\tsecond question\n"
PASSAGES = "d1\tone\nd2\ttwo\nd3\tthree\nd4\tnever named\n"


def fails(folder: Path, text: str, name: str = "file.jsonl") -> str:
    with pytest.raises(InvalidInput) as caught:
        read_text(folder, text, name)
    return str(caught.value)


# FlagEmbedding


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


def test_gzip_and_a_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + FLAG.replace("\n", "\r\n").encode()))
    file = read([path])
    assert said(file.labelled) == said(read_text(tmp_path, FLAG).labelled)
    assert file.labelled.name == "rows"


def test_the_parts_of_a_collection_may_come_in_one_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "collection.zip", "w") as archive:
        archive.writestr("deep/", "")
        for name, text in {"deep/qrels.txt": QRELS, "q.tsv": QUERIES, "d.tsv": PASSAGES, "__MACOSX/x": "x"}.items():
            archive.writestr(name, text)
    file = read([tmp_path / "collection.zip"])
    assert (file.kind, file.labelled.name, file.labelled.n_pairs) == ("trec", "collection", 4)


def test_several_files_become_one_set(tmp_path: Path) -> None:
    table = "query,passage,label\nq1,d,unsure\n"
    file = read(put(tmp_path, {"a.jsonl": FLAG, "b.csv": table}), name="both")
    assert said(file.labelled)["q1"] == [("a", 1), ("b", 1), ("c", 0), ("d", UNSURE)]
    assert file.labelled.name == "both"


# sentence-transformers


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


# CSV and TSV


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


def test_labelled_pairs_may_be_json_lines_too(tmp_path: Path) -> None:
    text = '{"query": "q", "passage": "a", "label": true, "score": 0.5}\n{"query": "q", "passage": "b", "label": 0}'
    file = read_text(tmp_path, text)
    assert (said(file.labelled), file.scores) == ({"q": [("a", 1), ("b", 0)]}, ((0.5, None),))


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


# TREC


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_of_a_trec_collection_are_told_apart_by_content(tmp_path: Path, seed: int) -> None:
    parts = put(tmp_path, {"w": QRELS, "x": RUN, "y": PASSAGES, "z": QUERIES})
    random.Random(seed).shuffle(parts)
    file = read(parts)
    assert said(file.labelled) == {
        "first question": [("one", 2), ("two", 0), ("three", None)],
        "second question": [("one", 0), ("three", 1)],
    }
    assert ids(file.labelled) == {"t1": ["d1", "d2", "d3"], "t2": ["d1", "d3"]}
    assert file.scores == ((9.5, None, -0.25), (None, 3.0))
    assert (file.kind, file.notes) == ("trec", ("Passages of the run that nobody judged, kept without a label: 1.",))


def test_qrels_without_a_run_have_no_scores(tmp_path: Path) -> None:
    file = read(put(tmp_path, {"qrels.txt": QRELS, "q.tsv": QUERIES, "d.tsv": PASSAGES}))
    assert (file.labelled.n_pairs, file.scores) == (4, None)


def test_texts_may_be_json_lines_with_titles_and_qrels_those_of_beir(tmp_path: Path) -> None:
    qrels = "query-id\tcorpus-id\tscore\nt1\td1\t2\nt1\td2\t0\n"
    queries = '{"_id": "t1", "text": "first question", "metadata": {}}\n'
    passages = '{"_id": "d1", "title": "One", "text": "is odd"}\n{"id": "d2", "contents": "two"}\n'
    file = read(put(tmp_path, {"qrels.tsv": qrels, "queries.jsonl": queries, "corpus.jsonl": passages}))
    assert said(file.labelled) == {"first question": [("One is odd", 2), ("two", 0)]}


def test_negative_grades_are_unsure_or_junk(tmp_path: Path) -> None:
    qrels = "t1 0 d1 -1\nt1 0 d2 -2\nt1 0 d3 1\n"
    file = read(put(tmp_path, {"qrels": qrels, "queries": QUERIES, "passages": PASSAGES}))
    assert said(file.labelled) == {"first question": [("one", UNSURE), ("two", 0), ("three", 1)]}
    assert file.notes == ("Grades below -1 (junk, in TREC's words), read as not relevant: 1.",)


def test_equal_ids_of_queries_and_passages_are_told_apart_by_coverage_or_by_name(tmp_path: Path) -> None:
    qrels = "1 0 1 1\n1 0 2 0\n2 0 3 1\n"
    queries, passages = "1\tfirst\n2\tsecond\n", "1\tone\n2\ttwo\n3\tthree\n"
    read_back = said(read(put(tmp_path, {"qrels": qrels, "a": passages, "b": queries})).labelled)
    assert read_back == {"first": [("one", 1), ("two", 0)], "second": [("three", 1)]}

    twins = {"qrels": "1 0 1 1\n1 0 2 0\n2 0 2 1\n", "passages.tsv": "1\tone\n2\ttwo\n", "queries.tsv": queries}
    assert list(said(read(put(tmp_path, twins)).labelled)) == ["first", "second"]
    unnamed = {"qrels": twins["qrels"], "a": "1\tone\n2\ttwo\n", "b": queries}
    with pytest.raises(InvalidInput, match="It cannot be told which of a, b holds the queries"):
        read(put(tmp_path, unnamed))


def test_qrels_that_name_what_has_no_text_name_it_and_the_line(tmp_path: Path) -> None:
    qrels = QRELS + "t2 0 d77 1\nt9 0 d1 0\n"
    with pytest.raises(InvalidInput) as caught:
        read(put(tmp_path, {"qrels.txt": qrels, "q.tsv": QUERIES, "d.tsv": PASSAGES}))
    assert str(caught.value) == (
        "Nothing was imported: 2 lines are broken. The first: "
        "qrels.txt, line 5: there is no text for passage 'd77'. qrels.txt, line 6: there is no text for query 't9'."
    )


def test_a_run_that_names_a_passage_without_text_is_an_error_too(tmp_path: Path) -> None:
    files = {"qrels.txt": QRELS, "run.txt": RUN + "t1 Q0 d78 3 1 x\n", "q.tsv": QUERIES, "d.tsv": PASSAGES}
    with pytest.raises(InvalidInput, match=r"run\.txt, line 4: there is no text for passage 'd78'"):
        read(put(tmp_path, files))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"r": RUN, "q": QUERIES}, "There are texts or a run, but no qrels."),
        ({"j": QRELS}, "Qrels name queries and passages by ids only. Give their texts too"),
        ({"j": QRELS, "r": RUN, "s": RUN, "q": QUERIES}, "Two runs were given: r and s."),
        ({"j": QRELS, "x.jsonl": FLAG}, "x.jsonl is no part of a TREC collection."),
        ({"j": QRELS + "t1 0 d3\n", "q": QUERIES, "d": PASSAGES}, "j, line 5: a line of qrels is"),
        ({"j": QRELS + "t1 0 d3 5\n", "q": QUERIES, "d": PASSAGES}, "j, line 5: the label '5' is not known."),
        ({"j": QRELS + "t1 0 d1 0\n", "q": QUERIES, "d": PASSAGES}, "j, line 5: 'one' is both relevant and not"),
        ({"j": QRELS, "r": RUN + "t1 Q0 d2 3 nan x\n", "q": QUERIES, "d": PASSAGES}, "r, line 4: the score nan"),
        ({"j": QRELS, "r": RUN + "t1 Q0 d1 3 1 x\n", "q": QUERIES, "d": PASSAGES}, "r, line 4: passage 'd1' stands"),
        ({"j": QRELS, "q": QUERIES, "d": PASSAGES + "d1\tother\n"}, "d, line 5: the id 'd1' stands for two texts."),
        ({"j": QRELS, "q": QUERIES, "d": PASSAGES + "tabless\n"}, "d, line 5: no tab between the id and the text."),
        ({"j": QRELS, "q": QUERIES, "d": '{"_id": "d1"}\n{"_id": "d2", "text": "x"}'}, "line 1: a text needs the keys"),
    ],
)
def test_broken_collections_are_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(put(tmp_path, files))
    assert message in str(caught.value)


# Errors


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


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(FLAG.encode() * 50)[:-20])
    with pytest.raises(InvalidInput, match=r"cut\.jsonl\.gz is damaged or locked"):
        read([tmp_path / "cut.jsonl.gz"])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(InvalidInput, match=r"cut\.zip is damaged or locked"):
        read([tmp_path / "cut.zip"])
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(
        InvalidInput, match=r"labels\.xlsx cannot be read. This file is not text: it is a ZIP or an Excel"
    ):
        read([tmp_path / "labels.xlsx"])
    with pytest.raises(InvalidInput, match=r"The file 'none\.csv' cannot be opened"):
        read([tmp_path / "none.csv"])
    with pytest.raises(InvalidInput, match="There is no file to read"):
        read([])


def test_queries_of_one_text_with_two_ids_are_one_query_with_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label,query_id\nq,a,1,t1\nq,b,0,t2\n", "x.csv")
    assert ids(file.labelled) == {"t1": ["1", "2"]}
    assert file.notes == ("Pairs whose query has the text of an earlier one with another id, put there: 1.",)


def test_a_repeated_pair_keeps_its_first_score(tmp_path: Path) -> None:
    file = read_text(tmp_path, "query,passage,label,score\nq,a,1,2\nq,a,1,3\n", "x.csv")
    assert file.scores == ((2.0,),)
    assert file.notes[1] == "Repeated pairs with another score, of which the first was kept: 1."


def test_characters_that_no_text_can_hold_are_mended_with_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, '{"query": "q", "pos": ["a\\u0000b", "half \\ud83d"], "neg": ["\\ud83d\\udc3c"]}')
    assert said(file.labelled) == {"q": [("ab", 1), ("half \ufffd", 1), ("🐼", 0)]}
    assert file.notes == ("Texts with characters that no text can hold (NUL, half emoji), mended: 2.",)


# Limits


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(pairs=3), "A labelled set may hold 3 pairs; this one holds more."),
        (Limits(set_chars=100), "The passages of a labelled set may have 100 characters together; these have more."),
        (Limits(passage_chars=60), "file.jsonl, line 1: a passage has 70 characters; the limit is 60."),
        (Limits(query_chars=1), "file.jsonl, line 1: the query has 2 characters; the limit is 1."),
        (Limits(set_chars=10), "file.jsonl is too big"),
    ],
)
def test_a_passed_limit_is_stated(tmp_path: Path, limits: Limits, reason: str) -> None:
    paths = put(tmp_path, {"file.jsonl": FLAG.replace('"a"', json.dumps("a" * 70))})
    with pytest.raises(InvalidInput) as caught:
        read(paths, limits=limits)
    assert reason in str(caught.value)


def test_a_public_space_takes_less(tmp_path: Path) -> None:
    assert (LOCAL.pairs, PUBLIC.pairs) == (100_000, 5_000)
    rows = "".join(f'{{"query": "q{n}", "pos": ["a"]}}\n' for n in range(5_001))
    paths = put(tmp_path, {"file.jsonl": rows})
    assert read(paths).labelled.n_pairs == 5_001
    with pytest.raises(InvalidInput, match="may hold 5,000 pairs"):
        read(paths, limits=PUBLIC)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 3_000_000))
    with pytest.raises(InvalidInput, match="is too big"):
        read([tmp_path / "bomb.gz"], limits=Limits(set_chars=100_000))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b" " * 300_000)
        archive.writestr("b.csv", b" " * 300_000)
    with pytest.raises(InvalidInput, match=r"b\.csv is too big"):
        read([tmp_path / "bomb.zip"], limits=Limits(set_chars=100_000))


def test_a_hundred_thousand_pairs_are_read(tmp_path: Path) -> None:
    rows = "".join(
        f'{{"query": "question {n}", "pos": ["p{n}"], "neg": {json.dumps([f"n{n} {m}" for m in range(19)])}}}\n'
        for n in range(5_000)
    )
    labelled = read(put(tmp_path, {"big.jsonl": rows})).labelled
    assert (labelled.n_pairs, labelled.counts()) == (100_000, {1: 5_000, 0: 95_000})
