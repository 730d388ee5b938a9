"""What the pairs of one query begin with is read once, and no score shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.core.errors import OutOfMemory
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.models import causal_lm
from playground.models.loading import load_scorer
from playground.models.prefix import LEAST, MOST, is_shared
from tests import checkpoints
from tests.checkpoints_apart import tiny_m3
from tests.models.layerwise_checkpoints import tiny_minicpm

MAKERS: dict[str, Callable[[Path], Path]] = {
    "qwen3-reranker": checkpoints.tiny_qwen3,
    "bge-reranker-v2-gemma": checkpoints.tiny_gemma,
    "mxbai-rerank-v2": checkpoints.tiny_qwen2,
    "bge-reranker-v2-minicpm-layerwise": tiny_minicpm,
}
QUERIES = ("what is panda?", "how do I reset my password and where is the page for it? " * 4)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "The giant panda is a bear that eats bamboo.",
    "hi",
    "",
    "打开设置页面，选择安全，然后点击重置按钮。" * 8,
    "The train to the coast leaves at seven in the morning. " * 5,
)


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MAKERS[request.param](tmp_path_factory.mktemp("prefix") / request.param)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Any], list[float]]:
    """Scores without a shared prefix."""

    def score(scorer: Any, pairs: Any) -> list[float]:
        with monkeypatch.context() as patched:
            patched.setattr(causal_lm, "is_shared", lambda config: False)
            scorer._prefix = None
            return scorer.logits(pairs)

    return score


def loaded(folder: Path) -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision="fp32"), run_checks=False)


def test_scores_are_the_same_whatever_was_read_before(folder: Path, whole: Callable[[Any, Any], list[float]]) -> None:
    scorer = loaded(folder)
    pairs = [pair for query in QUERIES for pair in scorer.encode(query, PASSAGES)]
    expected = whole(scorer, pairs)
    assert scorer.n_read == sum(len(pair.input_ids) for pair in pairs)
    # Batches of one query, of two, of one pair; the same query again; passages that begin alike.
    for batch in ([0, 1], [2], [3, 4, 5], [6, 7, 8], [9], [1], [0, 6], [10, 11], [5], list(range(12))):
        found = scorer.logits([pairs[place] for place in batch])
        assert found == pytest.approx([expected[place] for place in batch], abs=1e-4)


def test_a_prefix_goes_through_once_and_the_count_says_so(folder: Path) -> None:
    scorer = loaded(folder)
    pairs = scorer.encode(QUERIES[1], PASSAGES)
    scorer.logits(pairs[:2])
    (first, second), n_shared = pairs[:2], len(scorer._prefix.ids)
    assert LEAST <= n_shared <= MOST
    assert scorer.n_read == len(first.input_ids) + len(second.input_ids) - n_shared
    scorer.logits(pairs[4:])
    n_shared = len(scorer._prefix.ids)
    assert scorer.n_read == sum(len(pair.input_ids) - n_shared for pair in pairs[4:])
    scorer.logits(pairs[4:5])
    assert scorer.n_read == len(pairs[4].input_ids) - n_shared
    assert all(keys.shape[2] == n_shared for keys, _ in scorer._prefix.layers)


def test_another_layer_or_a_batch_that_does_not_fit_forgets_what_was_read(tmp_path: Path) -> None:
    folder = tiny_minicpm(tmp_path / "bge-reranker-v2-minicpm-layerwise")
    scorer = loaded(folder)
    pairs = scorer.encode(QUERIES[1], PASSAGES)
    scorer.logits(pairs)
    assert scorer._prefix is not None
    other = scorer.view(ModelChoice(f"{folder}#layer=3"))
    assert other._prefix is None
    assert other.logits(pairs) == pytest.approx(loaded(Path(f"{folder}#layer=3")).logits(pairs), abs=1e-4)
    # Of all layers of one checkpoint, only what was read last is in memory.
    assert other._prefix is not None
    assert scorer._prefix is None
    assert len(scorer.logits(pairs)) == len(pairs)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = scorer._model.register_forward_pre_hook(full)
    with pytest.raises(OutOfMemory):
        scorer.logits(pairs)
    hook.remove()
    assert scorer._prefix is None
    assert len(scorer.logits(pairs)) == len(pairs)


def test_windows_and_positions_that_depend_on_the_length_are_read_whole() -> None:
    config = checkpoints.Qwen3Config
    assert is_shared(config())
    assert not is_shared(config(use_sliding_window=True, sliding_window=8, max_window_layers=1))
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 64}
    assert not is_shared(config(rope_parameters=dynamic))


@pytest.mark.parametrize("make", [tiny_m3, checkpoints.tiny_qwen3])
def test_a_run_says_how_many_tokens_really_went_through(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "qwen3-reranker")
    model_id = f"{folder}#mode=dense" if make is tiny_m3 else str(folder)
    choice = ModelChoice(model_id, device="cpu", precision="fp32", batch_tokens=600)
    texts = [text for text in PASSAGES if text]
    request = RerankRequest(QUERIES[1], tuple(Passage(str(n), text) for n, text in enumerate(texts)))
    engine = Engine()
    result = list(engine.rerank(request, choice))[-1].result
    assert result is not None
    pairs = load_scorer(choice, run_checks=False).encode(request.query, texts)
    n_whole = sum(len(pair.input_ids) for pair in pairs)
    if make is tiny_m3:
        n_query = (pairs[0].token_type_ids or ()).count(0)
        assert result.n_tokens == n_whole - (len(texts) - 1) * n_query
    else:
        assert max(len(pair.input_ids) for pair in pairs) < result.n_tokens < 0.6 * n_whole
    again = list(engine.rerank(request, choice))[-1].result
    assert again is not None
    assert (again.n_tokens, again.n_cached) == (0, len(texts))
    engine.close()
