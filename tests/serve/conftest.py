"""One engine with the built-in models, and a server over it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from playground.bench.environments import Interpreter, python_with
from playground.core.types import EmbeddingResult, ModelChoice, RerankResult
from playground.engine.engine import Engine
from playground.serve.served import Served, request_of
from tests.serve.servers import DOCUMENTS, EMBEDDER, QUERY, RERANKER, served, serving


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Engine(offline=True)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def what(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served(tmp_path_factory.mktemp("served"), engine, offline=True)


@pytest.fixture(scope="session")
def url(what: Served) -> Iterator[str]:
    with serving(what) as url:
        yield url


@pytest.fixture(scope="session")
def ranked(engine: Engine) -> RerankResult:
    """What the engine itself says of the usual documents."""
    *_, last = engine.rerank(request_of(QUERY, DOCUMENTS), ModelChoice(RERANKER))
    assert last.result is not None
    return last.result


@pytest.fixture(scope="session")
def embedded(engine: Engine) -> EmbeddingResult:
    """The usual documents as vectors."""
    *_, last = engine.embed(request_of(QUERY, DOCUMENTS), ModelChoice(EMBEDDER, kind="embedder"))
    assert last.result is not None
    return last.result


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def beside_older_clients() -> Iterator[Interpreter]:
    """An interpreter beside clients that need a Cohere SDK, or an httpx, older than those here."""
    needed = ["langchain-cohere==0.6.0", "llama-index-postprocessor-cohere-rerank==0.10.0", "infinity-client==0.0.78"]
    interpreter = Interpreter(python_with([*needed, "torch>=2.6,<2.14"]))
    yield interpreter
    interpreter.close()
