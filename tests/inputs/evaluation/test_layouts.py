"""Tasks of BEIR and MTEB, old and new, and of labelled sets; and what is said of those that cannot be measured on."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.core.errors import InvalidInput
from playground.core.limits import Limits
from playground.inputs import ready_sets
from playground.inputs.evaluation.layout import chosen
from playground.inputs.evaluation.reading import of_labelled, read

CORPUS = [{"_id": "d1", "title": "One", "text": "is odd"}, {"_id": "d2", "text": "two"}, {"_id": "d3", "text": "three"}]
QUERIES = [{"_id": "q1", "text": "first"}, {"_id": "q2", "text": "second"}, {"_id": "unused", "text": "never judged"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n"
ROWS = [
    {"query": "first", "positive": ["a", "b"], "negative": ["c", "a"]},
    {"query": "only good", "positive": ["a"], "negative": []},
    {"query": "second", "positive": ["d"], "negative": ["e", " "]},
]


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def beir(folder: Path, corpus: str = lines(CORPUS), queries: str = lines(QUERIES), qrels: str = QRELS) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(corpus)
    (folder / "queries.jsonl").write_text(queries)
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return folder


def mteb(folder: Path, split: str = "test") -> Path:
    """As the Hub keeps a reranking task of MTEB 2."""
    judged = [line.split("\t") for line in QRELS.splitlines()[1:]]
    tables = {
        "corpus": [{"title": "", **row} for row in CORPUS],
        "queries": QUERIES,
        "qrels": [{"query-id": q, "corpus-id": d, "score": int(grade)} for q, d, grade in judged],
        "top_ranked": [
            {"query-id": "q1", "corpus-ids": ["d2", "d1"]},
            {"query-id": "q2", "corpus-ids": ["d3", "gone"]},
        ],
    }
    for part, rows in tables.items():
        (folder / part).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / part / f"{split}-00000-of-00001.parquet")
    return folder


def test_a_folder_of_beir_is_a_retrieval_task(tmp_path: Path) -> None:
    task = read([beir(tmp_path / "nano")])
    assert (task.name, task.split, task.candidates) == ("nano", "test", None)
    assert task.queries == {"q1": "first", "q2": "second"}
    assert task.passages == {"d1": "One is odd", "d2": "two", "d3": "three"}
    assert task.qrels == {"q1": {"d1": 2, "d2": 0}, "q2": {"d3": 1}}
    assert task.notes == ()


def test_files_may_be_gzip_and_loose_and_in_a_zip(tmp_path: Path) -> None:
    folder = beir(tmp_path / "nano")
    whole = read([folder])
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress((folder / "corpus.jsonl").read_bytes()))
    (folder / "corpus.jsonl").unlink()
    assert read([folder]).passages == whole.passages
    loose = [
        folder / "corpus.jsonl.gz",
        folder / "queries.jsonl",
        (folder / "qrels/test.tsv").rename(tmp_path / "qrels.tsv"),
    ]
    assert read(loose).qrels == whole.qrels
    with zipfile.ZipFile(tmp_path / "nano.zip", "w") as archive:
        for name, path in zip(
            ("nano/corpus.jsonl.gz", "nano/queries.jsonl", "nano/qrels/test.tsv"), loose, strict=True
        ):
            archive.write(path, name)
        archive.writestr("nano/qrels/train.tsv", "query-id\tcorpus-id\tscore\nunused\td1\t1\n")
    zipped = read([tmp_path / "nano.zip"])
    assert (zipped.queries, zipped.split) == (whole.queries, "test")
    assert read([tmp_path / "nano.zip"], split="train").qrels == {"unused": {"d1": 1}}


def test_a_reranking_task_of_mteb_2_has_candidates(tmp_path: Path) -> None:
    task = read([mteb(tmp_path / "T2Reranking", "dev")])
    assert task.candidates == {"q1": ("d2", "d1"), "q2": ("d3",)}
    assert (task.split, task.qrels["q1"]) == ("dev", {"d1": 2, "d2": 0})
    assert task.notes == ("Candidates that the corpus does not have, left out: 1.",)


@pytest.mark.parametrize("form", ["jsonl.gz", "parquet"])
def test_an_older_reranking_task_is_named_as_mteb_names_it(tmp_path: Path, form: str) -> None:
    (tmp_path / "data").mkdir()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "data" / "dev-00000-of-00001-65d96bde8023d9b9.parquet")
    else:
        (tmp_path / "dev.jsonl.gz").write_bytes(gzip.compress(lines(ROWS).encode()))
        (tmp_path / "README.md").write_text("# A task")
    task = read([tmp_path], name="C-MTEB/T2Reranking")
    assert task.queries == {"dev_query0": "first", "dev_query1": "second"}
    assert task.candidates is not None
    assert task.candidates["dev_query0"] == (
        "apositive_dev_query0_00000",
        "apositive_dev_query0_00001",
        "negative_dev_query0_00000",
        "negative_dev_query0_00001",
    )
    # "a" is a positive and a negative of one query, and stays both, as in MTEB.
    assert task.passages["negative_dev_query0_00001"] == "a"
    assert task.qrels["dev_query1"] == {"apositive_dev_query1_00000": 1, "negative_dev_query1_00000": 0}
    assert task.notes == (
        "Queries without a relevant or without a not relevant passage, left out: 1.",
        "Blank passages, left out: 1.",
    )


def test_rows_of_flagembedding_and_ready_sets_are_reranking_tasks_too(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"query": "q", "pos": ["a"], "neg": ["b", "c"]}\n')
    assert read([tmp_path / "rows.jsonl"]).qrels == {
        "test_query0": {
            "apositive_test_query0_00000": 1,
            "negative_test_query0_00000": 0,
            "negative_test_query0_00001": 0,
        }
    }
    ready = of_labelled(ready_sets.load())
    assert len(ready.queries) == 20
    assert ready.candidates is not None
    assert ready.qrels.keys() == ready.candidates.keys()
    (tmp_path / "set.csv").write_text("query,passage,label\nq,a,1\nq,b,0\n")
    assert read([tmp_path / "set.csv"]).qrels == {"1": {"1": 1, "2": 0}}


def test_the_files_of_a_split_and_a_subset_are_chosen_by_name() -> None:
    names = [
        *(
            f"{lang}-{part}/test-00000-of-00001.parquet"
            for lang in ("en", "de")
            for part in ("corpus", "queries", "qrels")
        ),
        "README.md",
        ".gitattributes",
    ]
    with pytest.raises(InvalidInput, match=re.escape("task has several subsets: de, en. Name one")):
        chosen(names, "task")
    assert chosen(names, "task", subset="en").corpus == ("en-corpus/test-00000-of-00001.parquet",)
    with pytest.raises(InvalidInput, match=re.escape("no subset 'fr'. It has: de, en")):
        chosen(names, "task", subset="fr")
    hub = ["corpus/corpus-0.parquet", "queries/queries-0.parquet", "data/train-0.parquet", "data/test-0.parquet"]
    assert chosen(hub, "task").qrels == ("data/test-0.parquet",)
    assert chosen(hub, "task", split="train").qrels == ("data/train-0.parquet",)
    with pytest.raises(InvalidInput, match=re.escape("no split 'dev'. It has: test, train")):
        chosen(hub, "task", split="dev")


def test_judgements_of_what_is_not_there_are_counted_and_not_dropped_in_silence(tmp_path: Path) -> None:
    qrels = QRELS + "q1\tgone\t1\nnobody\td1\t1\nunused\td1\t0\n"
    corpus = lines([*CORPUS, {"_id": "d4", "text": ""}])
    task = read([beir(tmp_path / "t", corpus=corpus, qrels=qrels)])
    assert task.qrels["q1"] == {"d1": 2, "d2": 0, "gone": 1}
    assert task.notes == (
        "Blank texts, left out: 1.",
        "Queries that the qrels name and that have no text, left out: 1.",
        "Judgements of passages that the corpus does not have, which count as missed: 1.",
        "Queries without a relevant passage, which count in no figure: 1.",
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"corpus": "\n"}, "corpus.jsonl is empty"),
        ({"corpus": '{"_id": "1", "text": " "}\n'}, "The corpus of t is empty"),
        ({"qrels": "query-id\tcorpus-id\tscore\nx\td1\t1\n"}, "None of the 1 queries in the qrels of t has a text"),
        ({"qrels": "query-id\tcorpus-id\tscore\nq1\td1\t0\n"}, "No query of t has a relevant passage"),
        (
            {"qrels": "query-id\tcorpus-id\tscore\nq1\td1\thigh\n"},
            "test.tsv, line 2: the grade 'high' is no whole number",
        ),
        ({"qrels": "q1 d1\n"}, "test.tsv, line 1: a judgement needs query-id, corpus-id and score"),
        (
            {"corpus": '{"_id": "1", "text": "a"}\n{"_id": "1", "text": "b"}\n'},
            "line 2: the id '1' stands for two texts",
        ),
        ({"queries": '{"_id": "q1"}\n'}, "queries.jsonl, line 1: a text needs the keys id"),
    ],
)
def test_a_broken_collection_is_one_sentence(tmp_path: Path, more: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        read([beir(tmp_path / "t", **more)])


def test_what_is_no_task_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(InvalidInput, match="is no task that is known: give a corpus, queries and qrels"):
        read([tmp_path])
    (tmp_path / "rows.jsonl").write_text('{"name": "no query"}\n')
    with pytest.raises(InvalidInput, match="is no task that is known"):
        read([tmp_path])
    with pytest.raises(
        InvalidInput, match=re.escape("t has no qrels. A retrieval task is a corpus, queries and qrels")
    ):
        chosen(["corpus.jsonl", "queries.jsonl"], "t")
    with pytest.raises(InvalidInput, match="no file to read"):
        read([])


def test_broken_parquet_and_zip_are_one_sentence(tmp_path: Path) -> None:
    folder = mteb(tmp_path / "t")
    path = next((folder / "corpus").iterdir())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        InvalidInput, match=re.escape("test-00000-of-00001.parquet cannot be read. This is not a Parquet file")
    ):
        read([folder])
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InvalidInput, match=re.escape("half.zip is damaged or locked")):
        read([tmp_path / "half.zip"])
    # Its directory is whole, and what it packs is not.
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test.jsonl", lines(ROWS) * 20)
    packed = bytearray((tmp_path / "bad.zip").read_bytes())
    packed[40:60] = b"\xff" * 20
    (tmp_path / "bad.zip").write_bytes(packed)
    with pytest.raises(InvalidInput, match=re.escape("bad.zip is damaged or locked")):
        read([tmp_path / "bad.zip"])


def test_a_task_over_the_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape("corpus.jsonl is too big")):
        read([beir(tmp_path / "t")], limits=Limits(set_chars=10))
