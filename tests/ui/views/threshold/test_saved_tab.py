"""Saved thresholds: the list, the line, files and code; the menu beside Ranking's threshold; no browser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import ModelChoice, Passage
from playground.engine import snippets
from playground.ui import texts
from playground.ui.services import Services
from playground.ui.views.history import view as history
from playground.ui.views.ranking import saved_thresholds
from playground.ui.views.ranking.view import Visit
from playground.ui.views.threshold import saved_tab
from playground.ui.views.threshold import view as threshold_view
from playground.ui.views.threshold.labelled_set_in_view import Selection, SetInView, open_set
from playground.ui.wiring import Caller
from tests.engine.saved_thresholds import threshold
from tests.ui.views.ranking.test_view import run
from tests.ui.views.threshold.test_view import part

AT = datetime(2026, 11, 1, tzinfo=UTC)
MODEL = ModelChoice("built-in/mini-reranker")
QUERIES = {
    "red panda": (("a red panda eats", 1), ("red paint", 0), ("blue whale", 0)),
    "green tea": (("green tea in a pot", 1), ("a pot", 0), ("tea", 1)),
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Toasts need a page; what they say is kept."""
    said: list[str] = []
    monkeypatch.setattr("gradio.Info", lambda message, **_: said.append(message))
    return said


@pytest.fixture
def selection(services: Services, caller: Caller) -> Selection:
    """A scored set in view."""
    queries = tuple(
        LabelledQuery(
            str(number),
            query,
            tuple(Passage(str(place), text) for place, (text, _) in enumerate(pairs)),
            tuple(Label(grade, "imported", AT) for _, grade in pairs),
        )
        for number, (query, pairs) in enumerate(QUERIES.items())
    )
    selection = Selection(services.history.sets.save(caller.owner, LabelledSet("", "pandas and tea", queries)))
    labelled = services.history.sets.get(caller.owner, selection.set_id)
    for step in services.engine.score_set(labelled, MODEL):
        if step.scored and step.spec and step.scale:
            services.history.sets.put_scores(caller.owner, step.spec, step.scale, "", step.scored)
    return selection


def saving(caller: Caller, in_view: SetInView, **changes: Any) -> Caller:
    assert in_view.shown is not None
    event = {"name": "careful", "threshold": 0.5, "method": "by-hand", "parameter": None}
    event |= {"set": in_view.labelled.id, "scorer": in_view.shown.key}
    return replace(caller, event=event | changes)


def save(services: Services, caller: Caller, selection: Selection, **changes: Any) -> dict[str, Any]:
    """The newest row after saving."""
    in_view = open_set(services, caller, selection)
    row: dict[str, Any] = saved_tab.on_save(services, saving(caller, in_view, **changes), selection).saved["saved"][0]
    return row


def test_a_line_is_saved_with_everything_that_says_where_it_holds(
    services: Services, caller: Caller, selection: Selection
) -> None:
    row = save(services, caller, selection, threshold=0.1 + 0.2)
    assert (row["name"], row["value"], row["scale"], row["fits"]) == ("careful", 0.30000000000000004, "logit", True)
    assert (row["n_queries"], row["n_pairs"], row["n_relevant"]) == (2, 6, 3)
    assert (row["set"], row["method"], row["interval"]) == ("pandas and tea", "by-hand", None)
    judged = open_set(services, caller, selection).judged
    assert judged is not None
    kept = judged.score >= 0.3
    assert row["precision"] == (kept & judged.relevant).sum() / kept.sum()
    assert row["recall"] == (kept & judged.relevant).sum() / 3
    stored = services.history.thresholds.get(caller.owner, row["id"])
    assert (stored.spec.fingerprint, stored.scale.name) == ("0" * 63 + "1", "logit")


def test_the_form_says_what_became_of_the_line(services: Services, caller: Caller, selection: Selection) -> None:
    asked = saving(caller, open_set(services, caller, selection))
    form = saved_tab.on_save(services, asked, selection).form
    assert (form["kept"], texts.say("saved.saved", name="careful")) == (True, "“careful” is saved.")
    assert form["said"] == {"key": "saved.saved", "values": {"name": "careful"}, "tone": "good"}
    said = {"en": "A threshold needs a name. Type one.", "zh": "…", "tone": "bad"}
    refused = saved_tab.refused(said)
    assert (refused.saved, refused.form["said"], refused.form["kept"]) == (gr.skip(), said, False)


