"""Names that tell the columns of a comparison apart, also of models that never ran."""

from __future__ import annotations

from dataclasses import replace

from playground.analysis.naming import names, run_names
from playground.core.types import ModelChoice, ModelRun
from playground.models import bm25
from tests.analysis.results import result_of

CHOICE = ModelChoice("maker/one")


def test_the_keyword_baseline_is_written_as_people_write_it() -> None:
    assert names([result_of([1.0]), result_of([1.0], model_id=bm25.MODEL_ID)]) == ("one", "BM25")


def test_a_model_without_a_result_goes_by_what_was_asked_for() -> None:
    ran = ModelRun(CHOICE, result_of([1.0], precision="fp32"))
    waiting = ModelRun(ModelChoice("maker/one", precision="bf16"))
    other = ModelRun(ModelChoice("maker/gone"))
    assert run_names([ran, waiting, other]) == ("one · fp32", "one · bf16", "gone")


def test_one_id_as_reranker_and_as_embedder_is_two_names() -> None:
    runs = [ModelRun(CHOICE), ModelRun(ModelChoice("maker/one", kind="embedder"))]
    assert run_names(runs) == ("one · reranker", "one · embedder")


def test_nothing_that_differs_leaves_a_number() -> None:
    assert run_names([ModelRun(CHOICE, result_of([1.0]))] * 2) == ("one #1", "one #2")


def test_a_model_in_several_modes_or_at_several_layers_goes_by_what_differs() -> None:
    modes = [ModelRun(ModelChoice(f"BAAI/bge-m3#mode={mode}")) for mode in ("dense", "0.5dense+0.5sparse")]
    assert run_names(modes) == ("dense", "0.5dense + 0.5sparse")
    other = ModelRun(ModelChoice("maker/one"))
    assert run_names([*modes, other]) == ("dense · bge-m3", "0.5dense + 0.5sparse · bge-m3", "one")
    embedder = ModelRun(ModelChoice("BAAI/bge-m3", kind="embedder"))
    assert run_names([embedder, *modes]) == ("bge-m3", "dense", "0.5dense + 0.5sparse")
    depths = [ModelRun(ModelChoice(f"a/b#layer={layer},ratio=2,at=8")) for layer in (16, 24)]
    assert run_names(depths) == ("layer=16", "layer=24")
    assert run_names([*depths, depths[0]]) == ("layer=16 #1", "layer=24", "layer=16 #2")


def test_a_model_that_is_read_in_one_way_keeps_its_option() -> None:
    runs = [ModelRun(ModelChoice("/here/m3#mode=dense")), ModelRun(ModelChoice("maker/one"))]
    assert run_names(runs) == ("m3#mode=dense", "one")
    twins = [ModelRun(ModelChoice(f"/{place}/m3#mode=dense")) for place in ("here", "there")]
    assert run_names(twins) == ("/here/m3#mode=dense", "/there/m3#mode=dense")
    asked = ModelChoice("a/m3#mode=dense", precision="fp32")
    precisions = [ModelRun(asked), ModelRun(replace(asked, precision="bf16"))]
    assert run_names(precisions) == ("m3#mode=dense · fp32", "m3#mode=dense · bf16")


def test_a_model_on_another_machine_goes_by_its_whole_address() -> None:
    runs = [ModelRun(ModelChoice("maker/one")), ModelRun(ModelChoice("playground://host/maker/one"))]
    assert run_names(runs) == ("one", "playground://host/maker/one")
