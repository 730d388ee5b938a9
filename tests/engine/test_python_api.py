"""`from playground import rerank`: the same results without the page."""

import subprocess
import sys
from pathlib import Path

import pytest

import playground
from playground import compare, embed, rerank, tables
from playground.core.errors import InvalidInput, ModelNotFound
from playground.core.types import ModelChoice, Passage
from playground.engine.engine import Engine
from playground.engine.python_api import engine
from tests.engine.doubles import request_of, run

ROOT = Path(__file__).parents[2]


def test_importing_the_package_and_the_engine_loads_neither_torch_nor_gradio() -> None:
    code = (
        "import sys, playground, playground.engine.engine, playground.engine.exports\n"
        "from playground import compare, embed, rerank\n"
        "from playground.engine.engine import Engine\n"
        "engine = Engine()\n"
        "print([name for name in ('torch', 'transformers', 'gradio', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.stdout == "[]\n", done.stderr


def test_the_package_says_what_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = playground.nothing
    assert playground.__all__ == ["Windows", "__version__", "compare", "embed", "rerank", "score_set"]


def test_the_result_is_that_of_the_engine(tiny_xlmr: Path) -> None:
    texts = ["大熊猫主要以竹子为食。", "The giant panda is a bear.", "hi"]
    result = rerank("what is panda?", texts, model=str(tiny_xlmr), device="cpu", precision="fp32", max_length=64)
    choice = ModelChoice(str(tiny_xlmr), device="cpu", precision="fp32", max_length=64)
    other = run(Engine(), request_of("what is panda?", *texts), choice)
    assert result.scored == other.scored
    assert result.spec == other.spec
    best = next(iter(result))
    assert (best.rank, best.passage.text) == (1, texts[best.index])
    assert (result.spec.max_length, result.spec.precision, result.spec.truncation) == (64, "fp32", "only_second")
    assert result.scale.name == "logit"


def test_a_second_call_finds_the_model_and_the_scores(tiny_xlmr: Path) -> None:
    first = rerank("panda", ["bear", "train"], str(tiny_xlmr), device="cpu")
    second = rerank("panda", [Passage("x", "train", True), Passage("y", "bear")], str(tiny_xlmr), device="cpu")
    assert second.n_cached == 2
    assert {p.passage.text: p.logit for p in first} == {p.passage.text: p.logit for p in second}
    assert engine() is engine()


def test_its_errors_are_the_sentences_of_the_page(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There are no passages"):
        rerank("panda", [])
    with pytest.raises(InvalidInput, match="as a list of texts"):
        rerank("panda", "bear")
    with pytest.raises(ModelNotFound):
        rerank("panda", ["bear"], model=str(tmp_path / "nothing"))


def test_the_built_in_model_is_the_default(built_in_reranker: Path) -> None:
    assert (built_in_reranker / "model.safetensors").is_file()
    texts = ["hi", "The giant panda is a bear species endemic to China."]
    result = rerank("what is panda?", texts, device="cpu", precision="fp32")
    assert [passage.index for passage in result] == [1, 0]
    assert result.spec.model_id == "built-in/mini-reranker"
    assert result.warnings == ()
    chinese = rerank("大熊猫吃什么", ["大熊猫主要以竹子为食。"], device="cpu", precision="fp32")
    assert any("reads English" in warning for warning in chinese.warnings)


def test_vectors_come_back_as_arrays(tiny_embedder: Path) -> None:
    result = embed("panda", ["bear", "train", "panda"], str(tiny_embedder), device="cpu", precision="fp32")
    assert result.passage_vectors.shape == (3, result.query_vector.shape[0])
    assert result.query_cosines()[2] == pytest.approx(1.0, abs=1e-6)
    ranked = rerank("panda", ["bear", "train", "panda"], str(tiny_embedder), kind="embedder", precision="fp32")
    assert (ranked.scored[0].index, ranked.scale.name, ranked.n_cached) == (2, "cosine", 3)


def test_models_are_compared_and_the_comparison_becomes_tables(tiny_xlmr: Path) -> None:
    chosen = [ModelChoice(str(tiny_xlmr), device="cpu", precision="fp32"), "bm25", "no/such-model@x y"]
    comparison = compare("panda bear", ["the panda bear", "a train", "bear"], chosen, device="cpu")
    assert [run.error is None for run in comparison.runs] == [True, True, False]
    assert list(tables.scores(comparison)["status"]) == ["scored"] * 6 + ["failed"] * 3
    assert len(tables.agreement(comparison)) >= 1
    assert len(tables.disagreement(comparison)) == 3
    with pytest.raises(InvalidInput, match="models as a list"):
        compare("panda", ["bear"], "bm25")


def test_an_unknown_embedder_is_compared_by_cosine_and_a_missing_model_keeps_its_error(
    tiny_embedder: Path, tmp_path: Path
) -> None:
    models = [str(tiny_embedder), "bm25", str(tmp_path / "nothing")]
    comparison = compare("panda bear", ["the panda bear", "a train"], models, device="cpu")
    assert [run.choice.kind for run in comparison.runs] == ["embedder", "reranker", "reranker"]
    assert [result.scale.name for result in comparison.results] == ["cosine", "bm25"]
    assert "There is no folder" in str(comparison.runs[2].error)
