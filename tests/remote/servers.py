"""Small servers on this machine that answer over real sockets in a recorded shape, and keep what they were asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Said:
    """An answer.

    Attributes:
        body: JSON, or bytes as they are.
        cut: of the body only so many bytes come, and the connection ends.
        seconds: before anything comes.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    path: str
    body: Any
    headers: Mapping[str, str]


EQUAL = "All 2 scores are equal, so the order says nothing."
Answers = Callable[[Asked], Said]


class Server:
    """What listens, and what it was asked so far.

    Attributes:
        host: with its port.
        most: requests that were under way at the same time.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.most = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.host = f"127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def posts(self) -> list[Asked]:
        return [each for each in self.asked if each.body is not None]

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                asked = Asked(self.path, body, dict(self.headers.items()))
                with server._lock:
                    server.asked.append(asked)
                    server._under_way += 1
                    server.most = max(server.most, server._under_way)
                try:
                    said = server.answers(asked)
                    server.closing.wait(said.seconds)
                finally:
                    with server._lock:
                        server._under_way -= 1
                content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(content)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content if said.cut is None else content[: said.cut])

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def serving(answers: Answers) -> Iterator[Server]:
    server = Server(answers)
    try:
        yield server
    finally:
        server.close()


def score(passage: str) -> float:
    """What these servers think of a passage: a number that is its own."""
    return round(len(passage) / 7 - 3, 4)


def tei(asked: Asked, *, model: str = "BAAI/bge-reranker-base", seconds: float = 0.0) -> Said:
    """Recorded from text-embeddings-inference's OpenAPI document, 1.8: its answers come best first."""
    if asked.path == "/info":
        return Said(
            {
                **{
                    "model_id": model,
                    "model_sha": "2cfc18c9415c912f9d8155881c133215df768a70",
                    "model_dtype": "float16",
                },
                "model_type": {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}},
                **{"max_concurrent_requests": 512, "max_input_length": 512, "max_batch_tokens": 16384},
                **{"max_batch_requests": None, "max_client_batch_size": 32, "auto_truncate": False},
                **{"tokenization_workers": 8, "version": "1.8.2", "sha": None, "docker_label": None},
            }
        )
    ranks = [{"index": place, "score": score(text)} for place, text in enumerate(asked.body["texts"])]
    ranks.sort(key=lambda rank: -rank["score"])
    return Said(ranks, headers={"x-compute-type": "cpu", "x-compute-tokens": str(9 * len(ranks))}, seconds=seconds)


def listed(*models: str, **more: object) -> Said:
    """As OpenAI, vLLM, infinity and llama.cpp list models."""
    data = [{"id": model, "object": "model", "created": 0, **more} for model in models]
    return Said({"object": "list", "data": data})


def reranked(asked: Asked, **more: object) -> Said:
    """As Cohere answers, and others after it: best first."""
    found = [{"index": place, "relevance_score": score(text)} for place, text in enumerate(asked.body["documents"])]
    return Said({"results": sorted(found, key=lambda each: -each["relevance_score"]), **more})


def vllm(asked: Asked) -> Said:
    """Recorded from vLLM's protocol, 0.13."""
    if asked.path == "/v1/models":
        return listed("BAAI/bge-reranker-base", max_model_len=512, root="BAAI/bge-reranker-base", owned_by="vllm")
    data = [{"index": at, "object": "score", "score": score(text)} for at, text in enumerate(asked.body["text_2"])]
    usage = {"prompt_tokens": 7 * len(data), "total_tokens": 7 * len(data), "completion_tokens": 0}
    return Said({"id": "score-1", "object": "list", "created": 1, "model": "m", "data": data, "usage": usage})


def llamacpp(asked: Asked) -> Said:
    """Recorded from llama.cpp's server README."""
    if asked.path == "/v1/models":
        return listed("reranker.gguf", owned_by="llamacpp")
    n = 5 * len(asked.body["documents"])
    return reranked(asked, model="m", object="list", usage={"prompt_tokens": n, "total_tokens": n})


def infinity(asked: Asked) -> Said:
    """Recorded from infinity-emb 0.0.77."""
    if asked.path == "/models":
        return listed("mini", owned_by="infinity", capabilities=["rerank"], backend="torch")
    usage = {"prompt_tokens": 9999, "total_tokens": 9999}
    return reranked(asked, object="rerank", model="mini", usage=usage, id="infinity-1", created=1)


def cohere(asked: Asked) -> Said:
    """Recorded from docs.cohere.com, v2."""
    return reranked(asked, id="07734bd2", meta={"api_version": {"version": "2"}, "billed_units": {"search_units": 1}})


def jina(asked: Asked) -> Said:
    """Recorded from api.jina.ai."""
    usage = {"total_tokens": 3 * len(asked.body["documents"])}
    return reranked(asked, model=asked.body["model"], usage=usage)


def voyage(asked: Asked) -> Said:
    """Recorded from docs.voyageai.com."""
    data = reranked(asked).body["results"]
    return Said({"object": "list", "data": data, "model": "rerank-2.5", "usage": {"total_tokens": 26}})


def hf(asked: Asked) -> Said:
    """Recorded from the Hub's documentation of text classification."""
    return Said([[{"label": "LABEL_0", "score": score(pair["text_pair"])}] for pair in asked.body["inputs"]])


def playground(asked: Asked) -> Said:
    """Recorded from this project's own `/v1/rerank`."""
    found = [
        {
            **{"index": place, "relevance_score": 1 / (1 + 2.718281828459045 ** -score(text)), "logit": score(text)},
            **{"tokens_read": min(4, len(text)), "tokens_cut": max(0, len(text) - 4)},
        }
        for place, text in enumerate(asked.body["documents"])
    ]
    return Said(
        {
            **{"id": "1", "object": "rerank", "model": "built-in/mini-reranker", "revision": None, "device": "cpu"},
            **{
                "fingerprint": "f" * 64,
                "precision": "bf16",
                "max_length": 512,
                "warnings": [EQUAL],
            },
            **{"results": found, "score_is": "the sigmoid of the logit", "n_cached": 0, "meta": {}},
            **{"scale": {"name": "logit", "low": None, "high": None, "level": True}, "threshold": None},
            **{"instruction": asked.body.get("instruction", "own"), "usage": {"prompt_tokens": 12, "total_tokens": 12}},
        }
    )
