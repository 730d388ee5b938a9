"""NIST's own test files, to the four digits that trec_eval prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.analysis.quality import measure
from playground.analysis.trec import figures, summary
from playground.core.labels import LabelledSet
from tests.analysis.sets import scores_of, set_of

ORACLE = Path(__file__).resolve().parents[1] / "data" / "oracles" / "trec_eval"
WORDS = {"runid", "relstring"}

Figures = dict[str, dict[str, str]]


def qrels() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in (ORACLE / "qrels.test").read_text().splitlines():
        query, _, document, grade = line.split()
        found.setdefault(query, {})[document] = int(grade)
    return found


def run() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for line in (ORACLE / "results.test").read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        found.setdefault(query, {})[document] = float(score)
    return found


@pytest.fixture(scope="module")
def printed() -> Figures:
    """By query ("all" for the summary) and name, as trec_eval printed them."""
    found: Figures = {}
    for line in (ORACLE / "out.test.aq").read_text().splitlines():
        name, query, value = line.split()
        if name not in WORDS:
            found.setdefault(query, {})[name] = value
    return found


def as_printed(name: str, value: float) -> str:
    return f"{value:.0f}" if name.startswith("num_") else f"{value:.4f}"


def test_every_figure_of_the_summary_is_that_of_trec_eval(printed: Figures) -> None:
    whole = summary(figures(qrels(), run()))
    assert len(printed["all"]) == 98
    assert {name: as_printed(name, whole[name]) for name in printed["all"]} == printed["all"]


@pytest.mark.parametrize("query", ["301", "302", "303"])
def test_every_figure_of_each_query_is_that_of_trec_eval(printed: Figures, query: str) -> None:
    found = figures(qrels(), run())[query]
    assert len(printed[query]) == 95
    assert {name: as_printed(name, found[name]) for name in printed[query]} == printed[query]


def as_set() -> tuple[LabelledSet, tuple[tuple[float | None, ...], ...]]:
    """The same files as the playground holds them: every document that was judged or returned is a candidate."""
    judged, returned = qrels(), run()
    ids = [list(dict.fromkeys([*judged[query], *returned[query]])) for query in judged]
    grades = [[judged[query].get(id) for id in row] for query, row in zip(judged, ids, strict=True)]
    logits = tuple(tuple(returned[query].get(id) for id in row) for query, row in zip(judged, ids, strict=True))
    return set_of(*grades, ids=ids), logits


@pytest.mark.parametrize("k", [5, 10, 15, 20, 30, 100, 200, 500, 1000])
def test_the_quality_of_a_model_is_counted_as_trec_eval_counts_it(printed: Figures, k: int) -> None:
    labelled, logits = as_set()
    quality = measure(labelled, scores_of(*logits), "trec_eval", k=k, unscored="not-found")
    names = {"map": "map", f"ndcg@{k}": f"ndcg_cut_{k}", f"p@{k}": f"P_{k}", f"r@{k}": f"recall_{k}"}
    names |= {f"hit@{k}": f"success_{k}"} if k in (5, 10) else {}
    names |= {f"mrr@{k}": "recip_rank"} if k == 1000 else {}
    for key, name in names.items():
        assert f"{quality.mean(key):.4f}" == printed["all"][name], name
        assert [f"{value:.4f}" for value in quality.values(key)] == [printed[q][name] for q in ("301", "302", "303")]


def test_expectation_and_trec_eval_agree_on_nists_files_where_few_scores_are_tied() -> None:
    labelled, logits = as_set()
    by_id = measure(labelled, scores_of(*logits), "trec_eval", unscored="not-found")
    by_chance = measure(labelled, scores_of(*logits), "expected", unscored="not-found")
    for each in by_id.definitions:
        assert by_chance.mean(each.key) == pytest.approx(by_id.mean(each.key), abs=0.002)


def test_documents_that_a_run_lacks_leave_their_query_out_where_lists_must_be_whole() -> None:
    labelled, logits = as_set()
    quality = measure(labelled, scores_of(*logits), "trec_eval")
    assert quality.left_out == {"incomplete": 3}
    assert quality.mean("map") is None


def test_no_query_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no query"):
        summary({})
