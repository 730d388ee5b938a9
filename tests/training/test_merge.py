"""Means of weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from playground.core.errors import InvalidInput
from playground.training.merge import merge


def model(folder: Path, value: float, size: int = 2) -> Path:
    folder.mkdir()
    save_file({"w": torch.full((size,), value)}, folder / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text(f'{{"of": "{folder.name}"}}')
    (folder / "training.json").write_text(json.dumps({"steps": value}))
    return folder


def test_a_mean_weighs_its_parts_and_records_them(tmp_path: Path) -> None:
    merge([model(tmp_path / "a", 1.0), model(tmp_path / "b", 5.0)], [1, 3], tmp_path / "out")
    assert load_file(tmp_path / "out" / "model.safetensors")["w"].tolist() == [4.0, 4.0]
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == {"of": "a"}
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert [(part["weight"], part["training"]) for part in record["merged"]] == [
        (0.25, {"steps": 1.0}),
        (0.75, {"steps": 5.0}),
    ]
    assert not (tmp_path / "out.draft").exists()


def test_one_model_alone_is_copied_with_its_own_record(tmp_path: Path) -> None:
    merge([model(tmp_path / "a", 2.0)], [1.0], tmp_path / "out")
    assert load_file(tmp_path / "out" / "model.safetensors")["w"].dtype == torch.float16
    assert json.loads((tmp_path / "out" / "training.json").read_text()) == {"steps": 2.0}


def test_models_of_other_shapes_or_without_weights_are_refused(tmp_path: Path) -> None:
    a, b = model(tmp_path / "a", 1.0), model(tmp_path / "b", 1.0, size=3)
    with pytest.raises(InvalidInput, match="has other weights than"):
        merge([a, b], [1, 1], tmp_path / "out")
    with pytest.raises(InvalidInput, match="1 weights for 2 models"):
        merge([a, b], [1], tmp_path / "out")
    with pytest.raises(InvalidInput, match=r"no model\.safetensors"):
        merge([tmp_path], [1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("late", ["config.json", "tokenizer.json", "tokenizer_config.json", "training.json"])
def test_weights_stand_only_beside_everything_else(tmp_path: Path, late: str) -> None:
    (tmp_path / "out" / late / "in the way").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="could not be written to"):
        merge([model(tmp_path / "a", 1.0)], [1], tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()
