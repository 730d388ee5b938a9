"""Names that tell the columns of a comparison apart, also of models that never ran."""

from __future__ import annotations

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
