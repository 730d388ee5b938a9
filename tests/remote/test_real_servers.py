"""Real servers from the registries, each in an environment of its own, with the built-in reranker's weights."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from playground.bench.environments import Interpreter, python_with
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.paths import BUILT_IN_MODELS
from tests.remote.runs import PASSAGES, logits, ranked, request

FOLDER = BUILT_IN_MODELS / "mini-reranker"
# llama.cpp's own server, in the wheels of xllamacpp.
LLAMA_CPP = ("xllamacpp==2026.10.11549", "gguf>=0.17")
INFINITY = ("infinity-emb[torch,server]>=0.0.77", "transformers<5")
START = """
from pathlib import Path
from tests.remote.llama_program import serve, write
write(Path(argv[0]), Path(argv[1]))
kept["server"], address = serve(Path(argv[1]))
"""


def test_llama_cpp_gives_the_models_own_logits(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    interpreter = Interpreter(python_with(LLAMA_CPP), quiet=True)
    try:
        address = interpreter.run(START, "address", FOLDER, tmp_path / "mini.gguf")
        result = ranked(f"llamacpp://{address.removeprefix('http://')}", Engine())
    finally:
        interpreter.close()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForSequenceClassification.from_pretrained(FOLDER, dtype=torch.float32).eval()
    encoded = tokenizer([request().query] * len(PASSAGES), list(PASSAGES), padding=True, return_tensors="pt")
    # llama.cpp gives all tokens the first type; it computes gelu by its tanh approximation.
    encoded["token_type_ids"] *= 0
    with torch.inference_mode():
        own = model(**encoded).logits[:, 0].tolist()
    assert logits(result) == pytest.approx(own, abs=0.02)
    # Its usage counts the tokens that went through, special tokens included.
    assert result.n_tokens == int(encoded["attention_mask"].sum())
    assert (result.scale.name, result.spec.architecture) == ("logit", f"llama.cpp · {tmp_path / 'mini.gguf'}")


@contextmanager
def infinity() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python_with(INFINITY).parent / "infinity_emb", "v2", "--model-id", FOLDER, "--served-model-name", "mini"]
    command += [
        "--engine",
        "torch",
        "--device",
        "cpu",
        "--dtype",
        "float32",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--no-bettertransformer", "--no-model-warmup"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, **quiet)
    try:
        while True:
            assert server.poll() is None
            try:
                httpx.get(f"http://127.0.0.1:{port}/models").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_infinity_gives_what_the_same_weights_give_here() -> None:
    with infinity() as host:
        one = ranked(f"infinity://{host}", Engine())
        named = ranked(f"infinity://{host}/mini", Engine())
    choice = ModelChoice("built-in/mini-reranker", precision="fp32")
    here = list(Engine().rerank(request(), choice))[-1].result
    assert here is not None
    assert logits(one) == logits(named) == pytest.approx(logits(here), abs=1e-3)
    assert (one.scale.name, one.n_tokens, one.spec.architecture) == ("logit", None, "infinity · mini")
