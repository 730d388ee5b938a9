"""What a decoder cannot be asked is one sentence, and what it can only read a part of is bounded and said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import transformers

from playground.core.errors import InvalidInput, ModelBroken
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.models.loading import load_scorer
from tests import checkpoints


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_qwen3(tmp_path_factory.mktemp("bad") / "qwen3-reranker")


def test_a_tokenizer_of_more_tokens_than_the_weights_know_is_refused_at_load(qwen3: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(qwen3, tmp_path / qwen3.name))
    tokenizer = transformers.AutoTokenizer.from_pretrained(twin)
    n = len(tokenizer)
    tokenizer.add_tokens(["panda"])
    tokenizer.save_pretrained(twin)
    said = rf"The tokenizer of .* makes a token {n}, and its weights know {n}\. Use the tokenizer that came with the"
    with pytest.raises(ModelBroken, match=said):
        load_scorer(ModelChoice(str(twin), device="cpu"))


def test_a_passage_of_a_hundred_thousand_tokens_is_cut_at_the_limit_and_says_so(qwen3: Path) -> None:
    engine = Engine()
    request = RerankRequest("what is panda?", (Passage("long", "熊" * 100_000), Passage("short", "a panda")))
    result = list(engine.rerank(request, ModelChoice(str(qwen3), device="cpu", max_length=512)))[-1].result
    assert result is not None
    long = next(scored for scored in result if scored.passage.id == "long")
    assert long.n_tokens < 512
    assert long.n_cut + long.n_tokens >= 100_000
    assert long.n_chars_read < 6 * 512
    assert result.n_tokens < 2 * 512
    longer = RerankRequest("what is panda?", (Passage("long", "panda " * 100_000),))
    with pytest.raises(InvalidInput, match=r"Passage long has 600,000 characters; the limit is 200,000\. Split it"):
        engine.rerank(longer, ModelChoice(str(qwen3)))
    engine.close()
