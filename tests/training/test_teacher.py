"""A late-interaction teacher, alone and in a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from playground.core.errors import InvalidInput
from playground.training import cross_encoder
from playground.training.cross_encoder import PairBatch, with_order
from playground.training.groups import Group
from playground.training.settings import TrainingSettings
from playground.training.teacher import Teacher, fit_features
from tests.checkpoints import ENGLISH


def test_slopes_follow_the_feature_that_orders_within_a_row_whatever_its_level_between_rows() -> None:
    # MaxSim picks the answer in both rows, but stands higher in the row with more wrong passages.
    low = np.array([[0.5, 0.30], [0.5, 0.20], [0.6, 0.21]])
    high = np.array([[0.5, 0.90], [0.4, 0.80], [0.6, 0.81], [0.5, 0.82], [0.6, 0.80]])
    found = fit_features([low, high], [1, 1])
    assert found.slopes[0] >= 0
    assert found.slopes[1] > 10
    assert all(found.logits(rows).argmax() == 0 for rows in (low, high))


def test_a_text_matches_itself_and_features_are_cosines(tiny_bert: Path) -> None:
    teacher = Teacher(str(tiny_bert), 64)
    (features,) = teacher.features([(ENGLISH[0], ENGLISH[:3])])
    assert features.shape == (3, 2)
    assert features[0] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert np.abs(features).max() <= 1 + 1e-5
    by_hand = teacher.vectors([ENGLISH[0], ENGLISH[1]])
    cosines = by_hand[ENGLISH[0]][1] @ by_hand[ENGLISH[1]][1].T
    assert features[1, 1] == pytest.approx(float(cosines.max(1).values.mean()), abs=1e-6)


def batch(targets: Tensor) -> PairBatch:
    return PairBatch({}, targets, torch.tensor([False, True]), torch.ones_like(targets, dtype=torch.bool))


def test_labels_outrank_the_teacher_and_what_misleads_comes_last() -> None:
    labelled = Group("q", ("a", "b", "c"), (1.0, 0.0, 0.0), taught=False, made_up=(False, False, True))
    taught = Group("q", ("a", "b", "c"), (0.0, 0.0, 0.0), taught=True)
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    made = with_order(batch(targets), [labelled, taught], [(-8.0, 3.0, 9.0), (1.0, 2.0, 3.0)])
    assert made.order is not None
    assert made.order.tolist() == [[4.0, 3.0, -9.0], [1.0, 2.0, 3.0]]
    assert made.targets.tolist() == [[1.0, 0.0, 0.0], [1.0, 2.0, 3.0]]


@pytest.fixture
def settings(tiny_bert: Path, tmp_path: Path) -> TrainingSettings:
    lines = [
        {"query": text, "pos": [ENGLISH[(i + 1) % 4] + f" {i}"], "neg": [ENGLISH[(i + 2) % 4], ENGLISH[(i + 3) % 4]]}
        for i, text in enumerate(ENGLISH[:4] * 3)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return TrainingSettings(
        train=(path,), taught=(path,), take=(8, 8), teacher=str(tiny_bert), dev=path, base=str(tiny_bert),
        out=tmp_path / "out", max_length=48, group_size=3, rows_per_step=4, dev_rows=4, precision="fp32", device="cpu",
    )  # fmt: skip


def test_a_run_with_a_teacher_records_it_and_its_rows(settings: TrainingSettings) -> None:
    said: list[str] = []
    folder = cross_encoder.run(settings, said.append)
    record = json.loads((folder / "training.json").read_text())
    assert said[0].startswith("16 rows (8 with a teacher's scores)")
    assert record["steps"] == 4
    assert record["settings"]["teacher"] == Path(settings.teacher).name
    assert record["settings"]["taught"][0]["file"] == "rows.jsonl"
    assert json.loads((folder / "checkpoints" / "teacher.json").read_text())["slopes"]


def test_rows_to_be_taught_need_a_teacher_and_a_teacher_needs_labels(settings: TrainingSettings) -> None:
    with pytest.raises(InvalidInput, match="need a --teacher"):
        cross_encoder.run(replace(settings, teacher=""), lambda _: None)
