"""A playground whose model is another playground's; and addresses, which no program names on a public page."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from playground.core.errors import BackendError
from playground.core.types import ModelChoice, RerankResult
from playground.engine.engine import Engine
from playground.remote.connect import Remotes
from playground.serve.served import request_of
from tests.remote import servers
from tests.remote.runs import HASTY
from tests.remote.servers import Said
from tests.remote.servers import serving as answering
from tests.serve.servers import DOCUMENTS, QUERY, RERANKER, served, serving


def test_another_playground_gives_the_same_numbers_and_says_what_it_read(url: str, ranked: RerankResult) -> None:
    address = url.replace("http://", "playground://")
    *_, last = Engine().rerank(request_of(QUERY, DOCUMENTS), ModelChoice(f"{address}/{RERANKER}"))
    assert last.result is not None
    assert [(each.index, each.n_tokens, each.n_cut) for each in last.result] == [
        (each.index, each.n_tokens, each.n_cut) for each in ranked
    ]
    assert [each.logit for each in last.result] == pytest.approx([each.logit for each in ranked], abs=1e-6)
    assert [each.score for each in last.result] == pytest.approx([each.score for each in ranked], abs=1e-6)
    assert last.result.spec.fingerprint == ranked.spec.fingerprint


def test_a_program_on_a_public_page_names_no_address_but_those_of_its_owner(url: str, tmp_path: Path) -> None:
    given, other = url.replace("http://", "playground://"), "tei://127.0.0.1:9"
    engine = Engine(remotes=Remotes((given,)))
    with serving(served(tmp_path, engine, public=True, models=(given,))) as public:
        asked = {"query": QUERY, "documents": DOCUMENTS}
        refused = httpx.post(f"{public}/v2/rerank", json=asked | {"model": other}, trust_env=False)
        answered = httpx.post(f"{public}/v2/rerank", json=asked | {"model": given}, trust_env=False, timeout=60)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("On a public page only those who run it name models on other machines.")
    assert answered.json()["results"][0]["index"] == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Said([], seconds=60), "did not answer within 0.2 seconds"),
        (Said([{"index": 0, "score": 1.0}, {"index": 2, "score": 2.0}, {"index": 3, "score": 2.0}]), "other places"),
        (Said(b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}, {"index": 2, "score": 1}]'), "the score nan"),
        (Said(b"<html>busy</html>", headers={"Content-Type": "text/html"}), "no JSON (text/html)"),
        (Said(b'[{"index": 0, "score": 1.5}]', cut=9), "broke off its answer"),
    ],
    ids=["hangs", "other places", "nan", "html", "half a body"],
)
def test_a_program_hears_what_the_server_behind_did_wrong(said: Said, sentence: str, tmp_path: Path) -> None:
    engine = Engine(remotes=Remotes(patience=replace(HASTY, answer_seconds=0.2)))
    with (
        answering(lambda asked: said if asked.body else servers.tei(asked)) as behind,
        serving(served(tmp_path, engine)) as url,
    ):
        asked = {"query": QUERY, "documents": DOCUMENTS, "model": f"tei://{behind.host}"}
        answer = httpx.post(f"{url}/v2/rerank", json=asked, trust_env=False, timeout=60)
    assert answer.status_code == 502
    assert answer.json().keys() == {"message", "detail"}
    assert answer.json()["message"].startswith(f"{behind.host} failed.")
    assert sentence in answer.json()["detail"]


def test_another_playground_that_changes_its_weights_is_asked_again(url: str, ranked: RerankResult) -> None:
    remotes = Remotes()
    address = url.replace("http://", "playground://")
    known = remotes.connect(address, {}, threading.Event())
    assert known is not None
    assert known.told.fingerprint == ranked.spec.fingerprint
    remotes._known[address] = (time.monotonic(), replace(known, told=replace(known.told, fingerprint="of before")))

    request = request_of(QUERY, DOCUMENTS)
    with pytest.raises(BackendError, match="It serves other weights than a moment ago"):
        list(Engine(remotes=remotes).rerank(request, ModelChoice(address)))
    *_, last = Engine(remotes=remotes).rerank(request, ModelChoice(address))

    assert last.result is not None
    assert last.result.spec.fingerprint == ranked.spec.fingerprint
