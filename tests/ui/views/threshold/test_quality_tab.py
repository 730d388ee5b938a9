"""The Ranking quality tab: from labels and scores to what the page draws; no browser, no weights."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.scales import TRAINED_LOGIT
from playground.core.types import ModelSpec, Passage
from playground.ui.page_turns import LruCache
from playground.ui.services import Services
from playground.ui.views.threshold import quality_tab
from playground.ui.views.threshold.labelled_set_in_view import PAGE, Selection, open_set
from playground.ui.views.threshold.quality_table import settings_of
from playground.ui.wiring import Caller

AT = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = "o" * 20


def caller(**event: object) -> Caller:
    return Caller(session="s", owner=OWNER, event=event)


def set_of(*grades: Sequence[int | None]) -> LabelledSet:
    """Passages are "0.0", "0.1"... of the queries "question 0"..."""
    queries = [
        LabelledQuery(
            f"q{number}",
            f"question {number}",
            tuple(Passage(str(place + 1), f"{number}.{place}") for place in range(len(row))),
            tuple(None if grade is None else Label(grade, "imported", AT) for grade in row),
        )
        for number, row in enumerate(grades)
    ]
    return LabelledSet(PAGE, "", tuple(queries))


def spec_of(model: str, fingerprint: str = "") -> ModelSpec:
    return ModelSpec(
        model, None, fingerprint or model, "reranker", "cross_encoder", "Bert", "cpu", "fp32", 512, "only_second", 1
    )


def put(services: Services, labelled: LabelledSet, model: str, rows: Sequence[Sequence[float | None]]) -> None:
    scores = [
        (query.query, passage.text, logit)
        for query, row in zip(labelled.queries, rows, strict=True)
        for passage, logit in zip(query.passages, row, strict=True)
        if logit is not None
    ]
    services.history.sets.put_scores(OWNER, spec_of(model), TRAINED_LOGIT, "", scores)


def measured(services: Services, labelled: LabelledSet, **event: object) -> dict[str, Any]:
    answer: dict[str, Any] = quality_tab.on_measure(services, LruCache(), caller(**event), Selection(PAGE, labelled))
    json.dumps(answer)
    return answer


def shown(services: Services, labelled: LabelledSet, relevant_from: int = 1) -> dict[str, Any]:
    selection = Selection(PAGE, labelled, relevant_from=relevant_from)
    (answer,) = quality_tab.show(services, caller(), selection, open_set(services, caller(), selection), {})
    found: dict[str, Any] = answer
    return found


def keys_of(answer: dict[str, Any]) -> list[object]:
    return [said["key"] for said in answer["says"]]


TWELVE = set_of(*[[1, 0, 0]] * 12)


def test_an_empty_place_says_what_to_do(services: Services) -> None:
    assert keys_of(shown(services, set_of())) == ["quality.why_empty_set"]
    assert keys_of(shown(services, set_of([None, -1]))) == ["quality.why_no_labels", "quality.why_no_scores"]
    assert keys_of(shown(services, set_of([0, 0]))) == ["quality.why_none_relevant", "quality.why_no_scores"]
    assert keys_of(shown(services, set_of([1, 0]), 2)) == ["quality.why_none_that_high", "quality.why_no_scores"]
    assert keys_of(shown(services, set_of([1, 0]))) == ["quality.why_no_scores"]


def test_a_scored_set_is_measured_only_when_the_page_asks(services: Services) -> None:
    put(services, TWELVE, "one/model", [[3, 2, 1]] * 12)
    answer = shown(services, TWELVE)
    assert (answer["says"], answer["found"]) == ([], None)
    assert measured(services, TWELVE)["found"]["models"][0]["n_first"] == 12


def test_a_new_label_gives_another_token(services: Services) -> None:
    before = shown(services, TWELVE)["token"]
    assert shown(services, TWELVE)["token"] != before  # another page's workspace
    selection = Selection(PAGE, TWELVE)
    tokens = []
    for grade in (1, 0):
        (answer,) = quality_tab.show(services, caller(), selection, open_set(services, caller(), selection), {})
        tokens.append(answer["token"])
        services.history.labels.put(OWNER, "question 0", "0.0", grade)
    assert tokens[0] != tokens[1]


def test_two_models_stand_side_by_side_with_intervals_and_a_star(services: Services) -> None:
    put(services, TWELVE, "one/good", [[3, 2, 1]] * 12)
    put(services, TWELVE, "one/bad", [[1, 2, 3]] * 12)
    found = measured(services, TWELVE, k=2)["found"]
    names = [model["name"] for model in found["models"]]
    good, bad = names.index("good"), names.index("bad")
    assert found["n_shared"] == 12
    assert [each["key"] for each in found["figures"]] == ["map", "mrr@2", "ndcg@2", "p@2", "r@2", "hit@2"]
    assert found["estimates"][good][1] == [1.0]  # no spread, so no bounds
    assert found["best"] == [good] * 6
    mean, low, high, verdict, wins, ties, losses = found["differences"][f"{bad}-{good}"][1]
    assert (mean, verdict, wins, ties, losses) == (-1.0, "worse", 0, 0, 12)
    assert low <= high < 0
    assert found["queries"]["rows"][0]["first"] == ([(1, 1), (3, 3)] if good == 0 else [(3, 3), (1, 1)])


def test_questions_come_by_how_far_the_models_differ(services: Services) -> None:
    labelled = set_of([1, 0, 0], [1, 0, 0], [1, 0, 0])
    put(services, labelled, "one/a", [[3, 2, 1], [3, 2, 1], [3, 2, 1]])
    put(services, labelled, "one/b", [[3, 2, 1], [1, 2, 3], [2, 3, 1]])
    found = measured(services, labelled, order_by="mrr")["found"]
    assert found["order_by"] == "mrr@10"
    assert [row["id"] for row in found["queries"]["rows"]] == ["q1", "q2", "q0"]


def test_a_model_that_scored_a_part_is_left_out_until_it_is_ticked(services: Services) -> None:
    put(services, TWELVE, "one/whole", [[3, 2, 1]] * 12)
    put(services, TWELVE, "one/part", [[3, 2, 1]] * 4 + [[None, None, None]] * 8)
    found = measured(services, TWELVE)["found"]
    part = next(model for model in found["models"] if model["name"] == "part")
    whole = next(model for model in found["models"] if model["name"] == "whole")
    assert (part["at"], part["n_scored"], part["n_counted"], whole["at"]) == (None, 12, 4, 0)
    both = measured(services, TWELVE, models=[part["key"], whole["key"]])["found"]
    assert both["n_shared"] == 4
    assert both["left_out"] == {"incomplete": 8}
    missed = measured(services, TWELVE, models=[part["key"], whole["key"]], not_found=True)["found"]
    assert missed["n_shared"] == 12


def test_the_only_model_is_measured_even_where_it_scored_a_part(services: Services) -> None:
    put(services, TWELVE, "one/part", [[3, 2, 1]] * 4 + [[None, None, None]] * 8)
    found = measured(services, TWELVE)["found"]
    assert (found["models"][0]["at"], found["n_shared"], found["best"]) == (0, 4, [None] * 6)


def test_no_question_that_counts_is_said_by_its_reasons(services: Services) -> None:
    labelled = set_of([1, 0], [0, 0])
    put(services, labelled, "one/part", [[2, None], [2, 1]])
    found = measured(services, labelled)["found"]
    assert (found["n_shared"], found["left_out"]) == (0, {"incomplete": 1, "no-relevant": 1})
    assert found["queries"]["rows"] == []
    assert [row["reason"] for row in found["queries"]["left_out"]] == ["incomplete", "no-relevant"]


def test_all_scores_tied_say_so_and_move_with_the_rule(services: Services) -> None:
    labelled = set_of([1, 0, 0, 0])
    put(services, labelled, "one/flat", [[0, 0, 0, 0]])
    means = {}
    for counting in ("expected", "trec_eval", "mteb-v1", "mteb-v2"):
        found = measured(services, labelled, counting=counting)["found"]
        means[counting] = found["estimates"][0][1][0]
        assert found["models"][0]["n_ties"] == 1
    assert means == {"expected": 0.52083, "trec_eval": 0.25, "mteb-v1": 1.0, "mteb-v2": 0.25}
    assert measured(services, labelled)["found"]["models"][0]["n_tied_first"] == 1


def test_a_set_of_relevant_passages_only_says_that_every_order_is_perfect(services: Services) -> None:
    put(services, set_of([1, 1]), "one/model", [[2, 1]])
    assert measured(services, set_of([1, 1]))["found"]["all_relevant"]
    assert not measured(services, set_of([1, None]))["found"]["all_relevant"]


def test_a_preset_fixes_k_and_drops_what_nobody_judged(services: Services) -> None:
    labelled = set_of([1, 0, None])
    put(services, labelled, "one/model", [[2, 1, 3]])
    found = measured(services, labelled, counting="mteb-v1", k=3)["found"]
    assert [each["key"] for each in found["figures"]] == ["map", "mrr@10"]
    assert (found["preset"], found["judged_only"], found["n_unjudged"]) == (True, True, 1)
    assert found["estimates"][0][1][0] == 1.0


def test_a_figure_that_this_way_of_counting_lacks_sorts_by_the_first(services: Services) -> None:
    put(services, TWELVE, "one/model", [[3, 2, 1]] * 12)
    assert measured(services, TWELVE, counting="mteb-v1", order_by="ndcg")["found"]["order_by"] == "map"


def test_what_the_browser_claims_is_checked() -> None:
    wild = settings_of({"counting": "x", "k": 10**9, "models": [1, None], "judged_only": "yes", "order_by": {}}, 2)
    assert (wild.counting, wild.k, wild.models, wild.judged_only, wild.relevant_from) == (
        "expected",
        10,
        ("1", "None"),
        False,
        2,
    )
    assert settings_of({"k": True, "models": "all"}, 1).models is None


def test_the_same_model_twice_is_told_apart(services: Services) -> None:
    put(services, TWELVE, "built-in/mini-reranker", [[3, 2, 1]] * 12)
    scores = [(query.query, passage.text, 1.0) for query in TWELVE.queries for passage in query.passages]
    other = spec_of("built-in/mini-reranker", "other weights")
    services.history.sets.put_scores(OWNER, other, TRAINED_LOGIT, "", scores)
    names = [model["name"] for model in measured(services, TWELVE)["found"]["models"]]
    assert len(set(names)) == 2


def test_a_built_in_model_goes_by_its_name(services: Services) -> None:
    put(services, TWELVE, "built-in/mini-reranker", [[3, 2, 1]] * 12)
    assert measured(services, TWELVE)["found"]["models"][0]["name"] == "Mini reranker"


def test_both_tables_come_as_csv_that_no_spreadsheet_runs(services: Services) -> None:
    labelled = LabelledSet(
        PAGE,
        "",
        (
            LabelledQuery("q", "=1+1", (Passage("1", "a"), Passage("2", "b")), (Label(1, "imported", AT), None)),
            LabelledQuery("empty", "plain", (Passage("1", "c"),), (Label(0, "imported", AT),)),
        ),
    )
    put(services, labelled, "one/model", [[1.0, 1.0], [0.0]])
    selection = Selection(PAGE, labelled)
    figures = quality_tab.on_export(services, LruCache(), caller(which="figures"), selection)
    rows = list(csv.DictReader(io.StringIO(figures["text"])))
    assert [row["metric"] for row in rows] == ["map", "mrr@10", "ndcg@10", "p@10", "r@10", "hit@10"]
    assert (rows[1]["model"], float(rows[1]["value"]), rows[1]["n_left_out"]) == ("model", 0.75, "1")
    assert "random order" in rows[0]["definition"]
    questions = quality_tab.on_export(services, LruCache(), caller(which="questions"), selection)
    rows = list(csv.DictReader(io.StringIO(questions["text"])))
    assert [row["query"] for row in rows] == ["'=1+1", "plain"]
    assert (rows[0]["model: first_relevant"], rows[1]["model: left_out"]) == ("1 to 2", "no-relevant")


def test_nothing_is_exported_before_anything_is_scored(services: Services) -> None:
    assert quality_tab.on_export(services, LruCache(), caller(), Selection(PAGE, TWELVE)) == gr.skip()
