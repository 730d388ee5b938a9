"""What the panel of the Threshold view gets: the numbers of the analysis, and a sentence where there are none."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from playground.analysis.thresholds import METHODS, suggest
from playground.analysis.uncertainty import uncertainty
from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet
from playground.core.scales import LOGIT
from playground.core.types import ModelSpec, Passage
from playground.ui import texts
from playground.ui.services import Services
from playground.ui.views.threshold import held_pairs, panel_payload, threshold_panel
from playground.ui.views.threshold.labelled_set_in_view import Selection, SetInView, open_set
from playground.ui.wiring import Caller

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = ModelSpec("m", None, "f", "reranker", "cross-encoder", "Bert", "cpu", "fp32", 512, "only_second", 1)
ME = Caller("session", "somebody")


def planted(n_queries: int = 24, n_passages: int = 6, apart: float = 4.0, places: int | None = 1, seed: int = 0) -> Any:
    """Labels and logits by query; the first passage of each query but every sixth is relevant."""
    rng = np.random.default_rng(seed)
    grades = [[int(number == 0 and query % 6 != 5) for number in range(n_passages)] for query in range(n_queries)]
    logits = [[float(rng.normal(apart * grade - 2, 1.5)) for grade in row] for row in grades]
    return grades, logits if places is None else [[round(logit, places) for logit in row] for row in logits]


def stored(services: Services, grades: Sequence[Sequence[int | None]], logits: Sequence[Sequence[float]]) -> Selection:
    """The set in the history, scored."""
    queries = tuple(
        LabelledQuery(
            str(place),
            f"query {place}",
            tuple(Passage(str(number), f"passage {number} of query {place}") for number in range(len(row))),
            tuple(None if grade is None else Label(grade, "imported", AT) for grade in row),
        )
        for place, row in enumerate(grades)
    )
    id = services.history.sets.save(ME.owner, LabelledSet("", "planted", queries))
    scores = [
        (query.query, passage.text, logit)
        for query, row in zip(queries, logits, strict=True)
        for passage, logit in zip(query.passages, row, strict=True)
    ]
    if scores:
        services.history.sets.put_scores(ME.owner, SPEC, LOGIT, "", scores)
    return Selection(set_id=id)


def view_of(services: Services, selection: Selection) -> SetInView:
    return open_set(services, ME, selection)


def shown(services: Services, selection: Selection) -> threshold_panel.Shown:
    found = threshold_panel.show(services, ME, selection, view_of(services, selection), {})
    assert isinstance(found, threshold_panel.Shown)
    json.dumps(found[:4], allow_nan=False)
    return found


def said(**event: object) -> Caller:
    return replace(ME, event=MappingProxyType(event))


def decoded(panel: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    scores = np.frombuffer(base64.b64decode(panel["scores"]), "<f8")
    bits = np.unpackbits(np.frombuffer(base64.b64decode(panel["relevant"]), np.uint8), bitorder="little")
    return scores, bits[: len(scores)].astype(bool)


def test_the_page_gets_every_score_exactly_with_its_label(services: Services) -> None:
    selection = stored(services, *planted(places=None))
    panel = shown(services, selection).panel
    judged = view_of(services, selection).judged
    assert judged is not None
    scores, relevant = decoded(panel)
    assert scores.tolist() == sorted(judged.score.tolist())
    pairs = sorted(zip(judged.score.tolist(), judged.relevant.tolist(), strict=True))
    assert sorted(zip(scores.tolist(), relevant.tolist(), strict=True)) == pairs


def test_the_line_starts_at_the_first_suggestion_and_its_numbers_are_scikit_learns(services: Services) -> None:
    selection = stored(services, *planted())
    panel = shown(services, selection).panel
    scores, relevant = decoded(panel)
    card = panel["suggestions"][0]
    assert panel["start"] == {"method": "f-beta", "parameter": 1.0, "value": card["value"]}
    kept = scores >= card["value"]
    assert card["precision"] == pytest.approx(precision_score(relevant, kept))
    assert card["recall"] == pytest.approx(recall_score(relevant, kept))
    assert panel["axis"]["low"] < scores.min() <= scores.max() < panel["axis"]["high"]


def test_suggestions_are_those_of_the_analysis_with_the_parameters_asked_for(services: Services) -> None:
    selection = stored(services, *planted(apart=3.0))
    in_view = view_of(services, selection)
    assert in_view.judged is not None
    asked = {"f-beta": 2.0, "precision": 0.75, "recall": 0.8, "cost": 3.0}
    cards = threshold_panel.show(services, ME, selection, in_view, asked)[1]["suggestions"]
    assert [(one["method"], one["parameter"]) for one in cards] == list(asked.items())
    assert [one["value"] for one in cards] == [
        suggest(in_view.judged, method, asked[method]).finite for method in METHODS
    ]


def test_a_verdict_that_refuses_leaves_no_line_and_shows_the_overlap(services: Services) -> None:
    grades, logits = planted(n_queries=40, apart=0.5)
    panel = shown(services, stored(services, grades, logits)).panel
    assert (panel["refuses"], panel["start"]) == (True, None)
    low, high = panel["overlap"]
    scores, relevant = decoded(panel)
    assert (low, high) == (scores[relevant].min(), scores[~relevant].max())
    assert panel["verdict"]["tone"] == "bad"


@pytest.mark.parametrize(("apart", "advice"), [(0.5, "Keep the best few passages"), (-1.5, "Try another model on")])
def test_the_best_few_are_advised_only_where_the_order_is_not_the_wrong_way_round(
    services: Services, apart: float, advice: str
) -> None:
    verdict = shown(services, stored(services, *planted(n_queries=40, apart=apart))).panel["verdict"]
    assert verdict["kind"] == "does-not-separate"
    (following,) = verdict["next"]
    assert advice in texts.say(following["key"], "en")
    assert ("the wrong way round" in verdict["says"][-1]["en"]) == (apart < 0)


@pytest.mark.parametrize(
    ("grades", "logits", "kind"),
    [
        ([[0, 0], [0, 0]], [[1.0, 2.0], [0.0, 3.0]], "one-class"),
        ([[1, 1]], [[1.0, 2.0]], "one-class"),
        ([[1, 0]], [[1.0, 2.0]], "too-few"),
        ([[1, 0]] * 20, [[1.25, 1.25]] * 20, "all-tied"),
        ([[1, 0]] * 20, [[3.0, -3.0]] * 20, "separates"),
    ],
)
def test_every_verdict_has_its_tone_and_says_what_to_do_next(
    services: Services, grades: list[list[int]], logits: list[list[float]], kind: str
) -> None:
    found = shown(services, stored(services, grades, logits))
    verdict = found.panel["verdict"]
    assert (verdict["kind"], verdict["tone"]) == (kind, panel_payload.TONES[kind])
    assert verdict["says"][0]["en"]
    assert verdict["says"][0]["zh"] != verdict["says"][0]["en"]
    assert texts.say(verdict["next"][0]["key"], "zh")
    for step in threshold_panel.on_later(services, said(token=found.panel["token"]), Selection(), {}):
        json.dumps(step, allow_nan=False)


def test_nothing_to_count_is_a_sentence_and_no_broken_figure(services: Services) -> None:
    for grades, logits, key in (
        ([], [], "panel.why_empty_set"),
        ([[None, None]], [[1.0, 2.0]], "panel.why_no_labels"),
        ([[UNSURE]], [[1.0]], "panel.why_no_labels"),
    ):
        selection = stored(services, grades, logits)
        found = shown(services, selection)
        assert found.panel["says"][0]["key"] == key
        assert found[1:4] == (None, None, None)


def test_a_set_without_scores_asks_for_them(services: Services) -> None:
    grades, _ = planted(n_queries=3)
    labelled = LabelledSet(
        "",
        "bare",
        tuple(
            LabelledQuery(
                str(place),
                f"bare {place}",
                tuple(Passage(str(number), f"bare {place} {number}") for number in range(len(row))),
                tuple(Label(grade, "imported", AT) for grade in row),
            )
            for place, row in enumerate(grades)
        ),
    )
    selection = Selection(set_id=services.history.sets.save(ME.owner, labelled))
    assert shown(services, selection).panel["says"][0]["key"] == "panel.why_no_scores"


def test_scores_that_cannot_be_compared_are_the_sentence(services: Services) -> None:
    selection = stored(services, *planted(n_queries=4))
    broken = replace(view_of(services, selection), judged=None, problem=InvalidInput("Every score is missing."))
    assert threshold_panel.show(services, ME, selection, broken, {})[0]["says"][0]["en"] == "Every score is missing."


def test_pairs_left_out_are_counted(services: Services) -> None:
    selection = stored(services, [[1, 0, None], [1, UNSURE, 0]], [[1.0, 0.0, 5.0], [2.0, 1.0, -1.0]])
    left_out = shown(services, selection).panel["left_out"]
    assert [(one["key"], one["values"]["n"]) for one in left_out] == [
        ("panel.left_out_unjudged", 1),
        ("panel.left_out_unsure", 1),
    ]


def test_bands_come_later_and_are_those_of_the_analysis(services: Services) -> None:
    selection = stored(services, *planted())
    found = shown(services, selection)
    judged = view_of(services, selection).judged
    assert judged is not None
    steps = list(threshold_panel.on_later(services, said(token=found.panel["token"]), selection, {}))
    cards = [step.cards["suggestions"] for step in steps if "suggestions" in step.cards]
    folds = [step.folds for step in steps if "curves" in step.folds]
    assert [sum(one["interval"] is not None for one in each) for each in cards] == [1, 2, 3, 4]
    band = uncertainty(judged, "f-beta", 1.0).threshold_band
    assert band is not None
    assert cards[-1][0]["interval"] == list(band)
    assert all(folds[-1][name] is not None for name in ("curves", "queries", "calibration", "abstention"))
    # Asked once more, everything is there at once.
    assert len(list(threshold_panel.on_later(services, said(token=found.panel["token"]), selection, {}))) == 1


def test_the_folds_have_the_areas_of_scikit_learn(services: Services) -> None:
    found = shown(services, stored(services, *planted(apart=2.0)))
    scores, relevant = decoded(found.panel)
    assert found.folds["curves"]["ap"] == pytest.approx(average_precision_score(relevant, scores))
    assert found.folds["curves"]["auc"] == pytest.approx(roc_auc_score(relevant, scores))


def test_another_parameter_changes_its_card_only(services: Services) -> None:
    selection = stored(services, *planted(apart=3.0))
    found = shown(services, selection)
    event = said(token=found.panel["token"], method="f-beta", parameter=0.5)
    steps = list(threshold_panel.on_parameter(services, event, selection, {"recall": 0.7}))
    assert steps[1].parameters == {"recall": 0.7, "f-beta": 0.5}
    assert [one["parameter"] for one in steps[-1].cards["suggestions"]] == [0.5, 0.9, 0.7, 1.0]
    wrong = said(token=found.panel["token"], method="f-beta", parameter=0.0)
    with pytest.raises(InvalidInput, match="Beta lies between"):
        list(threshold_panel.on_parameter(services, wrong, selection, {}))


def test_a_line_by_hand_has_bands_of_what_it_does_but_none_of_its_own(services: Services) -> None:
    selection = stored(services, *planted())
    token = shown(services, selection).panel["token"]
    hand = threshold_panel.on_line(
        services, said(token=token, threshold=0.5, method="by-hand", parameter=None), selection
    )
    assert (hand["interval"], hand["unseen"]) == (None, None)
    assert hand["precision"]["low"] <= hand["precision"]["value"] <= hand["precision"]["high"]
    assert hand["needed"]["recall"]["n_queries"] >= 0


def test_a_suggested_line_is_tried_on_queries_it_did_not_see(services: Services) -> None:
    selection = stored(services, *planted())
    found = shown(services, selection)
    start = found.panel["start"]
    event = {"token": found.panel["token"], "threshold": start["value"], "method": "f-beta", "parameter": 1.0}
    trust = threshold_panel.on_line(services, said(**event), selection)
    assert trust["unseen"]["n_folds"] == 24
    assert trust["unseen"]["inside"]["f1"] >= trust["unseen"]["outside"]["f1"]
    moved = threshold_panel.on_line(services, said(**event | {"threshold": start["value"] + 0.5}), selection)
    assert moved["unseen"] is None


def test_texts_come_in_the_order_of_the_scores_and_whole_on_demand(services: Services) -> None:
    selection = stored(services, *planted(n_queries=3, n_passages=3, places=None))
    found = shown(services, selection)
    judged = view_of(services, selection).judged
    assert judged is not None
    lowest = int(np.argmin(judged.score))
    name = f"passage {judged.passage[lowest]} of query {judged.query[lowest]}"
    assert found.around["previews"]["passages"][0] == name
    token = found.panel["token"]
    asked = threshold_panel.on_texts(services, said(token=token, places=[8, 0, -1, 9, "x", True]), selection)
    assert asked["previews"]["places"] == [8, 0]
    assert asked["previews"]["passages"][1] == name
    whole = threshold_panel.on_open(services, said(token=token, place=0), selection)["whole"]
    assert whole == {"place": 0, "query": f"query {judged.query[lowest]}", "text": name}


def test_texts_of_a_set_too_large_for_one_page_are_not_sent(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_payload, "MOST_TEXTS", 100)
    assert shown(services, stored(services, *planted())).around["previews"] is None


def test_one_owner_never_gets_the_pairs_of_another(services: Services) -> None:
    selection = stored(services, *planted())
    token = shown(services, selection).panel["token"]
    stranger = replace(said(token=token, place=0), owner="stranger")
    assert held_pairs.find("stranger", token) is None
    with pytest.raises(HistoryError):
        threshold_panel.on_open(services, stranger, selection)


def test_the_memory_forgets_what_was_shown_longest_ago(services: Services) -> None:
    held = [held_pairs.hold(view_of(services, stored(services, *planted(seed=n))), 1) for n in range(5)]
    for each in held:
        held_pairs.keep("me", each)
    assert held_pairs.find("me", held[0].token) is None
    assert held_pairs.find("me", held[4].token) is held[4]
    again = held_pairs.hold(view_of(services, stored(services, *planted(seed=4))), 1)
    assert held_pairs.keep("me", replace(again, token=held[4].token)) is held[4]


def test_another_label_makes_another_token(services: Services) -> None:
    selection = stored(services, *planted())
    before = shown(services, selection).panel["token"]
    services.history.labels.put(ME.owner, "query 0", "passage 1 of query 0", 1)
    assert shown(services, selection).panel["token"] != before


@pytest.mark.parametrize(
    ("text", "cut"), [("a  b\nc", "a b c"), ("word " * 100, "word word…"), ("x" * 50, "x" * 9 + "…")]
)
def test_a_preview_is_one_short_line(text: str, cut: str) -> None:
    assert panel_payload.beginning(text, 10) == cut
