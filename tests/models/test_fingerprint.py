"""Equal files have equal fingerprints anywhere; a file that decides a score changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from playground.models import fingerprint as module
from playground.models.fingerprint import fingerprint
from tests.checkpoints import edit_json

WEIGHTS = ("model.safetensors",)


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def test_a_copy_has_the_same_fingerprint_and_a_model_card_changes_nothing(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = copy(tiny_xlmr, tmp_path / "twin")
    (twin / "README.md").write_text("A card.")
    (twin / "onnx").mkdir()
    (twin / "onnx" / "config.json").write_text("{}")
    assert fingerprint(twin, WEIGHTS) == fingerprint(tiny_xlmr, WEIGHTS)


def test_weights_config_and_pooling_each_change_it(tiny_embedder: Path, tmp_path: Path) -> None:
    seen = {fingerprint(tiny_embedder, WEIGHTS)}
    twin = copy(tiny_embedder, tmp_path / "twin")
    edit_json(twin / "1_Pooling" / "config.json", pooling_mode_cls_token=False, pooling_mode_mean_tokens=True)
    seen.add(fingerprint(twin, WEIGHTS))
    edit_json(twin / "config.json", layer_norm_eps=1e-6)
    seen.add(fingerprint(twin, WEIGHTS))
    data = bytearray((twin / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (twin / "model.safetensors").write_bytes(data)
    seen.add(fingerprint(twin, WEIGHTS))
    assert len(seen) == 4


def test_a_second_look_reads_no_file(tiny_xlmr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(tiny_xlmr, WEIGHTS)

    def no_reading(*_: object) -> None:
        raise AssertionError("read a file again")

    monkeypatch.setattr(module.hashlib, "file_digest", no_reading)
    assert fingerprint(tiny_xlmr, WEIGHTS) == first
