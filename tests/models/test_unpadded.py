"""Layers over texts laid end to end: the same scores and vectors, no padding, and the last layer for one token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from playground.core.types import Kind, ModelChoice, PrecisionName
from playground.models import unpadded
from playground.models.batching import pads
from playground.models.linears import PackedLinear, packs
from playground.models.loading import load_embedder, load_scorer
from playground.models.unpadded import Layer, Unpadded

TEXTS = ["Pandas eat bamboo.", "The train leaves at seven in the morning. " * 12, "Bears."]
MINI = ("built-in/mini-reranker", "reranker")


def outputs(model_id: str, kind: Kind, precision: PrecisionName) -> tuple[torch.Tensor, bool]:
    """(what the model gives, whether its layers read no padding)."""
    load = load_embedder if kind == "embedder" else load_scorer
    model = load(ModelChoice(model_id, kind=kind, device="cpu", precision=precision), run_checks=False)
    without = any(isinstance(each, Unpadded) for each in model._model.modules())  # type: ignore[union-attr]
    assert pads(model) is not without
    if kind == "embedder":
        return torch.from_numpy(model.vectors(model.encode(TEXTS))), without  # type: ignore[union-attr,call-arg,arg-type]
    return torch.tensor(model.logits(model.encode("What do pandas eat?", TEXTS))), without  # type: ignore[union-attr,call-arg,arg-type]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("name", ["mini", "tiny_xlmr", "tiny_bert"])
def test_scores_are_the_same_as_of_padded_layers(
    name: str, precision: PrecisionName, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = MINI[0] if name == "mini" else str(request.getfixturevalue(name))
    found, without = outputs(model_id, "reranker", precision)
    monkeypatch.setattr(unpadded, "BUILDS", frozenset())
    padded, left = outputs(model_id, "reranker", precision)
    assert (without, left) == (True, False)
    # Sums in another order tip a level of int8 over here and there; bf16 has three digits of the largest.
    atol = 1e-5 if precision == "fp32" else 2e-2 * max(1.0, float(padded.abs().max()))
    assert torch.allclose(found, padded, atol=atol)
    assert len(set(padded.tolist())) == 3


@pytest.mark.parametrize("name", ["tiny_embedder", "mini"])
def test_vectors_are_the_same_pooled_from_the_first_token_or_from_all(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = "built-in/mini-embedder" if name == "mini" else str(request.getfixturevalue(name))
    found, without = outputs(model_id, "embedder", "fp32")
    monkeypatch.setattr(unpadded, "BUILDS", frozenset())
    padded, left = outputs(model_id, "embedder", "fp32")
    assert (without, left) == (True, False)
    assert torch.allclose(found, padded, atol=1e-6)


def test_no_padding_goes_through_a_layer_and_one_token_of_each_text_through_the_last() -> None:
    scorer = load_scorer(ModelChoice(MINI[0], device="cpu", precision="fp32"), run_checks=False)
    rows: list[int] = []
    for layer in scorer._model.base_model.encoder.layer:  # type: ignore[attr-defined]
        layer.intermediate.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    pairs = scorer.encode("What do pandas eat?", TEXTS)
    scorer.logits(pairs)
    assert rows == [sum(len(pair.input_ids) for pair in pairs)] * 5 + [3]


def test_the_activation_is_part_of_a_packed_product(tiny_xlmr: Path) -> None:
    scorer = load_scorer(ModelChoice(str(tiny_xlmr), device="cpu", precision="fp32"), run_checks=False)
    products = [each for each in scorer._model.modules() if isinstance(each, PackedLinear)]  # type: ignore[attr-defined]
    assert [each.after for each in products].count("gelu") == (2 if packs("fp32") else 0)


def test_a_model_whose_output_would_change_keeps_its_padded_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Layer.forward
    monkeypatch.setattr(Layer, "forward", lambda self, hidden, lengths: forward(self, hidden, lengths) * 2)
    assert not outputs(*MINI, "fp32")[1]  # type: ignore[arg-type]

    def fails(*_: object, **__: object) -> torch.Tensor:
        raise AttributeError("another name")

    monkeypatch.setattr(Layer, "forward", fails)
    assert not outputs(*MINI, "fp32")[1]  # type: ignore[arg-type]
