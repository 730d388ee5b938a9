"""TREC qrels, runs and texts become a labelled set, or an error that names the line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE
from playground.inputs.labelled_sets import read
from tests.inputs.label_sets import FLAG, PASSAGES, QRELS, QUERIES, RUN, ids, put, said


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


@pytest.mark.parametrize(
    "heading", ["query_id\tdoc_id\trelevance", "qid\titeration\tdocid\trel", "Query-ID,Passage_ID,Label"]
)
def test_qrels_may_have_any_heading_that_names_ids_and_a_grade(tmp_path: Path, heading: str) -> None:
    delimiter = "," if "," in heading else "\t"
    fields = [["t1", "0", "d1", "2"], ["t1", "0", "d2", "0"]]
    rows = [delimiter.join(row if "iteration" in heading else row[::2] + row[3:]) for row in fields]
    qrels = "\n".join([heading, *rows])
    file = read(put(tmp_path, {"qrels.csv": qrels, "queries.tsv": QUERIES, "corpus.tsv": PASSAGES}))
    assert (file.kind, said(file.labelled)) == ("trec", {"first question": [("one", 2), ("two", 0)]})
    with pytest.raises(InvalidInput, match="Qrels name queries and passages by ids only"):
        read([tmp_path / "qrels.csv"])


def test_texts_of_a_collection_may_hold_tabs_and_end_with_a_number(tmp_path: Path) -> None:
    passages = "d1\tone\t1\nd2\ttwo words\t2\nd3\tthree\t3\n"
    file = read(put(tmp_path, {"qrels": "t1 0 d1 1\nt1 0 d2 0\n", "queries": QUERIES, "passages": passages}))
    assert said(file.labelled) == {"first question": [("one\t1", 1), ("two words\t2", 0)]}
