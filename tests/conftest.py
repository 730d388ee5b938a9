"""Checkpoints that more than one room's tests load. Built once per session; copy one before changing it."""

from __future__ import annotations

import os
from collections.abc import Generator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from playground.paths import BUILT_IN_MODELS

# No deadline: no test asserts a wall-clock time, and the first example may import scipy.
settings.register_profile("playground", deadline=None)
settings.load_profile("playground")

# In CI a skipped test is a failure, unless its id stands here with the reason.
MAY_SKIP: dict[str, str] = {
    "tests/history/test_bad_files.py::test_a_full_disk_*": "only root may mount the small disk that is to be filled",
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    return _no_silent_skip(report, item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    return _no_silent_skip(report, collector.nodeid)


def _no_silent_skip(report: Any, id: str) -> Any:
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        if not any(fnmatch(id, pattern) for pattern in MAY_SKIP):
            report.outcome = "failed"
            report.longrepr = f"{id} was skipped ({report.longrepr}), and tests/conftest.py names no reason for it."
    return report


@pytest.fixture(scope="session")
def beside_flag_embedding() -> Path:
    """The interpreter of an environment with FlagEmbedding, in the versions that our snippet names, and with other
    libraries of rerankers that live beside it."""
    from playground.engine.snippets.flag_embedding import VERSIONS
    from tests.environments import python_with

    return python_with([*VERSIONS, "torch>=2.6,<2.14", "mxbai-rerank==0.1.6", "rerankers==0.10.0"])


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
    return BUILT_IN_MODELS / "mini-reranker"
