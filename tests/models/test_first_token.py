"""The last layer for the first token alone: the same scores and vectors, and less of that layer's work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.core.types import Kind, ModelChoice, PrecisionName
from playground.models import first_token
from playground.models.first_token import FirstToken
from playground.models.loading import load_embedder, load_scorer

TEXTS = ["Pandas eat bamboo.", "The train leaves at seven in the morning. " * 12, "Bears."]
MINI = ("built-in/mini-reranker", "reranker")


def outputs(model_id: str, kind: Kind, precision: PrecisionName) -> tuple[torch.Tensor, bool]:
    """(what the model gives, whether its last layer was shortened)."""
    load = load_embedder if kind == "embedder" else load_scorer
    model = load(ModelChoice(model_id, kind=kind, device="cpu", precision=precision), run_checks=False)
    short = any(isinstance(each, FirstToken) for each in model._model.modules())  # type: ignore[union-attr]
    if kind == "embedder":
        return torch.from_numpy(model.vectors(model.encode(TEXTS))), short  # type: ignore[union-attr,call-arg,arg-type]
    return torch.tensor(model.logits(model.encode("What do pandas eat?", TEXTS))), short  # type: ignore[union-attr,call-arg,arg-type]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("name", ["mini", "tiny_xlmr", "tiny_bert"])
def test_scores_are_the_same_as_of_whole_layers(
    name: str, precision: PrecisionName, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = MINI[0] if name == "mini" else str(request.getfixturevalue(name))
    found, short = outputs(model_id, "reranker", precision)
    monkeypatch.setattr(first_token, "BUILDS", frozenset())
    whole, long = outputs(model_id, "reranker", precision)
    assert (short, long) == (True, False)
    assert torch.allclose(found, whole, atol=1e-5 if precision != "bf16" else 2e-2)
    assert len(set(whole.tolist())) == 3


def test_vectors_pooled_from_the_first_token_are_the_same_and_means_stay_whole(
    tiny_embedder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, short = outputs(str(tiny_embedder), "embedder", "fp32")
    _, mean = outputs("built-in/mini-embedder", "embedder", "fp32")
    monkeypatch.setattr(first_token, "BUILDS", frozenset())
    whole, _ = outputs(str(tiny_embedder), "embedder", "fp32")
    assert (short, mean) == (True, False)
    assert torch.allclose(found, whole, atol=1e-6)


def test_the_last_layer_computes_one_token_for_each_text() -> None:
    scorer = load_scorer(ModelChoice(MINI[0], device="cpu", precision="fp32"), run_checks=False)
    rows: list[tuple[int, ...]] = []
    for layer in [*scorer._model.base_model.encoder.layer[:-1], scorer._model.base_model.encoder.layer[-1].layer]:  # type: ignore[attr-defined]
        layer.intermediate.register_forward_hook(lambda _, inputs, __: rows.append(tuple(inputs[0].shape[:2])))
    pairs = scorer.encode("What do pandas eat?", TEXTS)
    scorer.logits(pairs)
    longest = max(len(pair.input_ids) for pair in pairs)
    assert rows == [(3, longest)] * (len(rows) - 1) + [(3, 1)]
    assert len(rows) == 6


def test_a_model_whose_output_would_change_keeps_its_whole_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FirstToken, "forward", lambda self, hidden, *_, **__: hidden[:, :1] * 2)
    assert not outputs(*MINI, "fp32")[1]  # type: ignore[arg-type]

    def fails(*_: object, **__: object) -> torch.Tensor:
        raise AttributeError("another name")

    monkeypatch.setattr(FirstToken, "forward", fails)
    assert not outputs(*MINI, "fp32")[1]  # type: ignore[arg-type]
