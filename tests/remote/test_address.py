"""Ids of models that run elsewhere."""

from __future__ import annotations

import pytest

from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.models.named import is_folder, parse_choice
from playground.models.settings import settings_of, size_of
from playground.remote.address import Address, is_remote, parse
from playground.remote.connect import Remotes
from tests.remote.runs import request


@pytest.mark.parametrize(
    ("model_id", "address"),
    [
        ("tei://localhost:8080", Address("tei", ("http://localhost:8080",), "")),
        ("TEI+https://x.endpoints.huggingface.cloud/", Address("tei", ("https://x.endpoints.huggingface.cloud",), "")),
        ("vllm://[::1]:8000/BAAI/bge-reranker-base", Address("vllm", ("http://[::1]:8000",), "BAAI/bge-reranker-base")),
        ("tei://a:1+b:2+a:1", Address("tei", ("http://a:1", "http://b:2"), "")),
        ("cohere:rerank-v3.5", Address("cohere", (), "rerank-v3.5")),
        ("hf:BAAI/bge-reranker-v2-m3", Address("hf", (), "BAAI/bge-reranker-v2-m3")),
    ],
)
def test_an_id_says_kind_servers_and_model(model_id: str, address: Address) -> None:
    assert is_remote(model_id)
    assert parse(model_id) == address
    assert parse_choice(f" {model_id} ") == (model_id, None)


@pytest.mark.parametrize("model_id", ["BAAI/bge-reranker-base", "bm25", "./tei", "C:\\models", "owner/tei"])
def test_other_ids_are_none(model_id: str) -> None:
    assert not is_remote(model_id)


@pytest.mark.parametrize(
    ("model_id", "message"),
    [
        ("tei://user:secret@host", "An address holds no password"),
        ("tei://", "is no address of a model"),
        ("tei://a b", "is no address of a model"),
        ("tei://host:99999", "is no address of a model"),
        ("tei://host#x?y", "is no address of a model"),
        ("cohere:", "is no address of a model"),
        ("tei:/host", "needs an address: tei://host:port"),
        ("tei:host:8080", "needs an address: tei://host:port"),
    ],
)
def test_what_is_no_address_is_said_before_anything_is_sent(model_id: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Engine().rerank(request(), ModelChoice(model_id))


def test_nothing_on_this_machine_is_looked_up_for_an_address() -> None:
    model = "tei://localhost:8080"
    assert (is_folder(model), size_of(model), settings_of(model).name) == (False, None, model)
    engine = Engine()
    assert (engine.kind_of(model), engine.count("q", ["a"], ModelChoice(model))) == ("reranker", None)
    with pytest.raises(ModelUnsuitable, match="runs on another machine and gives scores only"):
        list(engine.embed(request(), ModelChoice(model)))


def test_on_a_public_page_no_visitor_names_an_address_and_offline_nobody_does() -> None:
    engine = Engine(remotes=Remotes(["tei://listed:1"]))
    for model in ("tei://127.0.0.1:1", "cohere:rerank-v3.5", "tei://listed:1/", "TEI://listed:1"):
        with pytest.raises(InvalidInput, match="only those who run it name models on other machines"):
            engine.rerank(request(), ModelChoice(model))
        run = list(engine.compare(request(), [ModelChoice(model)]))[-1].comparison.runs[0]
        assert isinstance(run.error, InvalidInput)
    with pytest.raises(InvalidInput, match="--offline reaches for none"):
        Engine(offline=True).rerank(request(), ModelChoice("tei://127.0.0.1:1"))
