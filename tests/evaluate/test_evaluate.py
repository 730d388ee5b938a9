"""The command: figures of ir-measures and of MTEB, runs in and out, resuming, and what is said of bad input."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ir_measures
import pytest

from playground import __version__
from playground.analysis.retrieval import measure
from playground.bench.environments import Interpreter, python_with
from playground.core.evaluation import EvaluationTask
from playground.core.limits import LOCAL
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.evaluate import published, results, stages, tasks
from playground.evaluate.__main__ import main
from playground.inputs.evaluation.reading import read
from playground.inputs.labelled_sets.trec import read_run

MODEL = "built-in/mini-reranker"
ANIMALS = ("panda", "tiger", "heron", "otter", "badger", "falcon")


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture
def reranking(tmp_path: Path) -> Path:
    """Six queries with two good and three bad passages, as an older task of MTEB."""
    rows = [
        {
            "query": f"where does the {name} live?",
            "positive": [f"The {name} lives in the forest.", f"Forests are the home of every {name}."],
            "negative": [f"The {name} eats fish.", "A train leaves at noon.", f"{name} is a word."],
        }
        for name in ANIMALS
    ]
    folder = tmp_path / "T2Reranking"
    folder.mkdir()
    (folder / "dev.jsonl").write_text(lines(rows))
    return folder


@pytest.fixture
def retrieval(tmp_path: Path) -> Path:
    """Six queries over 24 passages, in BEIR's layout."""
    folder = tmp_path / "nano"
    (folder / "qrels").mkdir(parents=True)
    facts = ("lives in the forest", "eats fish", "sleeps all day", "was drawn by hand")
    corpus = [
        {"_id": f"{name}{number}", "title": name, "text": f"The {name} {fact}."}
        for name in ANIMALS
        for number, fact in enumerate(facts)
    ]
    (folder / "corpus.jsonl").write_text(lines(corpus))
    asked = [{"_id": name, "text": f"the home of the {name}"} for name in ANIMALS]
    (folder / "queries.jsonl").write_text(lines(asked))
    judged = "".join(f"{name}\t{name}0\t1\n" for name in ANIMALS)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """What the command printed as JSON."""
    assert main([*map(str, arguments), "--json", "--offline"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def failed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([*map(str, arguments), "--offline"]) in (1, 2)
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err


def test_a_reranking_task_gives_map_and_mrr_with_all_that_they_rest_on(
    reranking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = ran(capsys, reranking, "--model", MODEL, "--out", out)
    assert json.loads((out / "results.json").read_text()) == found
    assert found["version"] == __version__
    assert found["task"] | {"notes": []} == {
        "name": "T2Reranking",
        "split": "dev",
        "kind": "reranking",
        "n_queries": 6,
        "first_of": None,
        "n_passages": 30,
        "notes": [],
    }
    (row,) = found["rows"]
    assert {"model": MODEL, "max_length": 512, "device": "cpu", "n_pairs": 30, "n_pairs_ran": 30}.items() <= row[
        "ran"
    ].items()
    assert len(row["ran"]["fingerprint"]) == 64
    # The run that was written, by ir-measures.
    task, run = read([reranking]), read_run(out / "built-in-mini-reranker.trec", LOCAL)
    names = {ir_measures.AP @ 1000: "map@1000", ir_measures.RR @ 10: "mrr@10", ir_measures.nDCG @ 10: "ndcg@10"}
    for metric, value in ir_measures.calc_aggregate([*names], task.qrels, run).items():
        assert row["figures"][names[metric]]["value"] == pytest.approx(value, abs=1e-9)
    assert "ties by id" not in found["definitions"]["map@1000"]
    assert "first 1000 places only" in found["definitions"]["map@1000"]


def test_scores_that_are_on_the_disk_are_not_made_again(
    reranking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert ran(capsys, reranking, "--queries", 2, "--out", out)["rows"][0]["ran"]["n_pairs_ran"] == 10
    whole = ran(capsys, reranking, "--out", out)
    assert whole["rows"][0]["ran"]["n_pairs_ran"] == 20
    again = ran(capsys, reranking, "--out", out)
    assert again["rows"][0]["ran"]["n_pairs_ran"] == 0
    assert again["rows"][0]["figures"] == whole["rows"][0]["figures"]


def test_a_retrieval_task_is_searched_and_reranked_and_other_runs_stand_beside(
    retrieval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = ran(capsys, retrieval, "--model", MODEL, "--depth", 3, "--out", out)
    first, row = found["rows"]
    assert (first["name"], first["stage"], row["stage"], found["depth"]) == ("bm25", "first", "reranker", 3)
    task = read([retrieval])
    run, reranked = (read_run(out / name, LOCAL) for name in ("bm25.trec", "built-in-mini-reranker.trec"))
    assert {id: set(scores) for id, scores in run.items()} == {id: set(scores) for id, scores in reranked.items()}
    assert {len(scores) for scores in run.values()} == {3}
    names = {ir_measures.nDCG @ 10: "ndcg@10", ir_measures.R @ 3: "r@3", ir_measures.AP: "map"}
    for one, scores in ((first, run), (row, reranked)):
        for metric, value in ir_measures.calc_aggregate([*names], task.qrels, scores).items():
            assert one["figures"][names[metric]]["value"] == pytest.approx(value, abs=1e-9)
    # The reranker orders what was found, and finds no more.
    assert first["figures"]["r@3"] == row["figures"]["r@3"]
    assert row["against_first"]["ndcg@10"]["difference"] == pytest.approx(
        row["figures"]["ndcg@10"]["value"] - first["figures"]["ndcg@10"]["value"]
    )
    same = ran(capsys, retrieval, "--depth", 3, "--run", out / "bm25.trec", "--beside", out / "bm25.trec", "--out", out)
    assert [one["stage"] for one in same["rows"]] == ["first", "run", "reranker"]
    assert same["rows"][0]["figures"] == same["rows"][1]["figures"] == first["figures"]
    assert same["rows"][2]["ran"]["n_pairs_ran"] == 0


def test_an_embedder_may_be_the_first_stage_and_the_table_says_what_ran(
    retrieval: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(retrieval), "--retriever", "built-in/mini-embedder", "--depth", "5", "--offline"]) == 0
    said = capsys.readouterr()
    assert "NDCG@10" in said.out
    assert "recall@5" in said.out
    assert re.search(r"built-in/mini-embedder +\d+\.\d\d", said.out)
    assert re.search(r"built-in/mini-reranker .* 512 +(bf16|fp32) +cpu", said.out)
    assert "6 of 6 queries count, 24 passages, first stage to depth 5" in said.out
    assert "built-in/mini-reranker: score 30 of 30" in said.err


def test_published_figures_stand_beside_whatever_the_task_is_called() -> None:
    (figure,) = published.find("BAAI/bge-reranker-base", "mteb/MMarcoReranking")
    assert (figure.value, figure.metric) == (35.46, "map")
    assert published.find("baai/bge-reranker-large@main", "C-MTEB/CMedQAv2-reranking")[0].value == 84.19
    assert published.find("BAAI/bge-reranker-large", "C-MTEB/T2Reranking_zh2en")[0].value == 64.04
    assert published.find("BAAI/bge-reranker-large", "nano") == ()
    assert len(published.figures()) == 70
    bge = [one.value for one in published.figures() if one.model == "BAAI/bge-reranker-base"]
    assert sum(bge) / 6 == pytest.approx(65.42, abs=0.005)


def test_no_published_figure_stands_beside_those_of_other_queries_or_grades(
    reranking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tasks.open_task([str(reranking)])

    def row(task: EvaluationTask, relevant_from: int = 1) -> results.Row:
        assert task.candidates is not None
        *_, last = stages.rerank(task, task.candidates, Engine(offline=True), ModelChoice("bm25"))
        assert last.scored is not None
        return results.row(task, "BAAI/bge-reranker-base", last.scored.run, last.scored, None, relevant_from)

    graded = replace(task, qrels={id: {p: 2 * grade for p, grade in own.items()} for id, own in task.qrels.items()})
    assert [row(graded, grade).published for grade in (2, 3)] == [(), ()]
    assert [one.value for one in row(tasks.first_queries(task, 6)).published] == [67.28]
    cut = tasks.first_queries(tasks.first_queries(task, 3), 2)
    assert (len(cut.queries), cut.first_of, row(cut).published) == (2, 6, ())
    assert main([str(reranking), "--queries", "2", "--model", "bm25", "--offline"]) == 0
    assert "The first 2 of 6 queries only: published figures are of all" in capsys.readouterr().out
    assert ran(capsys, reranking, "--queries", 2, "--model", "bm25")["task"]["first_of"] == 6
    assert main(["traps", "--relevant-from", "2", "--model", "bm25", "--offline"]) == 0
    assert "Relevant from grade 2 on: published figures count from grade 1 on" in capsys.readouterr().out


def drawn() -> EvaluationTask:
    """A reranking task with as many ties as its scores have few values."""
    rng = random.Random(7)
    qrels: dict[str, dict[str, int]] = {}
    for number in range(60):
        id = f"test_query{number}"
        own = {f"apositive_{id}_{place:05}": 1 for place in range(rng.randint(1, 4))}
        qrels[id] = own | {f"negative_{id}_{place:05}": 0 for place in range(rng.randint(1, 30))}
    passages = {id: id for row in qrels.values() for id in row}
    return EvaluationTask(
        "drawn", "test", {id: id for id in qrels}, passages, qrels, {k: tuple(v) for k, v in qrels.items()}
    )


MTEB = """
import json
from pathlib import Path
from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores
found = calculate_retrieval_scores(*json.loads(Path(argv[0]).read_text()), [1, 10, 1000])
answer = dict(found.map) | dict(found.ndcg) | dict(found.recall) | dict(found.mrr)
"""


@pytest.fixture
def beside_mteb() -> Iterator[Interpreter]:
    """It brings datasets, with which other environments over ours cannot live."""
    interpreter = Interpreter(python_with(["mteb>=2.20"]))
    yield interpreter
    interpreter.close()


def test_mteb_counts_the_same_on_the_same_scores(beside_mteb: Interpreter, tmp_path: Path) -> None:
    rng, task = random.Random(8), drawn()
    run = {id: {passage: rng.randint(-9, 9) / 4 for passage in row} for id, row in task.qrels.items()}
    ours = results.row(task, "scores", run)
    (tmp_path / "scores.json").write_text(json.dumps([run, {id: dict(row) for id, row in task.qrels.items()}]))
    theirs = beside_mteb.run(MTEB, "answer", tmp_path / "scores.json")
    # They round to five digits.
    assert ours.found.n_decided_by_ties > 30
    assert ours.found.mean("map@1000") == pytest.approx(theirs["MAP@1000"], abs=6e-6)
    assert ours.found.mean("ndcg@10") == pytest.approx(theirs["NDCG@10"], abs=6e-6)
    assert ours.found.mean("r@10") == pytest.approx(theirs["Recall@10"], abs=6e-6)
    assert ours.found.mean("mrr@10") == pytest.approx(theirs["MRR@10"], abs=6e-6)
    # Ids of the task and those that MTEB makes of an older one let ties fall in the same way.
    other = measure(task.qrels, run, "mteb-v2")
    assert other.mean("map@1000") == pytest.approx(ours.found.mean("map@1000"))
    assert ours.old is not None
    assert ours.old.mean("map") != pytest.approx(ours.found.mean("map@1000"), abs=1e-3)


def test_bad_input_is_one_sentence(
    reranking: Path, retrieval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.trec").write_text("qx Q0 dx 1 2.0 other\n")
    (tmp_path / "no.trec").write_text("this is no run\n")
    (tmp_path / "file").write_text("")
    assert "no passage of nano: its ids are others, such as qx and dx" in failed(
        capsys, retrieval, "--run", tmp_path / "other.trec"
    )
    assert "no.trec is no run" in failed(capsys, retrieval, "--beside", tmp_path / "no.trec")
    assert "--run and --retriever are of a retrieval task" in failed(
        capsys, reranking, "--run", tmp_path / "other.trec"
    )
    assert "cannot be made" in failed(capsys, reranking, "--out", tmp_path / "file")
    assert "is not on this machine, and the Hub is not asked" in failed(capsys, "someone/no-such-task")
    assert "is no task that is known" in failed(capsys, tmp_path / "out-of-nothing", tmp_path / "file")
    assert "T2Reranking has no split 'test'. It has: dev" in failed(capsys, reranking, "--split", "test")


def test_lines_of_a_run_that_are_of_no_query_or_passage_are_counted(
    retrieval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "panda Q0 panda0 1 2.0 x\npanda Q0 gone 2 1.0 x\nnobody Q0 panda0 1 1.0 x\n"
    (tmp_path / "some.trec").write_text(lines)
    assert main([str(retrieval), "--run", str(tmp_path / "some.trec"), "--json", "--offline"]) == 0
    said = capsys.readouterr()
    assert "some.trec: lines of queries or passages that nano does not have, left out: 2." in said.err
    first = json.loads(said.out)["rows"][0]
    assert (first["n_unanswered"], first["figures"]["mrr@10"]["value"]) == (5, pytest.approx(1 / 6))


def test_what_comes_with_the_project_can_be_evaluated_by_name() -> None:
    assert {"example", "traps"} <= {*tasks.ready()}
    task = tasks.first_queries(tasks.open_task(["traps"]), 2)
    assert len(task.queries) == 2
    assert task.candidates is not None
    assert {id for ids in task.candidates.values() for id in ids} == task.passages.keys()
