"""Vectors are those of sentence-transformers on the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from playground.core.types import ModelChoice
from playground.models.loading import load_embedder
from tests import checkpoints

TEXTS = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 30,
    "hi",
)


@pytest.mark.parametrize("pooling", ["cls", "mean", "lasttoken"])
@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_agree_with_sentence_transformers(
    tmp_path: Path, pooling: checkpoints.Pooling, normalize: bool
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = checkpoints.tiny_embedder(tmp_path / "m", pooling=pooling, normalize=normalize)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS), normalize_embeddings=True)
    embedder = load_embedder(
        ModelChoice(str(folder), kind="embedder", device="cpu", precision="fp32"), run_checks=False
    )
    ours = embedder.vectors(embedder.encode(TEXTS))
    assert (ours.shape, ours.dtype) == ((4, 32), np.float32)
    assert np.linalg.norm(ours, axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    assert 1.0 - (ours * theirs).sum(axis=1) == pytest.approx(np.zeros(4), abs=1e-5)


def test_neighbours_do_not_change_a_vector(tiny_embedder: Path) -> None:
    embedder = load_embedder(ModelChoice(str(tiny_embedder), kind="embedder", device="cpu", precision="fp32"))
    encoded = embedder.encode(TEXTS)
    together = embedder.vectors(encoded)
    alone = np.concatenate([embedder.vectors([text]) for text in encoded])
    assert np.abs(alone - together).max() < 1e-5


def test_an_embedder_passes_its_check(tiny_embedder: Path) -> None:
    embedder = load_embedder(ModelChoice(str(tiny_embedder), kind="embedder", device="cpu", precision="fp32"))
    assert [check.status for check in embedder.checks] == ["passed"] * 3


def test_no_texts_give_no_vectors(tiny_embedder: Path) -> None:
    embedder = load_embedder(ModelChoice(str(tiny_embedder), kind="embedder", device="cpu"))
    assert embedder.vectors([]).shape == (0, 32)


def test_long_texts_report_what_was_cut(tiny_embedder: Path) -> None:
    embedder = load_embedder(ModelChoice(str(tiny_embedder), kind="embedder", max_length=64))
    report = embedder.encode([TEXTS[2]])[0]
    assert (report.n_tokens, len(report.input_ids)) == (62, 64)
    assert report.n_cut > 0
    assert 0 < report.n_chars_read < len(TEXTS[2])
