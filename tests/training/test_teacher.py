"""A late-interaction teacher, alone and in a run."""

import json
import math
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
from playground.training.rows import Row
from playground.training.settings import TrainingSettings
from playground.training.teacher import Teacher, fit, fitted
from tests.checkpoints import ENGLISH


def test_the_slope_is_that_of_a_softmax_and_the_level_parts_relevant_from_other() -> None:
    groups = [np.array([0.9, 0.5, 0.4]), np.array([0.7, 0.8, 0.3, 0.2]), np.array([1.0, 0.4])]
    found = fit(groups, [1, 1, 1])
    assert 1 < found.slope < 40
    assert found.logits(np.array([0.95]))[0] > 0 > found.logits(np.array([0.3]))[0]


def test_a_text_matches_itself_and_length_costs_its_logarithm(tiny_bert: Path) -> None:
    teacher = Teacher(str(tiny_bert), 64)
    (found,) = teacher.likeness([(ENGLISH[0], ENGLISH[:3])])
    vectors = teacher.vectors([*ENGLISH[:3]])
    pooled, words = vectors[ENGLISH[0]]
    cost = [0.1 * math.log(max(len(vectors[text][1]), 16)) for text in ENGLISH[:3]]
    assert found[0] == pytest.approx(2.0 - cost[0], abs=1e-5)
    by_hand = (words @ vectors[ENGLISH[1]][1].T).max(1).values.mean() + pooled @ vectors[ENGLISH[1]][0]
    assert found[1] == pytest.approx(float(by_hand) - cost[1], abs=1e-5)


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
    assert json.loads((folder / "checkpoints" / "teacher.json").read_text())["slope"] >= 1


@pytest.mark.parametrize(
    "held",
    [
        '{"slope": 5.3, "off',
        "[1]",
        '{"slope": 5.3, "offset": 1.0}',
        '{"teacher": "other", "slope": 5.3, "offset": 1.0}',
    ],
)
def test_a_fit_that_is_broken_or_another_teachers_is_made_anew(tiny_bert: Path, tmp_path: Path, held: str) -> None:
    teacher, path = Teacher(str(tiny_bert), 48), tmp_path / "checkpoints" / "teacher.json"
    rows = [Row(text, (ENGLISH[(i + 1) % 4],), (ENGLISH[(i + 2) % 4],)) for i, text in enumerate(ENGLISH[:4])]
    made = fitted(teacher, rows, path, lambda _: None)
    assert fitted(teacher, [], path) == made
    path.write_text(held)
    assert fitted(teacher, rows, path, lambda _: None) == made
    assert json.loads(path.read_text()) == {
        "teacher": teacher.fingerprint, "slope": made.slope, "offset": made.offset,
    }  # fmt: skip
    assert [file.name for file in path.parent.iterdir()] == ["teacher.json"]


def test_rows_to_be_taught_need_a_teacher_and_a_teacher_needs_labels(settings: TrainingSettings) -> None:
    with pytest.raises(InvalidInput, match="need a --teacher"):
        cross_encoder.run(replace(settings, teacher=""), lambda _: None)
