"""What an answer says beyond the shapes that clients know."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from playground.core.types import RerankResult
from playground.engine.engine import Engine
from playground.serve.served import Served
from tests.engine.doubles import Shelf
from tests.engine.embedders import EmbedderShelf
from tests.engine.saved_thresholds import in_widest_gap, on
from tests.serve.servers import DOCUMENTS, QUERY, RERANKER, served, serving


def post(url: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = httpx.post(url + path, json=body, trust_env=False, timeout=60)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_every_result_says_what_its_numbers_are(url: str, ranked: RerankResult) -> None:
    said = post(url, "/v1/rerank", query=QUERY, documents=DOCUMENTS)

    assert (said["model"], said["fingerprint"]) == (RERANKER, ranked.spec.fingerprint)
    assert said["scale"] == {"name": "logit", "level": True}
    assert said["score_is"] == "the sigmoid of the logit: a way to show it, not a probability"
    assert [each["logit"] for each in said["results"]] == [each.logit for each in ranked]
    assert [each["tokens_read"] for each in said["results"]] == [each.n_tokens for each in ranked]
    assert "document" not in said["results"][0]
    assert "keep" not in said["results"][0]


def test_raw_scores_are_logits(url: str, ranked: RerankResult) -> None:
    said = post(url, "/rerank", query=QUERY, documents=DOCUMENTS, raw_scores=True)
    of_tei = post(url, "/rerank", query=QUERY, texts=DOCUMENTS, raw_scores=True, return_text=True)

    assert [each["relevance_score"] for each in said["results"]] == [each.logit for each in ranked]
    assert said["score_is"] == "the logit: the raw output"
    assert of_tei == [
        {"index": each.index, "score": each.logit, "text": DOCUMENTS[each.index]} for each in ranked.scored
    ]


def test_what_is_not_read_is_named(url: str) -> None:
    said = post(url, "/v2/rerank", query=QUERY, documents=DOCUMENTS, max_tokens_per_doc=9, priority=1, user=None)

    assert said["warnings"] == ["Not read here: max_tokens_per_doc, priority."]


def test_a_cut_document_says_so_and_tei_may_refuse_it(url: str) -> None:
    long = "panda " * 600

    said = post(url, "/v1/rerank", query=QUERY, documents=[long, "hi"], max_length=64)
    refused = post(url, "/rerank", 413, query=QUERY, texts=["hi", long], truncate=False)

    cut = next(each for each in said["results"] if each["index"] == 0)
    assert (cut["tokens_read"] + cut["tokens_cut"], cut["tokens_cut"] > 0, said["max_length"]) == (600, True, 64)
    assert refused["error"].startswith(f"Text 1 is longer than {RERANKER} reads: ")
    assert refused["error_type"] == "Validation"
    assert len(post(url, "/rerank", query=QUERY, texts=["hi", long])) == 2


def test_a_saved_threshold_says_what_to_keep(url: str, what: Served, ranked: RerankResult) -> None:
    line = in_widest_gap(ranked)
    what.history.thresholds.save("somebody", on(ranked, line, name="careful"))

    said = post(url, "/v1/rerank", query=QUERY, documents=DOCUMENTS, threshold="careful")

    assert [each["keep"] for each in said["results"]] == [each.logit >= line for each in ranked]
    assert said["threshold"] == {"name": "careful", "value": line, "scale": "logit", "warnings": []}


def test_a_threshold_of_another_model_or_of_no_name_is_refused(url: str, what: Served, ranked: RerankResult) -> None:
    what.history.thresholds.save("somebody", on(ranked, 0.0, name="for the small one"))

    other = post(url, "/v1/rerank", 400, query=QUERY, documents=DOCUMENTS, model="bm25", threshold="for the small one")
    absent = post(url, "/v1/rerank", 404, query=QUERY, documents=DOCUMENTS, threshold="nobody's")

    assert other["message"].startswith(f"“for the small one” was chosen for {RERANKER}, and these scores are from bm25")
    assert absent["message"] == 'No saved threshold is called "nobody\'s". Save one in the Threshold view.'


def test_thresholds_of_visitors_of_a_public_server_cannot_be_named(engine: Engine, tmp_path: Any) -> None:
    with serving(served(tmp_path, engine, public=True)) as url:
        said = post(url, "/v1/rerank", 400, query=QUERY, documents=DOCUMENTS, threshold="careful")

    assert said["message"].startswith("Saved thresholds belong to the visitors")


def test_an_embedder_and_keywords_rank_too(url: str) -> None:
    by_cosine = post(url, "/v1/rerank", query=QUERY, documents=DOCUMENTS, model="built-in/mini-embedder")
    by_words = post(url, "/v1/rerank", query=QUERY, documents=DOCUMENTS, model="bm25")

    assert by_cosine["scale"] == {"name": "cosine", "low": -1.0, "high": 1.0, "level": False}
    assert by_cosine["score_is"] == "the cosine as the model gives it"
    assert by_words["results"][0]["index"] == 1


def test_queries_and_documents_get_their_own_prompts(tmp_path: Any) -> None:
    shelf = EmbedderShelf()
    what = served(tmp_path, Engine(load_scorer=Shelf(), load_embedder=shelf))
    choice = what.choice("built-in/mini-embedder", "")

    with serving(what) as url:
        ask = {"input": ["red panda"], "model": choice.model_id}
        document = post(url, "/v1/embeddings", **ask)
        query = post(url, "/v1/embeddings", **ask, input_type="query")

    assert (document["instruction"], query["instruction"]) == ("", "find: ")
    assert [each["data"][0]["tokens_read"] for each in (document, query)] == [2, 3]
    assert document["data"][0]["embedding"] != query["data"][0]["embedding"]


def test_known_scores_are_not_made_again(url: str) -> None:
    documents = ["never seen before", "nor this"]

    first = post(url, "/v1/rerank", query=QUERY, documents=documents)
    second = post(url, "/v1/rerank", query=QUERY, documents=documents)

    assert (first["n_cached"], second["n_cached"], second["usage"]["total_tokens"]) == (0, 2, 0)
    assert first["usage"]["total_tokens"] > 0
    assert first["results"] == second["results"]


@pytest.mark.parametrize("path", ["/health", "/info", "/v1/models", "/openapi.json", "/docs"])
def test_facts_are_answered(url: str, path: str) -> None:
    answer = httpx.get(url + path, trust_env=False)

    assert answer.status_code == 200


def test_tei_is_told_which_model_ranks(url: str) -> None:
    info = httpx.get(f"{url}/info", trust_env=False).json()

    assert (info["model_id"], info["max_input_length"], info["max_client_batch_size"]) == (RERANKER, 512, 5000)
    assert "reranker" in info["model_type"]


def test_the_docs_name_every_field_and_ask_no_other_server(url: str) -> None:
    answer = httpx.get(f"{url}/docs", trust_env=False)

    assert "<code>POST /v2/rerank</code>" in answer.text
    assert "<td><code>threshold</code></td>" in answer.text
    assert "http" not in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
