"""Teachers out of embedders, and rows with their scores."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playground.core.errors import InvalidInput
from playground.training import cross_encoder
from playground.training.cross_encoder import wanted_order
from playground.training.evaluate import figures_of
from playground.training.groups import Group
from playground.training.pools import DEV_SETS
from playground.training.rows import Row, read_rows, write_rows
from playground.training.scoring import DRAWN, Made, path_of, score_data, with_nearest
from playground.training.settings import TrainingSettings
from playground.training.teacher import Floats, Read, Readers, Teacher, features, fit, likeness
from tests.checkpoints import ENGLISH

ROWS = [
    Row(text, (ENGLISH[(i + 1) % 4] + f" {i}",), (ENGLISH[(i + 2) % 4], ENGLISH[(i + 3) % 4]))
    for i, text in enumerate(ENGLISH[:4] * 3)
]


def planted(n: int, seed: int) -> tuple[list[Row], list[Floats]]:
    """Rows of a positive and four negatives; of two features the first tells the positive, the second is noise."""
    rng = np.random.default_rng(seed)
    rows = [Row(f"q{i}", ("p",), ("a", "b", "c", "d")) for i in range(n)]
    relevant = np.array([1.0, 0, 0, 0, 0])
    return rows, [np.stack([relevant + rng.normal(0, 0.6, 5), rng.normal(0, 3, 5)], axis=1) for _ in rows]


def test_the_weights_find_what_tells_relevant_from_other_and_the_level_parts_them() -> None:
    rows, made = planted(80, 0)
    few_rows, few = planted(20, 1)
    found = fit([rows, few_rows], [made, few])
    assert found.weights[0] > 10 * abs(found.weights[1])
    unseen_rows, unseen = planted(200, 2)
    by_fit = figures_of(unseen_rows, [found.logits(each) for each in unseen])["ndcg@10"]
    by_sum = figures_of(unseen_rows, [each.sum(1) for each in unseen])["ndcg@10"]
    assert by_fit > by_sum + 0.1
    logits = np.stack([found.logits(each) for each in unseen])
    assert logits[:, 0].mean() > 0 > logits[:, 1:].mean()


def test_cosine_and_matched_words_are_those_computed_by_hand(tiny_bert: Path) -> None:
    teacher = Teacher(str(tiny_bert), 64)
    read = Read(teacher, [*ENGLISH[:3], ENGLISH[0]])
    assert len(read.place) == 3
    (found,) = likeness(read, [(ENGLISH[0], ENGLISH[:3])])
    words = [read.words[at : at + n] for at, n in zip(read.starts.tolist(), read.lengths.tolist(), strict=True)]
    ids = teacher.tokenizer(ENGLISH[1])["input_ids"]
    assert len(words[1]) == len(ids) - 2 == found.tokens[1]
    assert found.query_tokens == len(words[0])
    assert found.cosine[0] == pytest.approx(1.0, abs=1e-5)
    assert found.matched[0] == pytest.approx(1.0, abs=1e-5)
    by_hand = float((words[0] @ words[1].T).max(1).values.mean())
    assert found.matched[1] == pytest.approx(by_hand, abs=1e-5)
    assert found.cosine[1] == pytest.approx(float(read.pooled[0] @ read.pooled[1]), abs=1e-5)


def test_rows_read_together_or_in_parts_have_the_same_features(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = Teacher(str(tiny_bert), 48)
    groups = [(row.query, (*row.pos, *row.neg)) for row in ROWS]
    whole = features([Read(teacher, [text for row in ROWS for text in (row.query, *row.pos, *row.neg)])], groups)
    monkeypatch.setattr("playground.training.teacher.ROWS_AT_ONCE", 5)
    parts = list(Readers([teacher], []).features(ROWS))
    assert len(parts) == len(whole) == 12
    for one, other in zip(parts, whole, strict=True):
        assert one.shape == (3, 5)
        assert np.allclose(one, other, atol=1e-5)


def test_labels_outrank_the_teacher_and_what_misleads_comes_last() -> None:
    targets = (1.0, 0.0, 0.0)
    labelled = Group("q", ("a", "b", "c"), targets, taught=False, scores=(-8.0, 3.0, float("nan")))
    assert wanted_order(labelled).tolist() == [4.0, 3.0, -9.0]
    assert wanted_order(Group("q", ("a", "b", "c"), (1.0, 2.0, 3.0), taught=True)).tolist() == [1.0, 2.0, 3.0]
    alone = wanted_order(Group("q", ("a", "b", "c"), targets, taught=False))
    assert alone.softmax(0).tolist() == [1.0, 0.0, 0.0]


def test_made_rows_hold_what_is_nearest_and_never_the_passage_a_sentence_was_taken_from(tiny_bert: Path) -> None:
    sentence = "It opened in 1923."
    rows = [*ROWS, Row("x", (f"The old harbour. {sentence}",), ("other",))]
    readers = Readers([Teacher(str(tiny_bert), 48)], [])
    found = list(with_nearest(rows, [Made(sentence, "The old harbour.")], readers, random.Random(0)))
    assert len(found) == len(rows) + 1
    for row, wide in zip(rows, found, strict=False):
        assert wide.neg[: len(row.neg)] == row.neg
        assert len(wide.neg) == len(row.neg) + DRAWN
        assert not {*row.pos, *row.neg} & set(wide.neg[len(row.neg) :])
    assert found[-1].pos == ("The old harbour.",)
    assert all(sentence not in text for text in found[-1].neg[: 2 * DRAWN - 1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("squad", "nq", "pairs", "taught", *(f"dev_{each}" for each in DEV_SETS)):
        write_rows(ROWS, tmp_path / f"{name}.jsonl.gz")
    return tmp_path


def test_scored_rows_stay_until_another_teacher_or_number_is_asked_for(data: Path, tiny_bert: Path) -> None:
    said: list[str] = []
    found = score_data(data, [str(tiny_bert)], 3, said.append, "cpu")
    scored = read_rows([path_of(data, "squad")])
    assert [row.query for row in scored] == [row.query for row in ROWS]
    assert all(len(row.neg_scores) == len(row.neg) for row in scored)
    assert len(read_rows([path_of(data, "taught")])) == len(ROWS) + 3
    assert sum(line.startswith("the teacher on dev_") for line in said) == len(DEV_SETS)
    record = json.loads((data / "teacher.json").read_text())
    assert record["teachers"] == [tiny_bert.name]
    assert tuple(record["weights"]) == found.weights
    said.clear()
    assert score_data(data, [str(tiny_bert)], 3, said.append, "cpu") == found
    assert said == []
    score_data(data, [str(tiny_bert)], 0, said.append, "cpu")
    assert len(read_rows([path_of(data, "taught")])) == len(ROWS)
    score_data(data, [str(tiny_bert)], 1, said.append, "cpu", [4, 3, 4, 2])
    drawn = {name: read_rows([path_of(data, name)]) for name in ("squad", "nq", "pairs", "taught")}
    assert {name: len(rows) for name, rows in drawn.items()} == {"squad": 4, "nq": 3, "pairs": 4, "taught": 3}
    assert {row.query for row in drawn["nq"]} < {row.query for row in ROWS}
    with pytest.raises(InvalidInput, match="3 numbers to take for 4 files"):
        score_data(data, [str(tiny_bert)], 1, said.append, "cpu", [4, 3, 4])


def test_rows_to_be_taught_need_scores_and_a_run_records_whose_they_are(data: Path, tiny_bert: Path) -> None:
    settings = TrainingSettings(
        train=(path_of(data, "squad"),), taught=(data / "taught.jsonl.gz",), take=(8, 8),
        dev=data / "dev_squad.jsonl.gz", base=str(tiny_bert), out=data / "out", max_length=48, group_size=3,
        rows_per_step=4, dev_rows=4, precision="fp32", device="cpu",
    )  # fmt: skip
    score_data(data, [str(tiny_bert)], 0, lambda _: None, "cpu")
    with pytest.raises(InvalidInput, match="need a teacher's scores"):
        cross_encoder.run(settings, lambda _: None)
    said: list[str] = []
    folder = cross_encoder.run(replace(settings, taught=(path_of(data, "taught"),)), said.append)
    record = json.loads((folder / "training.json").read_text())
    assert said[0].startswith("16 rows (8 of them taught alone)")
    assert record["steps"] == 4
    assert record["teachers"] == [tiny_bert.name]
    assert record["settings"]["taught"][0]["file"] == "scored_taught.jsonl.gz"
