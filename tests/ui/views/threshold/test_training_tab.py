"""The Train tab: the form and its answers; the trainings themselves are in test_training_jobs.py."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import Busy, InvalidInput, PlaygroundError
from playground.core.training import MOST_EPOCHS
from playground.engine import threshold_files, trainable
from playground.settings import Settings
from playground.ui.components.model_choices import reranker_choices
from playground.ui.services import Services
from playground.ui.training_jobs import TrainingJob
from playground.ui.views.threshold import saved_tab, training_payload, training_tab
from playground.ui.views.threshold.labelled_set_in_view import Selection, open_set
from playground.ui.wiring import Caller
from tests.engine.saved_thresholds import threshold
from tests.engine.test_trained import ASK, models

__all__ = ["models"]
FORM: dict[str, Any] = {"base": "built-in/mini-reranker", "name": "Mine", "preset": "careful", "share": 0.5, "seed": 3}


def asking(caller: Caller, **event: object) -> Caller:
    return replace(caller, event=event)


def test_the_form_says_how_the_set_is_split_and_what_is_to_be_feared(services: Services, caller: Caller) -> None:
    form = training_tab.on_plan(services, asking(caller, share=0.5), Selection())
    assert (form["plan"]["n_train"], form["plan"]["n_dev"]) == (8, 8)
    # By these the page sees whether the plan is of its own choices.
    assert form["split"] == {"share": 0.5, "seed": 0, "negatives": "set"}
    assert form["plan"]["warnings"][0]["en"].startswith("16 queries are few")
    assert form["plan"]["warnings"][0]["zh"].startswith("16 个查询太少")
    assert form["name"] == "My reranker 1"
    values = [each["value"] for each in form["bases"]]
    assert values[:2] == ["built-in/mini-reranker", "built-in/mini-embedder"]
    assert "bm25" not in values
    assert not any("#" in value or "Qwen" in value for value in values)
    nothing = training_tab.on_plan(services, caller, Selection("labels"))
    assert nothing["plan"]["trouble"]["en"].startswith("No passage of this set is marked relevant")


def test_what_was_asked_for_is_what_is_begun(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(services.trainings, "start", lambda ask, data: begun.append((ask, data)))
    chinese = replace(caller, language="zh")
    training_tab.on_train(services, asking(chinese, **FORM, epochs=7, adapters="yes"), Selection(), "cpu")
    training_tab.on_train(services, asking(caller, **FORM, epochs=500), Selection(), "cpu")
    assert begun.pop()[0].epochs == MOST_EPOCHS
    ((ask, data),) = begun
    assert (ask.base, ask.name, ask.preset, ask.epochs, ask.seed) == ("built-in/mini-reranker", "Mine", "careful", 7, 3)
    assert (ask.owner, ask.adapters, ask.device) == (caller.owner, "yes", "cpu")
    # The card is English.
    assert (ask.set_id, ask.set_name) == ("example", "Ready example")
    assert (
        (ask.n_train, ask.n_dev, ask.warnings)
        == (len(data.train), len(data.dev), data.warnings)
        == (8, 8, ask.warnings)
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"base": "bm25"}, "has no weights to train"),
        ({"base": "  "}, "Name a model"),
        ({"base": "tei://localhost:8080"}, "runs on another machine"),
        ({"base": "/no/such/folder"}, "There is no folder"),
        ({"name": "  "}, "A model needs a name"),
    ],
)
def test_a_form_that_cannot_be_used_is_one_sentence_and_begins_nothing(
    services: Services, caller: Caller, event: dict[str, str], sentence: str
) -> None:
    with pytest.raises(PlaygroundError, match=sentence):
        training_tab.on_train(services, asking(caller, **FORM | event), Selection(), "cpu")
    assert services.trainings.of(caller.owner) == ()
    assert not services.settings.trained.exists()


def test_a_public_page_trains_only_where_its_host_allows_it(
    tmp_path: Path, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Settings(db=tmp_path / "history.db", public=True, worker=False)
    assert (closed.train, closed.folders, Settings().folders) == (False, False, True)
    services = Services.from_settings(closed)
    assert training_tab.on_plan(services, caller, Selection())["allowed"] is False
    with pytest.raises(InvalidInput, match="does not let visitors train"):
        training_tab.on_train(services, asking(caller, **FORM), Selection(), "cpu")
    with pytest.raises(InvalidInput, match="does not let visitors train"):
        training_tab.on_resume(services, asking(caller, id="0123456789abcdef"))
    services.close()
    open_ = Settings(db=tmp_path / "history.db", public=True, train=True, worker=False, runs_per_minute=2)
    assert open_.folders == tmp_path / "trained"
    services = Services.from_settings(open_)
    with pytest.raises(InvalidInput, match="cannot be opened on a public page"):
        training_tab.on_train(services, asking(caller, **FORM | {"base": str(tmp_path)}), Selection(), "cpu")
    monkeypatch.setattr(services.trained, "n_bytes", lambda owner: 10**9)
    with pytest.raises(InvalidInput, match="Your models take the 50 MB"):
        training_tab.on_train(services, asking(caller, **FORM), Selection(), "cpu")
    # Two tries were counted already.
    with pytest.raises(Busy, match="You began 2 runs within a minute"):
        training_tab.on_train(services, asking(caller, **FORM), Selection(), "cpu")
    services.close()


def test_a_trained_model_is_in_the_picker_and_can_be_renamed_and_deleted(
    services: Services, caller: Caller, models: Any
) -> None:
    (trained,) = models.list("me")
    me = replace(caller, owner="me")
    assert models.n_bytes("me") == sum(path.stat().st_size for path in trained.path.iterdir()) > 0
    assert models.n_bytes("you") == 0
    assert services.trained.root == models.root
    assert ("My own!", str(trained.path)) in reranker_choices(services)
    used = training_tab.on_use(services, asking(me, id=ASK.id))
    assert used["value"] == str(trained.path)
    shown = training_tab.on_act(services, asking(me, verb="rename", id=ASK.id, name="Other"))
    assert [each["name"] for each in shown.models["trained"]] == ["Other"]
    assert shown.models["trained"][0]["result"]["verdict"] == "better"
    shown = training_tab.on_act(services, asking(me, verb="delete", id=ASK.id))
    assert shown.models == {"trained": []}
    assert not trained.path.exists()


def test_the_suggested_threshold_is_saved_in_one_click_and_says_so(
    services: Services, caller: Caller, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio.Info", lambda message, **_: None)
    (trained,) = models.list("me")
    suggested = models.threshold("me", ASK.id)
    models.measured(replace(trained, result=replace(trained.result, fingerprint=suggested.spec.fingerprint)), suggested)
    me = replace(caller, owner="me", language="zh")
    (before,) = training_tab.models_payload(services, "me")["trained"]
    assert (before["line"], before["line_kept"]) == (True, False)
    (after,) = training_tab.on_keep(services, asking(me, id=ASK.id))["trained"]
    assert after["line_kept"] is True
    (saved,) = services.history.thresholds.list("me")
    assert (saved.name, saved.value, saved.set_name) == ("My own!", -1.25, "现成示例")
    assert (saved.spec, saved.scale, saved.method) == (suggested.spec, suggested.scale, suggested.method)
    assert services.history.thresholds.list("you") == []
    # With another model in view it is refused by the model's name; the folder is its key on a public page.
    other = replace(saved.spec, model_id="built-in/mini-reranker", fingerprint="other")
    folder = replace(saved, spec=replace(saved.spec, model_id=str(trained.path)))
    said = str(threshold_files.refusal(folder, other, saved.scale))
    assert said.startswith("“My own!” was chosen for my-own, and these scores are from built-in/mini-reranker.")
    with pytest.raises(InvalidInput, match="This trained model is gone"):
        training_tab.on_keep(services, asking(caller, id=ASK.id))


def test_a_set_of_ones_own_that_is_called_like_a_ready_one_keeps_its_name(
    services: Services, caller: Caller, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio.Info", lambda message, **_: None)
    (trained,) = models.list("me")
    own = replace(trained, ask=replace(ASK, set_id="0123", set_name="example"))
    models.measured(own, threshold(set_name="example"))
    (shown,) = training_tab.on_keep(services, asking(replace(caller, owner="me", language="zh"), id=ASK.id))["trained"]
    assert (shown["set_id"], shown["set"]) == ("0123", "example")
    (saved,) = services.history.thresholds.list("me")
    assert saved.set_name == "example"


def test_on_a_public_page_a_saved_threshold_holds_for_a_trained_model_without_naming_its_folder(
    services: Services, caller: Caller, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio.Info", lambda message, **_: None)
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    (trained,) = models.list("me")
    spec = replace(threshold().spec, model_id=str(trained.path), revision=None)
    models.measured(trained, threshold(spec=spec))
    me = replace(caller, owner="me")
    training_tab.on_keep(public, asking(me, id=ASK.id))
    (saved,) = public.history.thresholds.list("me")
    (row,) = saved_tab.show(public, me, Selection(), open_set(public, me, Selection()), {})[0]["saved"]
    file = saved_tab.on_act(public, asking(me, verb="download", id=saved.id), Selection()).download["text"]
    export = gzip.decompress(public.history.export("me")).decode()
    assert row["model_id"] == saved.spec.model_id == "my-own"
    assert not any(str(models.root) in text for text in (str(row), file, export))
    assert threshold_files.refusal(saved, spec, saved.scale) is None
    said = str(threshold_files.refusal(saved, replace(spec, fingerprint="other"), saved.scale))
    assert said.startswith("“My own!” was chosen for other weights of my-own")
    code = saved_tab.on_code(public, asking(me, id=saved.id))
    assert (code["text"], "cannot be opened on a public page" in code["reason"]["en"]) == ("", True)


def test_that_steps_are_taken_in_parts_is_said_beside_its_training_in_both_languages() -> None:
    warning = trainable.IN_PARTS.format(need="1.6 GiB", free="900 MiB", device="CPU")
    ((said,), none) = (
        training_payload.jobs_payload((TrainingJob(ASK, warning=each),))["lines"][0]["warnings"]  # type: ignore[index]
        for each in (warning, "")
    )
    assert (said["en"], none) == (warning, [])
    assert said["zh"].startswith("对最长的段落做一步训练约需 1.6 GiB 内存，而 CPU 上可用 900 MiB。")


def test_the_form_knows_how_long_a_step_of_each_preset_takes(services: Services, caller: Caller) -> None:
    presets = training_tab.on_plan(services, caller, Selection())["presets"]
    assert (presets["quick"]["step_time"], presets["careful"]["step_time"]) == (1.0, 4.0)
