"""Checkpoints that more than one room's tests load. Built once per session; copy one before changing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from playground.paths import BUILT_IN_MODELS

# No deadline: no test asserts a wall-clock time, and the first example may import scipy.
settings.register_profile("playground", deadline=None)
settings.load_profile("playground")


@pytest.fixture(scope="session")
def tiny_xlmr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a one-label XLM-R cross-encoder with random weights, no stored activation (as bge-reranker)."""
    from tests import checkpoints

    return checkpoints.tiny_xlmr(tmp_path_factory.mktemp("tiny-xlmr"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a one-label BERT cross-encoder with random weights, Identity activation (as ms-marco-MiniLM)."""
    from tests import checkpoints

    return checkpoints.tiny_bert(tmp_path_factory.mktemp("tiny-bert"))


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a CLS-pooled BERT embedder with random weights (as bge-small-en-v1.5)."""
    from tests import checkpoints

    return checkpoints.tiny_embedder(tmp_path_factory.mktemp("tiny-embedder"))


@pytest.fixture(scope="session")
def built_in_reranker() -> Path:
    """Folder of the reranker that ships with the project."""
    folder = BUILT_IN_MODELS / "mini-reranker"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("the built-in reranker is not in assets/models")
    return folder
