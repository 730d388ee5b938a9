"""The funnel's handlers: from the form to what the page shows, over a small corpus and models that count words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.core.corpora import WHOLE, Document
from playground.core.errors import HistoryError, InvalidInput, ModelNotFound
from playground.core.funnel import FunnelQuery, FunnelSet
from playground.core.limits import LOCAL, PUBLIC, Limits
from playground.core.thresholds import Threshold
from playground.core.types import RerankResult
from playground.engine.engine import Engine
from playground.engine.funnel import stages
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.texts import phrase
from playground.ui.views.funnel import many
from playground.ui.views.funnel import view as funnel
from playground.ui.views.funnel.many import Ranked
from playground.ui.views.funnel.stages_form import Form, on_thresholds
from playground.ui.views.funnel.view import Visit
from playground.ui.views.history import view as history
from playground.ui.views.ranking import view as ranking
from playground.ui.wiring import Caller
from tests.engine.doubles import Shelf
from tests.engine.embedders import EmbedderShelf

QUERY = "red panda"
DOCUMENTS = tuple(
    Document(id, id.title(), text)
    for id, text in (
        ("sky", "the sky is blue"),
        ("light", "red light district"),
        ("bamboo", "a red panda eats bamboo in the mountains"),
        ("many", "panda panda panda"),
        ("tree", "a tree has leaves"),
        ("both", "red panda red panda"),
    )
)
ASKED = ("", "", "auto", "overlap", "auto", "auto", None, "only_second", None, "", ())


class MissingShelf(Shelf):
    """Has no model `gone`."""

    def __call__(self, choice: Any, **options: Any) -> Any:
        if choice.model_id == "gone":
            raise ModelNotFound("No model {id!r}.", id="gone")
        return super().__call__(choice, **options)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    engine = Engine(load_scorer=MissingShelf(), load_embedder=EmbedderShelf(), offline=True)
    settings = Settings(db=tmp_path / "history.db", offline=True)
    return Services(settings, engine, HistoryStore(settings.db))


@pytest.fixture
def corpus_id(services: Services, caller: Caller) -> str:
    return services.corpora.create("Animals", DOCUMENTS, WHOLE, caller.owner).id


def form(corpus: str, /, **changes: Any) -> Form:
    whole = Form(corpus, "owner/embedder", QUERY, "bm25", 0.5, 4, "overlap", 2, "", 5, "")
    return whole._replace(**changes)


def run(services: Services, caller: Caller, asked: Form, queries: FunnelSet | None = None) -> funnel.Ran:
    return list(funnel.on_run(services, caller, Visit(), queries, *asked, *ASKED))[-1]


def rows(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    return json.loads(shown["rows"])  # type: ignore[no-any-return]


def test_a_click_searches_reranks_keeps_the_run_and_shows_where_each_answer_stood(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    ran = run(services, caller, form(corpus_id))
    shown = ran.shown.results
    assert ran.status[0]["key"] == "funnel.done"
    assert [stage["state"] for stage in shown["stages"]] == ["done", "done"]
    assert [(stage["n_in"], stage["n_out"]) for stage in shown["stages"]] == [(6, 4), (4, 2)]
    assert [stage["scale"] for stage in shown["stages"]] == ["bm25", "logit"]
    answers = [row for row in rows(shown) if row["answer"]]
    assert [row["id"] for row in answers] == ["both", "many"]
    assert answers[0]["at"][1] == [1, 3.875, False]
    assert (answers[0]["title"], answers[0]["text"]) == ("Both", "red panda red panda")
    assert json.loads(shown["figure"]["en"])["layout"]["meta"]["ids"][-1] == "both"
    assert services.history.search(caller.owner)[0].id == shown["run_id"]


def test_a_run_makes_the_index_that_it_needs_and_the_panel_says_so(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    said = [[item["key"] for item in funnel.on_ran(services, caller, corpus_id)]]
    run(services, caller, form(corpus_id))
    said.append([item["key"] for item in funnel.on_ran(services, caller, corpus_id)])
    assert said == [["corpus.facts", "corpus.keywords_missing"], ["corpus.facts", "corpus.keywords_ready"]]


def test_an_answer_stands_in_its_document(services: Services, caller: Caller) -> None:
    text = "Before it. " * 60 + "A red panda eats bamboo in the mountains. " + "After it. " * 60
    from playground.core.corpora import Chunking

    made = services.corpora.create("Long", [Document("one", "One", text)], Chunking(words=20, overlap=0), caller.owner)
    found = rows(run(services, caller, form(made.id)).shown.results)[0]
    before, after = found["around"]
    assert before.startswith("…")
    assert (before[1:] + found["text"] + after[:-1]) in text
    assert after.endswith("…")


def test_vectors_and_both_are_searched_once_they_are_made(services: Services, caller: Caller, corpus_id: str) -> None:
    for kind, scale, name in (
        ("vectors", "cosine", "Vectors owner/embedder"),
        ("both", "fused", "BM25 + vectors owner/embedder"),
    ):
        shown = run(services, caller, form(corpus_id, kind=kind)).shown.results
        assert (shown["stages"][0]["scale"], shown["stages"][0]["name"]["en"]) == (scale, name)
        assert shown["stages"][0]["n_out"] == 4


def test_a_model_that_fails_leaves_what_was_retrieved(services: Services, caller: Caller, corpus_id: str) -> None:
    ran = run(services, caller, form(corpus_id, first="gone"))
    shown = ran.shown.results
    assert ran.status[0]["key"] == "funnel.failed"
    assert shown["stages"][1]["state"] == "failed"
    assert shown["stages"][1]["said"]["en"] == "No model 'gone'."
    assert len([row for row in rows(shown) if row["answer"]]) == 2
    assert shown["n_rescued"] == 0


def test_labels_say_what_is_relevant_and_what_was_out_of_reach(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    queries = FunnelSet("s", (FunnelQuery("q", QUERY, {"bamboo": 1, "tree": 1, "sky": 0}),))
    shown = run(services, caller, form(corpus_id), queries).shown.results
    assert shown["labelled"]
    assert shown["n_relevant"] == 2
    assert [one["id"] for one in json.loads(shown["unreached"])] == ["tree"]
    assert {row["id"]: row["grade"] for row in rows(shown)}["bamboo"] == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"corpus_id": ""}, "No corpus is chosen."),
        ({"query": " "}, "The query is empty."),
        ({"k": None}, "The depth k is a whole number"),
        ({"kind": "vectors", "embedder": ""}, "Choose an embedding model"),
        ({"first": "bm25"}, "BM25 is a retriever here."),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(
    services: Services, caller: Caller, corpus_id: str, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidInput) as said:
        run(services, caller, form(corpus_id, **changes))
    assert str(said.value).startswith(sentence)


def test_a_depth_beyond_the_corpus_takes_all_of_it_and_says_so(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    shown = run(services, caller, form(corpus_id, k=500, kind="vectors")).shown.results
    assert shown["stages"][0]["n_out"] == 6
    assert [item["key"] for item in shown["warnings"]] == ["funnel.fewer"]


def test_a_query_without_a_known_word_finds_nothing_and_keeps_nothing(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    ran = run(services, caller, form(corpus_id, query="zzz"))
    assert ran.status[0]["key"] == "funnel.nothing_found"
    assert ran.shown.results["stages"][0]["state"] == "empty"
    assert services.history.search(caller.owner) == []


def test_a_threshold_of_another_model_is_refused_and_the_answers_stay(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    result = run(services, caller, form(corpus_id)).shown.visit.result.scored[0]
    fits = _fitting(result)
    ids = [services.history.thresholds.save(caller.owner, each) for each in (fits, _of_other(fits))]
    offered = on_thresholds(services, caller, "")["choices"]
    assert sorted(name.split(" (")[0] for name, _ in offered) == ["fits", "other", "–"]
    cut = run(services, caller, form(corpus_id, threshold_id=ids[0])).shown.results
    assert [row["id"] for row in rows(cut) if row["answer"]] == ["both"]
    other = run(services, caller, form(corpus_id, threshold_id=ids[1])).shown.results
    assert len([row for row in rows(other) if row["answer"]]) == 2
    assert "other" in other["warnings"][0]["en"]


def _fitting(result: RerankResult) -> Threshold:
    when, nothing = datetime(2026, 1, 2, tzinfo=UTC), ("by-hand", None, "set", 1, 1, 1, None, None, None)
    return Threshold("", "fits", when, 3.0, result.scale, result.spec, "", *nothing)


def _of_other(threshold: Threshold) -> Threshold:
    return replace(threshold, name="other", spec=replace(threshold.spec, fingerprint="another"))


def test_a_saved_run_comes_back_from_the_history_even_without_its_corpus(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    shown = run(services, caller, form(corpus_id)).shown.results
    services.corpora.delete(corpus_id, caller.owner)
    asked = replace(caller, event={"id": shown["run_id"]})
    page = history.on_open(services, asked, ranking.Visit())
    assert page.tabs["selected"] == "funnel"
    assert page.funnelled.query == QUERY
    assert (page.stages.kind, page.stages.k, page.stages.first, page.stages.first_keep) == ("bm25", 4, "overlap", 2)
    assert (page.stages.second, page.stages.second_keep["visible"]) == ("", False)
    again = page.funnelled.results
    assert [(row["id"], row["at"], row["answer"]) for row in rows(again)] == [
        (row["id"], row["at"], row["answer"]) for row in rows(shown)
    ]
    assert rows(again)[0]["around"] == ["", ""]
    assert page.funnelled.results["warnings"] == [phrase("funnel.corpus_gone", "warn", name="Animals")]
    assert page.stages.corpus == gr.skip()
    with pytest.raises(HistoryError):
        services.history.get(shown["run_id"], "somebody else")


def test_a_run_that_is_replayed_has_its_corpus_its_weights_and_its_threshold_again(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    services.corpora.create("Newer", DOCUMENTS[:1], WHOLE, caller.owner)
    result = run(services, caller, form(corpus_id)).shown.visit.result.scored[0]
    saved = services.history.thresholds.save(caller.owner, _fitting(result))
    asked = form(corpus_id, kind="both", share=0.8, threshold_id=saved)
    ran = run(services, caller, asked)
    opening = replace(caller, event={"id": ran.shown.results["run_id"]})
    page = history.on_replay(services, opening, ranking.Visit())
    again = page.stages
    assert (again.corpus["value"], again.share["value"], again.threshold["value"]) == (corpus_id, 0.8, saved)
    assert (again.share["visible"], page.funnelled.visit.result) == (True, ran.shown.visit.result)
    values = [each["value"] if isinstance(each, dict) else each for each in again]
    assert Form(*values[:2], page.funnelled.query, *values[2:]) == asked
    services.history.thresholds.delete(caller.owner, saved)
    page = history.on_replay(services, opening, ranking.Visit())
    assert page.funnelled.results["warnings"][0] == phrase("funnel.threshold_gone", "warn", name="fits")
    assert page.stages.threshold["value"] == ""


# ---- many queries ----------------------------------------------------------------------------------------------------

LABELLED = FunnelSet(
    "s",
    (
        FunnelQuery("q1", "red panda", {"bamboo": 1, "lost-id": 1}),
        FunnelQuery("q2", "blue sky", {"sky": 1}),
        FunnelQuery("q3", "leaves of a tree"),
    ),
)


def ran_many(services: Services, caller: Caller, asked: Form, queries: FunnelSet | None, text: str = "") -> many.Ran:
    return list(many.on_many(services, caller, queries, text, 5, *asked, *ASKED))[-1]


def test_many_queries_give_figures_a_sweep_and_a_row_each(services: Services, caller: Caller, corpus_id: str) -> None:
    ran = ran_many(services, caller, form(corpus_id), LABELLED)
    shown = ran.results
    assert ran.status[0] == {"key": "funnel.many_done", "values": {"n": 3}, "tone": "good"}
    assert [row["key"] for row in shown["figures"]] == ["ndcg@10", "mrr@10", "map", "r@10", "r@5"]
    assert shown["figures"][1]["counts"] == [0, 1, 1]
    by_id = {row["id"]: row for row in json.loads(shown["queries"])}
    assert by_id["q2"]["figures"]["after"] == 1.0
    assert by_id["q3"]["figures"] is None
    assert json.loads(shown["figure"]["zh"])["layout"]["meta"]["key"] == "ndcg@10"
    assert [item["key"] for item in shown["said"]][:2] == ["funnel.enough_never", "funnel.ceiling"]
    assert [(item["key"], item["values"]) for item in shown["warnings"]] == [("funnel.unknown_ids", {"n": 1})]


@pytest.mark.parametrize(("limits", "k"), [(LOCAL, 100), (PUBLIC, 83)])
def test_the_ready_queries_fit_at_the_depth_that_the_box_begins_with(
    services: Services, caller: Caller, limits: Limits, k: int
) -> None:
    ready = next(info for info in services.corpora.list(caller.owner) if not info.owner)
    asked = funnel.on_corpus(services, caller, ready.id, "", Visit()).asked
    request = form(ready.id, k=many.first_k(limits)).request(services, caller, Asked(*ASKED), ready.name)
    stages.check(request, limits, len(asked.queries))
    assert (request.k, len(asked.queries)) == (k, many.READY_QUERIES)


def test_pasted_queries_go_before_the_set_and_need_no_labels(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    shown = ran_many(services, caller, form(corpus_id), LABELLED, "red light\nred sky").results
    assert [row["text"] for row in json.loads(shown["queries"])] == ["red light", "red sky"]
    assert (shown["labelled"], shown["figures"]) == (False, None)
    assert json.loads(shown["figure"]["en"])["layout"]["meta"]["key"] == "overlap"
    with pytest.raises(InvalidInput, match="There is no query here"):
        ran_many(services, caller, form(corpus_id), None)


def test_a_pasted_query_has_the_labels_of_the_same_query_in_the_set(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    ran = ran_many(services, caller, form(corpus_id), LABELLED, "blue sky\nowls")
    assert [(query.text, query.grades) for query in ran.ran.asked.queries] == [("blue sky", {"sky": 1}), ("owls", None)]
    assert ran.results["labelled"]


def test_a_click_on_a_query_puts_it_into_the_box(services: Services, caller: Caller, corpus_id: str) -> None:
    ran = ran_many(services, caller, form(corpus_id), LABELLED).ran
    assert many.on_pick(services, replace(caller, event={"id": "q2"}), ran) == "blue sky"
    with pytest.raises(InvalidInput, match="no longer on the page"):
        many.on_pick(services, replace(caller, event={"id": "q9"}), ran)


def test_hard_negatives_are_what_stands_high_and_is_not_relevant(
    services: Services, caller: Caller, corpus_id: str
) -> None:
    ran = ran_many(services, caller, form(corpus_id), LABELLED).ran
    wanted = {"first": 1, "last": 5, "n": 1, "margin": 0}
    text = many.on_export(services, replace(caller, event=wanted), ran)["text"]
    found = [json.loads(line) for line in text.splitlines()]
    assert [row["query"] for row in found] == ["red panda"]
    assert found[0]["pos"] == ["Bamboo a red panda eats bamboo in the mountains"]
    assert len(found[0]["neg"]) == 1
    with pytest.raises(InvalidInput, match="No query has run yet"):
        many.on_export(services, caller, Ranked())


def test_files_of_queries_and_labels_take_the_place_of_the_set(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "red"}\n', encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tlight\t1\n", encoding="utf-8")
    read = many.on_upload(services, caller, [str(tmp_path / "queries.jsonl"), str(tmp_path / "qrels.tsv")])
    assert read is not None
    assert read.asked.queries == (FunnelQuery("q1", "red", {"light": 1}),)
    assert read.said[0]["values"] == {"n": 1, "labelled": 1}


def test_another_corpus_brings_its_queries_and_takes_the_example_away(services: Services, caller: Caller) -> None:
    ready = next(info for info in services.corpora.list(caller.owner) if not info.owner)
    chosen = funnel.on_corpus(services, caller, ready.id, "", Visit())
    assert chosen.query == chosen.asked.queries[0].text
    assert all(query.grades for query in chosen.asked.queries)
    own = services.corpora.create("Animals", DOCUMENTS, WHOLE, caller.owner)
    after = funnel.on_corpus(services, caller, own.id, chosen.query, chosen.visit)
    assert (after.query, after.asked) == ("", None)
    assert [each["key"] for each in after.state] == ["corpus.facts", "corpus.keywords_missing"]
    typed = funnel.on_corpus(services, caller, ready.id, "my own words", chosen.visit)
    assert typed.query.get("__type__") == "update"
