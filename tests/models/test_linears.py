"""Linear layers as a CPU multiplies them fastest: the same products, in fewer bits where that was asked for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from playground.core.types import ModelChoice
from playground.models import devices, linears
from playground.models.loading import load_embedder, load_scorer
from playground.paths import BUILT_IN_MODELS

SCORER, EMBEDDER = "built-in/mini-reranker", "built-in/mini-embedder"
TEXTS = [
    "Pandas eat bamboo for twelve hours a day.",
    "The train leaves at seven.",
    "大熊猫吃竹子。",
    "The giant panda is a bear that lives in the mountains of central China, and it eats little but bamboo. " * 6,
]


def layer(n_in: int = 96, n_out: int = 64, bias: bool = True, dtype: torch.dtype = torch.float32) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(n_in, n_out, bias=bias, dtype=dtype)


def close(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float((one.float() - other.float()).abs().max() / other.float().abs().max())


@torch.inference_mode()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("precision", "dtype", "bound"), [("fp32", torch.float32, 1e-5), ("bf16", torch.bfloat16, 1e-2)]
)
def test_a_packed_layer_gives_the_same_products(precision, dtype, bound, bias: bool) -> None:  # type: ignore[no-untyped-def]
    if not linears.packs(precision):
        pytest.skip("oneDNN packs nothing here")
    own = layer(bias=bias, dtype=dtype)
    packed = linears.PackedLinear(own)
    for shape in ((3, 5, 96), (1, 96), (700, 96)):
        x = torch.randn(shape, dtype=dtype)
        assert packed(x).shape == (*shape[:-1], 64)
        assert close(packed(x), own(x)) < bound
        turned = torch.randn(*shape[:-2], shape[-1], shape[-2], dtype=dtype).transpose(-1, -2)
        assert close(packed(turned), own(turned)) < bound


@torch.inference_mode()
@pytest.mark.parametrize("bias", [True, False])
def test_an_int8_layer_stays_within_two_percent_also_beside_an_outlier(bias: bool) -> None:
    own = layer(bias=bias)
    int8 = linears.Int8Linear(own)
    x = torch.randn(2, 7, 96)
    assert close(int8(x), own(x)) < 0.02
    # A token with an outlier does not coarsen the others, and one that is all of one sign uses all levels.
    wild = torch.cat([x, 1000 * torch.randn(2, 1, 96)], dim=1)
    assert torch.equal(int8(wild)[:, :7], int8(x))
    positive = torch.rand(2, 7, 96) + 3
    assert close(int8(positive), own(positive)) < 0.02
    assert torch.isfinite(int8(torch.zeros(1, 96))).all()
    assert close(int8(torch.full((1, 96), 2.5)), own(torch.full((1, 96), 2.5))) < 0.02


@torch.inference_mode()
@pytest.mark.parametrize("value", [0.0, 3.0, -1e4, 1e-20])
def test_an_int8_layer_reads_a_token_whose_values_are_all_the_same(value: float) -> None:
    own = layer(bias=False)
    x = torch.full((2, 96), value)
    assert torch.allclose(linears.Int8Linear(own)(x), own(x), atol=abs(value) * 0.05, rtol=0)


@torch.inference_mode()
def test_layers_that_read_the_same_tokens_share_what_is_made_of_them() -> None:
    made: list[int] = []

    class Counted(linears.Levels):
        def __call__(self, x: torch.Tensor):  # type: ignore[no-untyped-def]
            before = self._made
            found = super().__call__(x)
            made.append(found is not before)
            return found

    levels = Counted()
    one, other = (linears.Int8Linear(layer(), levels) for _ in range(2))
    x, y = torch.randn(4, 96), torch.randn(4, 96)
    first = one(x)
    assert torch.equal(other(x), first)
    assert close(one(y), layer()(y)) < 0.02
    assert torch.equal(one(x), first)
    assert made == [True, False, True, True]
    del x
    assert levels._made is None


def test_only_the_layers_of_the_repeated_blocks_are_replaced() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.ModuleDict({"dense": layer(), "more": nn.ModuleList([layer()])})])
            self.head = layer()

    model = Model()
    linears.pack(model, "cuda", "int8")
    assert sum(isinstance(each, nn.Linear) for each in model.modules()) == 3
    linears.pack(model, "cpu", "int8")
    assert sum(isinstance(each, linears.Int8Linear) for each in model.modules()) == 2
    assert type(model.head) is nn.Linear


def test_a_large_table_is_kept_in_half_precision_beside_int8_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linears, "_LARGE_TABLE", 1000)
    model = nn.ModuleDict({"large": nn.Embedding(100, 16), "small": nn.Embedding(10, 16)})
    model.requires_grad_(False)
    before = copy.deepcopy(model)
    linears.pack(model, "cpu", "int8")
    ids = torch.tensor([[1, 99]])
    assert model["large"](ids).dtype == torch.float32
    assert close(model["large"](ids), before["large"](ids)) < 1e-3
    assert torch.equal(model["small"](torch.tensor([3])), before["small"](torch.tensor([3])))


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.02), ("int8", 0.05)])
def test_the_built_in_models_stay_near_fp32_in_every_precision(  # type: ignore[no-untyped-def]
    precision, bound: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is a share of the range of the scores; a cosine's range is 2."""
    monkeypatch.setattr(devices, "cpu_has_int8", lambda: True)
    exact = load_scorer(ModelChoice(SCORER, device="cpu", precision="fp32"))
    coarse = load_scorer(ModelChoice(SCORER, device="cpu", precision=precision))
    assert coarse.spec.precision == precision
    assert coarse.memory_mib < 0.6 * exact.memory_mib
    pairs = exact.encode("What do pandas eat?", TEXTS)
    one, other = exact.logits(pairs), coarse.logits(pairs)
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < bound * (max(one) - min(one))
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0
    vectors = [
        load_embedder(ModelChoice(EMBEDDER, kind="embedder", device="cpu", precision=each))
        for each in ("fp32", precision)
    ]
    first, second = (model.vectors(model.encode(TEXTS)) for model in vectors)
    assert (first * second).sum(axis=1).min() > 1 - bound


def test_packed_weights_count_as_memory() -> None:
    model = load_scorer(ModelChoice(SCORER, device="cpu", precision="fp32"))
    size = (BUILT_IN_MODELS / "mini-reranker" / "model.safetensors").stat().st_size
    # The file holds fp16.
    assert model.memory_mib == pytest.approx(2 * size / 2**20, rel=0.02)
