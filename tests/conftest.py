"""Checkpoints that more than one room's tests load. Built once per session; copy one before changing it."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# Workers that share the cores get one thread each, and ports of their own: gradio looks whether a port is free a while
# before it takes it. Both are read at the first import.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["GRADIO_SERVER_PORT"] = str(7860 + 100 * int(worker.removeprefix("gw")))

import pytest
from hypothesis import settings

from playground.bench.environments import Interpreter, python_with
from playground.models import measured, onnx_cache
from playground.paths import BUILT_IN_MODELS

# No deadline: no test asserts a wall-clock time, and the first example may import scipy.
settings.register_profile("playground", deadline=None)
settings.load_profile("playground")

# In CI a skipped test is a failure, unless its id stands here with the reason.
MAY_SKIP: dict[str, str] = {
    "tests/models/test_linears.py::test_a_packed_layer_*": "not every processor has weights laid out for it",
    "tests/history/test_full_disks_and_kills.py::test_a_full_disk_*": "only root may mount the small disk to be filled",
}


# An interpreter beside other libraries takes ten seconds to start: the files that ask for one run in one worker.
INTERPRETERS = {
    "tests/engine/test_snippet_families.py",
    "tests/engine/test_snippets.py",
    "tests/evaluate/test_evaluate.py",
    "tests/inputs/test_labelled_sets_written.py",
    *(f"tests/models/test_{name}.py" for name in ("causal_lm", "colbert", "layerwise", "m3", "seq2seq")),
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "interpreters" if file in INTERPRETERS else file

    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several workers none is left with a long file at the end: those come first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        long = {item.path for item in items if any(item.iter_markers("slow")) or any(item.iter_markers("browser"))}
        items.sort(key=lambda item: 0 if item.nodeid.split("::")[0] in INTERPRETERS else 1 + (item.path not in long))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Thousands of modules are imported, and nothing of them is garbage.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    return _no_silent_skip(report, item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    return _no_silent_skip(report, collector.nodeid)


def _no_silent_skip(report: Any, id: str) -> Any:
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("CI") and not any(fnmatch(id, pattern) for pattern in MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{id} was skipped ({report.longrepr}), and tests/conftest.py names no reason for it."
    return report


@pytest.fixture(scope="module", autouse=True)
def _young_heap() -> None:
    """Whoever lets go of a model collects garbage, hundreds of times here. What was imported before a file, and lives
    on until the end, is not looked through again each time: with torch, transformers and gradio that takes a second."""
    gc.collect()
    gc.freeze()


OFFLINE = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}


@pytest.fixture(autouse=True)
def _offline_ends_with_its_test() -> Iterator[None]:
    """A command that runs in this process with --offline sets these for good."""
    yield
    for name, value in OFFLINE.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session", autouse=True)
def measured_here(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the tests measure and make on this machine stays out of the user's cache."""
    folder = tmp_path_factory.mktemp("measured")
    measured.folder = lambda: folder
    onnx_cache.folder = lambda: folder


@pytest.fixture(scope="session")
def beside_flag_embedding() -> Iterator[Interpreter]:
    """An interpreter beside FlagEmbedding, in the versions that our snippet names, and with other libraries of
    rerankers that live beside it."""
    from playground.engine.snippets.flag_embedding import VERSIONS

    interpreter = Interpreter(python_with([*VERSIONS, "torch>=2.6,<2.14", "mxbai-rerank==0.1.6", "rerankers==0.10.0"]))
    yield interpreter
    interpreter.close()


@pytest.fixture(scope="session")
def beside_layerwise() -> Iterator[Interpreter]:
    """An interpreter beside FlagEmbedding and a transformers that its models of several layers can be loaded with."""
    from playground.engine.snippets.flag_embedding import LAYERWISE_VERSIONS

    interpreter = Interpreter(python_with([*LAYERWISE_VERSIONS, "torch>=2.6,<2.14"]))
    yield interpreter
    interpreter.close()


@pytest.fixture(scope="session")
def beside_pylate() -> Iterator[Interpreter]:
    """An interpreter beside PyLate, which cannot live beside the sentence-transformers of our tests."""
    # Bare, because of its index, which is not used here, it brings another torch for CUDA.
    needed = ["sentence-transformers==5.3.0", "transformers==5.3.0", "ujson==5.12.0", "datasets", "accelerate"]
    interpreter = Interpreter(python_with(needed, bare="pylate==1.6.0"))
    yield interpreter
    interpreter.close()


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
