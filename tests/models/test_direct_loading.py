"""Weights are read from disk straight into the precision that runs, the head apart; shards are read as one file is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from playground.core.errors import ModelBroken
from playground.core.types import ModelChoice, PrecisionName
from playground.models.loading import load_scorer
from tests import checkpoints
from tests.checkpoints import write_json

QUERY, PASSAGES = "what is panda?", ("The giant panda is a bear species endemic to China.", "hi", "大熊猫吃竹子。" * 9)


def load(folder: Path, precision: PrecisionName = "fp32") -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision=precision), run_checks=False)


def scores(folder: Path, precision: PrecisionName = "fp32") -> list[float]:
    scorer = load(folder, precision)
    found: list[float] = scorer.logits(scorer.encode(QUERY, PASSAGES))
    return found


def sharded(folder: Path) -> Path:
    """The same checkpoint, every other tensor in a second file."""
    copy = folder.with_name(f"{folder.name}-sharded")
    shutil.copytree(folder, copy)
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {f"model-0000{place + 1}-of-00002.safetensors": names[place::2] for place in range(2)}
    for file, of_file in parts.items():
        save_file({name: tensors[name] for name in of_file}, copy / file, metadata={"format": "pt"})
    where = {name: file for file, of_file in parts.items() for name in of_file}
    write_json(copy / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})
    return copy


@pytest.mark.parametrize("make", [checkpoints.tiny_xlmr, checkpoints.tiny_qwen3])
def test_a_sharded_checkpoint_scores_as_its_twin_in_one_file(make: Callable[[Path], Path], tmp_path: Path) -> None:
    whole = make(tmp_path / "qwen3-reranker")
    # Where a tensor lies in memory may change the last bit of a product.
    assert scores(sharded(whole)) == pytest.approx(scores(whole), abs=1e-5)


def test_a_missing_shard_is_named_before_anything_is_loaded(tmp_path: Path) -> None:
    folder = sharded(checkpoints.tiny_xlmr(tmp_path / "reranker"))
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelBroken, match=r"^model-00002-of-00002\.safetensors is missing from the model\. Download"):
        load(folder)


@pytest.mark.parametrize("make", [checkpoints.tiny_xlmr, checkpoints.tiny_deberta, checkpoints.tiny_modernbert])
def test_the_head_stays_as_exact_as_its_file_while_the_encoder_is_narrowed(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = make(tmp_path / "reranker")
    stored, model = load_file(folder / "model.safetensors"), load(folder, "bf16")._model
    dtypes = {name: weight.dtype for name, weight in model.named_parameters()}
    exact = {name for name, dtype in dtypes.items() if dtype == torch.float32}
    heads = ("classifier.", "pooler.", "head.")
    assert exact == {name for name in dtypes if name.startswith(heads)}
    assert {dtypes[name] for name in dtypes.keys() - exact} == {torch.bfloat16}
    assert all(torch.equal(dict(model.named_parameters())[name], stored[name].float()) for name in exact)


@pytest.mark.parametrize("make", [checkpoints.tiny_modernbert, checkpoints.tiny_gte])
def test_rotary_frequencies_are_not_rounded_with_the_weights(make: Callable[[Path], Path], tmp_path: Path) -> None:
    model = load(make(tmp_path / "reranker"), "bf16")._model
    frequencies = {name: buffer.dtype for name, buffer in model.named_buffers() if "inv_freq" in name}
    assert frequencies
    assert set(frequencies.values()) == {torch.float32}
