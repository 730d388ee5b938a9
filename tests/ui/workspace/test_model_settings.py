"""The controls beside the model box: what the id sets, and what they write into it; no browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from playground.ui.components.asked import restored
from playground.ui.services import Services
from playground.ui.wiring import Caller
from playground.ui.workspace.model_settings import Controls, Known, Wanted, build, known_of, on_read, on_write
from playground.ui.workspace.view import on_model, on_tick
from tests.ui.views.ranking.test_view import ASKED, run

LAYERWISE = "BAAI/bge-reranker-v2-minicpm-layerwise"
LIGHTWEIGHT = "BAAI/bge-reranker-v2.5-gemma2-lightweight"
SUM = "BAAI/bge-m3#mode=0.4dense+0.2sparse+0.4colbert"
QWEN = "Qwen/Qwen3-Reranker-0.6B"
EMPTY = Wanted(*(None for _ in Wanted._fields))


def seen(services: Services, caller: Caller, model: str) -> tuple[dict[str, Any], Known]:
    """(what of the controls is visible, what the page knows then)."""
    read = on_read(services, caller, Known(), model, "").controls
    fields = ("layer", "compression", "weights", "label", "prompt", "task")
    return {name: getattr(read, name) for name in fields if getattr(read, name)["visible"]}, read.known


FAMILIES: dict[str, set[str]] = {
    "built-in/mini-reranker": set(),
    "BAAI/bge-reranker-base": set(),
    QWEN: set(),
    LAYERWISE: {"layer"},
    LIGHTWEIGHT: {"layer", "compression"},
    SUM: {"weights"},
    "BAAI/llm-embedder": {"task"},
    "owner/never-seen": set(),
    "": set(),
}


def test_a_model_shows_the_controls_of_its_family_alone(services: Services, caller: Caller) -> None:
    assert {model: set(seen(services, caller, model)[0]) for model in FAMILIES} == FAMILIES


def test_the_layer_slider_spans_the_layers_that_score(services: Services, caller: Caller) -> None:
    slider = seen(services, caller, f"{LAYERWISE}#layer=12")[0]["layer"]
    assert (slider["minimum"], slider["maximum"], slider["value"]) == (8, 40, 12)


def test_moving_a_control_writes_the_id_and_the_id_then_moves_nothing(services: Services, caller: Caller) -> None:
    written = on_write(services, caller, LAYERWISE, "", *EMPTY._replace(layer=16))
    assert written.model == f"{LAYERWISE}#layer=16"
    # Even an id that comes late, while the control was moved on, moves it no more.
    for late in (written.model, f"{LAYERWISE}#layer=11"):
        again = on_read(services, caller, written.known, late, "mine")
        assert again.instruction == again.controls.layer == again.controls.known == gr.skip()
    typed = on_read(services, caller, written.known, f"{LAYERWISE}#layer=11", "mine", typed=True)
    assert (typed.controls.layer["value"], typed.instruction) == (11, gr.skip())


def test_weights_of_the_modes_are_written_as_a_sum_and_one_alone_by_its_name(
    services: Services, caller: Caller
) -> None:
    weighed = EMPTY._replace(dense=0.4, sparse=0.5, colbert=0.0)
    assert on_write(services, caller, SUM, "", *weighed).model == "BAAI/bge-m3#mode=0.4dense+0.5sparse"
    alone = on_write(services, caller, SUM, "", *EMPTY._replace(dense=0.0, sparse=0.0, colbert=0.4))
    assert alone.model == "BAAI/bge-m3#mode=colbert"
    assert [said["key"] for said in alone.said] == ["meaning.mean-maxsim"]


def test_weights_that_sum_to_nothing_are_refused_and_the_last_id_stays(services: Services, caller: Caller) -> None:
    refused = on_write(services, caller, SUM, "", *EMPTY._replace(dense=0.0, sparse=0.0, colbert=0.0))
    assert refused.model == refused.known == gr.skip()
    assert "sum to nothing" in str(refused.said[0]["en"])
    assert "权重" in str(refused.said[0]["zh"])


def test_a_typed_layer_that_does_not_exist_is_said_and_the_slider_stays(services: Services, caller: Caller) -> None:
    read = on_read(services, caller, Known(), f"{LAYERWISE}#layer=99", "")
    assert (read.controls.layer["visible"], read.controls.layer["value"]) == (True, 28)
    assert "8-40" in str(read.controls.said[0]["en"])
    assert "8-40" in str(read.controls.said[0]["zh"])
    assert str(read.controls.said[0]["en"]) != str(read.controls.said[0]["zh"])


def test_compression_needs_a_layer_below_the_exit_and_comes_back_with_it(services: Services, caller: Caller) -> None:
    wanted = EMPTY._replace(layer=20, ratio=2, at=[24])
    low = on_write(services, caller, LIGHTWEIGHT, "", *wanted)
    assert (low.model, low.said[0]["key"]) == (f"{LIGHTWEIGHT}#layer=20,ratio=1", "settings.nothing_compressed")
    high = on_write(services, caller, low.model, "", *wanted._replace(layer=30))
    assert high.model == f"{LIGHTWEIGHT}#layer=30,ratio=2,at=24"
    none = on_write(services, caller, high.model, "", *wanted._replace(layer=30, at=[]))
    assert none.model == f"{LIGHTWEIGHT}#layer=30,ratio=1"


def test_a_label_is_chosen_by_name_and_an_unclear_one_is_asked_for(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    config = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "sport", "1": "art", "2": "war"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    label = seen(services, caller, str(tmp_path))[0]["label"]
    assert ([value for _, value in label["choices"]], label["value"]) == (["sport", "art", "war"], None)
    written = on_write(services, caller, str(tmp_path), "", *EMPTY._replace(label="art"))
    assert (written.model, written.said) == (f"{tmp_path}#label=art", [])


def test_what_runs_a_cross_encoder_is_read_from_its_id_and_written_into_it(services: Services, caller: Caller) -> None:
    base, onnx = "BAAI/bge-reranker-base", "BAAI/bge-reranker-base#backend=onnx"
    box = on_read(services, caller, Known(), onnx, "").controls.backend
    assert (box["visible"], box["value"]) == (True, "onnx")
    assert box["choices"] == [("PyTorch", "torch"), ("ONNX Runtime", "onnx")]
    assert on_read(services, caller, Known(), base, "").controls.backend["value"] == "torch"
    assert on_write(services, caller, base, "", *EMPTY._replace(backend="onnx")).model == onnx
    assert on_write(services, caller, onnx, "", *EMPTY._replace(backend="torch")).model == base
    assert not on_read(services, caller, Known(), QWEN, "").controls.backend["visible"]
    said = on_read(services, caller, Known(), f"{QWEN}#backend=onnx", "").controls.said[0]
    assert "ONNX Runtime is for rerankers" in str(said["en"])
    assert "带分类头" in str(said["zh"])


def test_the_instruction_is_in_sight_only_for_models_that_are_told_their_task(
    services: Services, caller: Caller
) -> None:
    told, plain = (on_read(services, caller, Known(), model, "") for model in (QWEN, "BAAI/bge-reranker-base"))
    assert (told.place["elem_classes"], plain.place["elem_classes"]) == ([], ["pg-advanced-only"])
    assert (told.instruction[:20], plain.instruction) == ("Given a web search q", "")


def test_what_was_written_as_the_instruction_stays_with_its_model_and_leaves_with_it(
    services: Services, caller: Caller
) -> None:
    _, known = seen(services, caller, LAYERWISE)
    assert on_read(services, caller, known, f"{LAYERWISE}#layer=9", "mine", typed=True).instruction == gr.skip()
    assert on_read(services, caller, known, "BAAI/bge-reranker-base", "mine").instruction == ""
    _, known = seen(services, caller, "BAAI/llm-embedder")
    assert known.settings is not None
    own = known.settings.instruction
    task = EMPTY._replace(task="chat")
    assert on_write(services, caller, "BAAI/llm-embedder", own, *task).instruction.startswith("Embed this dialogue")
    assert on_write(services, caller, "BAAI/llm-embedder", "mine", *task).instruction == gr.skip()


def test_a_run_that_is_opened_sets_the_controls_and_keeps_its_instruction(services: Services, caller: Caller) -> None:
    shown = run(services, caller, ASKED._replace(model=f"{LAYERWISE}#layer=16", instruction="Find the law."))[-1]
    visit = shown.shown.visit
    workspace = restored(visit.result.request, visit.choice)
    read = on_model(services, caller, known_of(workspace), workspace.model, workspace.instruction, "cpu", "fp32").read
    assert (read.controls.layer["value"], read.instruction) == (16, gr.skip())


def test_folders_stay_closed_on_a_public_page(services: Services, caller: Caller, tmp_path: Path) -> None:
    config = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert set(seen(services, caller, str(tmp_path))[0]) == {"label"}
    public = Services(services.settings.model_copy(update={"public": True}), services.engine, services.history)
    assert set(seen(public, caller, str(tmp_path))[0]) == set()


def test_the_page_opens_with_the_controls_of_the_first_model(services: Services) -> None:
    first = services.settings.model_copy(update={"models": (f"{LAYERWISE}#layer=12",)})
    with gr.Blocks():
        controls = build(Services(first, services.engine, services.history), lambda component, **_: component)  # type: ignore[arg-type]
    assert isinstance(controls, Controls)
    assert (controls.layer.visible, controls.layer.value, controls.weights.visible) == (True, 12, False)


def test_controls_appear_once_the_files_of_a_model_have_come(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    _, known = seen(services, caller, str(folder))
    before = on_tick(services, caller, known, str(folder), "mine")
    folder.mkdir()
    config = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b"}}
    (folder / "config.json").write_text(json.dumps(config))
    after = on_tick(services, caller, known, str(folder), "mine")
    assert before.line == after.line == before.read.controls.label == gr.skip()
    assert (after.read.controls.label["visible"], after.read.instruction) == (True, gr.skip())