def test_what_a_rule_chose_is_saved_with_its_parameter_and_its_band(
    services: Services, caller: Caller, selection: Selection
) -> None:
    from playground.analysis.thresholds import suggest

    in_view = open_set(services, caller, selection)
    assert in_view.judged is not None
    value = suggest(in_view.judged, "recall", 0.5).finite
    row = save(services, caller, selection, threshold=value, method="recall", parameter=0.5)
    assert (row["method"], row["parameter"], row["value"]) == ("recall", 0.5, value)
    low, high = row["interval"]
    assert math.isfinite(low)
    assert low <= high


@pytest.mark.parametrize("changes", [{"parameter": 0.5}, {"parameter": 7}, {"parameter": "x"}, {"method": "guess"}])
def test_a_line_that_its_rule_does_not_choose_is_saved_as_placed_by_hand(
    services: Services, caller: Caller, selection: Selection, changes: dict[str, Any]
) -> None:
    row = save(services, caller, selection, **{"threshold": 99.0, "method": "recall", "parameter": 0.5} | changes)
    assert (row["method"], row["parameter"], row["interval"]) == ("by-hand", None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "  "}, "needs a name"),
        ({"name": "\0"}, "needs a name"),
        ({"threshold": None}, "There is no line yet"),
        ({"threshold": "-Infinity"}, "Keeping everything or dropping everything"),
        ({"threshold": math.inf}, "Keeping everything or dropping everything"),
        ({"threshold": True}, "Keeping everything or dropping everything"),
        ({"set": "example"}, "another set or model by now"),
        ({"scorer": "other"}, "another set or model by now"),
    ],
)
def test_what_is_no_threshold_of_this_set_is_refused(
    services: Services, caller: Caller, selection: Selection, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        save(services, caller, selection, **changes)
    assert services.history.thresholds.list(caller.owner) == []


def test_on_a_public_page_a_line_of_a_trained_model_does_not_name_its_folder(
    services: Services, caller: Caller, selection: Selection
) -> None:
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    in_view, sets = open_set(services, caller, selection), services.history.sets
    assert in_view.shown is not None
    spec = replace(in_view.shown.spec, model_id="/data/trained/my-own-0123456789abcdef", fingerprint="e" * 64)
    for step in services.engine.score_set(in_view.labelled, MODEL):
        if step.scored and step.scale:
            sets.put_scores(caller.owner, spec, step.scale, "", step.scored)
    row = save(public, caller, replace(selection, scorer=sets.scorer_key(spec, in_view.shown.scale, "")))
    assert (row["model_id"], row["fingerprint"], row["fits"]) == ("my-own", "e" * 64, True)


def test_without_scores_there_is_nothing_to_save_or_to_cut(services: Services, caller: Caller) -> None:
    selection = Selection()
    event = {"name": "x", "threshold": 1.0, "set": "example", "scorer": ""}
    with pytest.raises(InvalidInput, match="both a label and a score"):
        saved_tab.on_save(services, replace(caller, event=event), selection)
    id = services.history.thresholds.save(caller.owner, threshold())
    with pytest.raises(InvalidInput, match="There are no scores"):
        saved_tab.on_load(services, replace(caller, event={"id": id}), selection)
    (row,) = saved_tab.listed(services, caller, open_set(services, caller, selection))["saved"]  # type: ignore[misc]
    assert (row["fits"], row["refusal"]) == (None, None)


def test_the_panels_line_is_made_anew_with_the_list_that_saves_it(
    services: Services, caller: Caller, selection: Selection
) -> None:
    parts = [part(name, name) for name in ("data", "panel", "quality", "saved")]

    def sent(steps: Iterable[tuple[Any, ...]]) -> list[str]:
        return [value for step in steps for value in step if isinstance(value, str)]

    assert sent(threshold_view.on_refresh(services, parts, caller, selection, {})) == ["data", "panel"]
    assert sent(threshold_view.on_open(services, parts, "quality", caller, selection, {})) == ["quality"]
    assert sent(threshold_view.on_refresh(services, parts, caller, Selection(), {})) == ["data", "quality"]
    assert sent(threshold_view.on_open(services, parts, "saved", caller, Selection(), {})) == ["panel", "saved"]
    assert sent(threshold_view.on_refresh(services, parts, caller, selection, {})) == ["data", "panel", "saved"]
    assert sent(threshold_view.on_open(services, parts, "panel", caller, selection, {})) == []


def test_a_threshold_of_this_model_goes_onto_the_line(
    services: Services, caller: Caller, selection: Selection, quiet: list[str]
) -> None:
    own = open_set(services, caller, selection).shown
    assert own is not None
    chosen = threshold(spec=replace(own.spec, precision="bf16"), scale=own.scale)
    id = services.history.thresholds.save(caller.owner, chosen)
    line = saved_tab.on_load(services, replace(caller, event={"id": id}), selection)
    assert (line["value"], line["name"]) == (chosen.value, "careful")
    assert quiet == [
        "“careful” is on the line. This threshold was chosen in bf16, here the model runs in fp32: scores near the "
        "line may differ."
    ]
    saved_tab.on_load(services, replace(caller, event={"id": id}, language="zh"), selection)
    assert quiet[1].startswith("线已移到“careful”。 这个阈值是在 bf16 精度下选定的")


def test_a_threshold_of_another_model_is_refused_with_the_reason(
    services: Services, caller: Caller, selection: Selection
) -> None:
    id = services.history.thresholds.save(caller.owner, threshold())
    with pytest.raises(InvalidInput, match="was chosen for org/model, and these scores are from built-in/mini"):
        saved_tab.on_load(services, replace(caller, event={"id": id}), selection)
    (row,) = saved_tab.listed(services, caller, open_set(services, caller, selection))["saved"]  # type: ignore[misc]
    assert row["fits"] is False
    assert "org/model" in row["refusal"]["zh"]


def test_a_deleted_threshold_comes_back(services: Services, caller: Caller, selection: Selection) -> None:
    id = save(services, caller, selection)["id"]

    def act(verb: str, who: Caller = caller) -> saved_tab.Acted:
        return saved_tab.on_act(services, replace(who, event={"verb": verb, "id": id}), selection)

    gone = act("delete").saved
    assert (gone["saved"], gone["deleted"]) == ([], {"id": id, "name": "careful"})
    back = act("restore").saved
    assert ([row["id"] for row in back["saved"]], back["deleted"]) == ([id], None)
    with pytest.raises(HistoryError, match="no threshold"):
        act("delete", Caller(session="p2", owner="visitor-two"))


def test_a_threshold_leaves_and_comes_as_a_file(
    services: Services, caller: Caller, selection: Selection, tmp_path: Path
) -> None:
    id = save(services, caller, selection)["id"]
    file = saved_tab.on_act(services, replace(caller, event={"verb": "download", "id": id}), selection).download
    path = tmp_path / "threshold.json"
    path.write_text(file["text"], encoding="utf-8")
    other = Caller(session="p2", owner="visitor-two")
    (row,) = saved_tab.on_upload(services, other, Selection(), str(path))["saved"]
    assert (row["name"], row["value"], row["fingerprint"]) == ("careful", 0.5, "0" * 63 + "1")
    assert row["id"] != id
    assert saved_tab.on_upload(services, other, Selection(), None) != []
    path.write_text('{"no": 1}', encoding="utf-8")
    with pytest.raises(InvalidInput, match="holds no threshold"):
        saved_tab.on_upload(services, other, Selection(), str(path))
    path.write_bytes(b"\xff\xfe\x00" * 200_000)
    with pytest.raises(InvalidInput, match="holds no threshold"):
        saved_tab.on_upload(services, other, Selection(), str(path))
    assert len(services.history.thresholds.list(other.owner)) == 1


def test_a_threshold_becomes_code_or_says_why_not(services: Services, caller: Caller, selection: Selection) -> None:
    id = save(services, caller, selection)["id"]
    asked = replace(caller, event={"id": id, "library": "haystack"})
    code = saved_tab.on_code(services, asked)
    assert "THRESHOLD = 0.5" in str(code["text"])
    assert (code["name"], code["reason"], code["id"]) == ("threshold_haystack.py", None, id)
    assert [each["label"] for each in code["libraries"]] == [*snippets.NAMES.values()]  # type: ignore[index,union-attr]
    first = saved_tab.on_code(services, replace(caller, event={"id": id}))
    assert (first["library"], first["title"]) == ("transformers", texts.phrase("saved.code_heading", name="careful"))
    none = saved_tab.on_code(services, replace(caller, event={"id": id, "library": "pen"}))
    assert none["text"] == ""
    assert "There is no snippet for pen" in none["reason"]["en"]  # type: ignore[index]


# ---- Ranking and History ---------------------------------------------------------------------------------------------


def ranked(services: Services, caller: Caller) -> Visit:
    visit = run(services, caller)[-1].shown.visit
    assert isinstance(visit, Visit)
    return visit


def kept(services: Services, caller: Caller, visit: Visit, **changes: Any) -> str:
    """The id of a threshold for the model of this visit."""
    assert visit.result is not None
    spec = replace(visit.result.spec, **changes.pop("spec", {}))
    chosen = threshold(spec=spec, scale=visit.result.scale, **changes)
    return services.history.thresholds.save(caller.owner, chosen)


def test_rankings_menu_names_the_thresholds_and_which_of_them_fit(services: Services, caller: Caller) -> None:
    empty = saved_thresholds.on_ask(services, caller, Visit())
    assert (empty["saved"], empty["used"]) == ([], None)
    visit = ranked(services, caller)
    fits = kept(services, caller, visit)
    other = kept(services, caller, visit, name="other", spec={"fingerprint": "e" * 64, "model_id": "org/other"})
    menu = saved_thresholds.on_ask(services, caller, visit)
    assert [(row["id"], row["fits"]) for row in menu["saved"]] == [(other, False), (fits, True)]  # type: ignore[attr-defined]


def test_a_chosen_threshold_moves_rankings_line_or_is_refused(services: Services, caller: Caller) -> None:
    visit = ranked(services, caller)
    id = kept(services, caller, visit, spec={"device": "cuda"})
    used = saved_thresholds.on_pick(services, replace(caller, event={"id": id}), visit)["used"]
    assert isinstance(used, dict)
    assert (used["name"], used["value"], used["moved"]) == ("careful", 0.30000000000000004, True)
    assert [warning["en"] for warning in used["warnings"]] == [
        "This threshold was chosen on cuda, here the model runs on cpu: the last digits may differ."
    ]
    other = kept(services, caller, visit, name="other", spec={"fingerprint": "e" * 64, "model_id": "org/other"})
    with pytest.raises(InvalidInput, match="“other” was chosen for org/other"):
        saved_thresholds.on_pick(services, replace(caller, event={"id": other}), visit)
    with pytest.raises(InvalidInput, match="There are no scores"):
        saved_thresholds.on_pick(services, replace(caller, event={"id": id}), Visit())


def test_the_remarks_of_a_threshold_in_use_follow_the_run_on_the_page(services: Services, caller: Caller) -> None:
    visit = ranked(services, caller)
    id = kept(services, caller, visit)
    asked = replace(caller, event={"used": id})
    used = saved_thresholds.on_ask(services, asked, visit)["used"]
    assert isinstance(used, dict)
    assert (used["id"], used["warnings"], used["moved"]) == (id, [], False)
    assert visit.result is not None
    longer = replace(visit, result=replace(visit.result, spec=replace(visit.result.spec, max_length=32)))
    used = saved_thresholds.on_ask(services, asked, longer)["used"]
    assert isinstance(used, dict)
    assert len(used["warnings"]) == 1
    gone = saved_thresholds.on_ask(services, replace(caller, event={"used": "deleted since"}), visit)
    assert gone["used"] is None


def test_history_marks_the_runs_of_a_thresholds_model(services: Services, caller: Caller) -> None:
    visit = ranked(services, caller)

    def marks() -> list[list[str]]:
        rows = history.on_list(services, caller, "", "", False, 30).runs["runs"]
        return [[mark["name"] for mark in row["thresholds"]] for row in rows]

    assert marks() == [[]]
    kept(services, caller, visit)
    kept(services, caller, visit, name="other", spec={"fingerprint": "e" * 64})
    assert marks() == [["careful"]]
    row = history.on_list(services, caller, "", "", False, 30).runs["runs"][0]
    assert row["thresholds"] == [{"name": "careful", "value": 0.30000000000000004, "scale": "logit"}]
    ids = [run.id for run in services.history.search(caller.owner)]
    assert services.history.scales_of(caller.owner, ids) == {ids[0]: {("0" * 63 + "1", "logit", "")}}
    assert services.history.scales_of("visitor-two", ids) == {}


def test_history_marks_a_comparison_that_has_the_model_among_others(services: Services, caller: Caller) -> None:
    from playground.engine import comparison_record as comparisons

    visit = ranked(services, caller)
    assert visit.result is not None
    choices = [MODEL, ModelChoice("bm25")]
    last = list(services.engine.compare(visit.result.request, choices))[-1]
    services.history.save(caller.owner, json.loads(json.dumps(comparisons.manifest(last.comparison))))
    kept(services, caller, visit)
    rows = history.on_list(services, caller, "", "", False, 30).runs["runs"]
    assert [[mark["name"] for mark in row["thresholds"]] for row in rows] == [["careful"], ["careful"]]
