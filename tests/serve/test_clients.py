"""Clients from PyPI, as their users call them, get what the engine gives."""

from __future__ import annotations

import cohere
import numpy as np
import openai
import pytest
from haystack import Document
from haystack.utils import Secret
from haystack_integrations.components.rankers.cohere import CohereRanker
from haystack_integrations.components.rankers.jina import JinaRanker
from langchain_community.document_compressors import jina_rerank
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.jinaai_rerank import JinaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

from playground.bench.environments import Interpreter
from playground.core.types import EmbeddingResult, RerankResult
from tests.serve.servers import DOCUMENTS, EMBEDDER, QUERY, RERANKER

NODES = [NodeWithScore(node=TextNode(text=text)) for text in DOCUMENTS]

OLDER = """
from langchain_cohere import CohereRerank
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank as Postprocessor
import infinity_client
from infinity_client.api.default import embeddings, rerank
from infinity_client.models import OpenAIEmbeddingInputText, RerankInput

url, model, query, *texts = argv
chain = CohereRerank(model=model, cohere_api_key="none", base_url=url, top_n=2)
nodes = [NodeWithScore(node=TextNode(text=text)) for text in texts]
post = Postprocessor(model=model, api_key="none", base_url=url, top_n=2)
client = infinity_client.Client(base_url=url)
said = rerank.sync(client=client, body=RerankInput(query=query, documents=texts, top_n=2))
vectors = embeddings.sync(client=client, body=OpenAIEmbeddingInputText(input_=texts))
found = {
    "langchain": [[each["index"], each["relevance_score"]] for each in chain.rerank(texts, query)],
    "llama-index": [[texts.index(each.text), each.score] for each in post.postprocess_nodes(nodes, query_str=query)],
    "infinity": [[each.index, each.relevance_score] for each in said.results],
    "vectors": [each.embedding for each in vectors.data],
}
"""


@pytest.fixture(scope="module")
def best(ranked: RerankResult) -> list[tuple[int, float]]:
    """(index, score) of the two best."""
    return [(each.index, each.score) for each in ranked.scored[:2]]


def test_the_cohere_sdk_ranks_through_its_first_api(url: str, best: list[tuple[int, float]]) -> None:
    documents = [DOCUMENTS[0], {"text": DOCUMENTS[1]}, DOCUMENTS[2]]

    said = cohere.Client("none", base_url=url).rerank(
        model=RERANKER, query=QUERY, documents=documents, top_n=2, return_documents=True
    )

    assert [(each.index, each.relevance_score) for each in said.results] == best
    assert [each.document and each.document.text for each in said.results] == [DOCUMENTS[i] for i, _ in best]
    assert said.meta is not None
    assert said.meta.api_version is not None
    assert said.meta.api_version.version == "1"


def test_the_cohere_sdk_ranks_through_its_second_api(url: str, best: list[tuple[int, float]]) -> None:
    said = cohere.ClientV2("none", base_url=url).rerank(model=RERANKER, query=QUERY, documents=DOCUMENTS, top_n=2)

    assert [(each.index, each.relevance_score) for each in said.results] == best


def test_the_cohere_sdk_raises_what_the_engine_says(url: str) -> None:
    client = cohere.ClientV2("none", base_url=url)

    with pytest.raises(cohere.BadRequestError) as refused:
        client.rerank(model=RERANKER, query=QUERY, documents=[])
    with pytest.raises(cohere.NotFoundError) as unknown:
        client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS)

    assert refused.value.body["message"] == "There are no passages. Give at least one text to rank."
    assert unknown.value.body["message"].startswith("rerank-v3.5 is not on this machine")


def test_haystack_ranks_with_its_cohere_and_jina_components(url: str, best: list[tuple[int, float]]) -> None:
    documents = [Document(content=text) for text in DOCUMENTS]
    key = Secret.from_token("none")

    by_cohere = CohereRanker(model=RERANKER, api_key=key, api_base_url=url, top_k=2).run(QUERY, documents)
    by_jina = JinaRanker(model=RERANKER, api_key=key, base_url=f"{url}/v1/rerank", top_k=2).run(QUERY, documents)

    for said in (by_cohere, by_jina):
        found = [(DOCUMENTS.index(each.content), each.score) for each in said["documents"]]
        assert found == best
    assert by_jina["meta"]["model"] == RERANKER


def test_llama_index_ranks_with_its_jina_and_tei_postprocessors(url: str, best: list[tuple[int, float]]) -> None:
    by_jina = JinaRerank(top_n=2, model=RERANKER, base_url=f"{url}/v1", api_key="none")
    by_tei = TextEmbeddingInference(top_n=2, base_url=url)

    for postprocessor in (by_jina, by_tei):
        found = postprocessor.postprocess_nodes(NODES, query_str=QUERY)
        assert [(DOCUMENTS.index(each.text), each.score) for each in found] == best


def test_langchain_ranks_with_its_jina_compressor(
    url: str, best: list[tuple[int, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jina_rerank, "JINA_API_URL", f"{url}/v1/rerank")
    compressor = jina_rerank.JinaRerank(model=RERANKER, jina_api_key="none", top_n=2)

    found = compressor.rerank(DOCUMENTS, QUERY)

    assert [(each["index"], each["relevance_score"]) for each in found] == best
    with pytest.raises(RuntimeError, match="All passages are blank"):
        compressor.rerank([" "], QUERY)


def test_clients_that_need_older_libraries_rank_and_embed(
    url: str, best: list[tuple[int, float]], embedded: EmbeddingResult, beside_older_clients: Interpreter
) -> None:
    found = beside_older_clients.run(OLDER, "found", url, RERANKER, QUERY, *DOCUMENTS)

    for client in ("langchain", "llama-index", "infinity"):
        assert [tuple(each) for each in found[client]] == best, client
    assert np.array_equal(np.array(found["vectors"], "f4"), embedded.passage_vectors)


def test_the_openai_sdk_embeds_in_both_encodings(url: str, embedded: EmbeddingResult) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")

    # It asks for base64 unless told otherwise.
    packed = client.embeddings.create(model=EMBEDDER, input=DOCUMENTS)
    plain = client.embeddings.create(model=EMBEDDER, input=DOCUMENTS, encoding_format="float")
    single = client.embeddings.create(model=EMBEDDER, input=DOCUMENTS[1])

    for said in (packed, plain):
        vectors = np.array([each.embedding for each in said.data], "f4")
        assert np.array_equal(vectors, embedded.passage_vectors)
    assert np.array_equal(np.array(single.data[0].embedding, "f4"), embedded.passage_vectors[1])
    assert [model.id for model in client.models.list()] == [RERANKER, EMBEDDER, "bm25"]


def test_the_openai_sdk_raises_what_the_engine_says(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

    with pytest.raises(openai.BadRequestError) as of_ids:
        client.embeddings.create(model=EMBEDDER, input=[[1, 2]])
    with pytest.raises(openai.BadRequestError) as shorter:
        client.embeddings.create(model=EMBEDDER, input=DOCUMENTS, dimensions=7)
    with pytest.raises(openai.BadRequestError) as of_reranker:
        client.embeddings.create(model=RERANKER, input=DOCUMENTS)
    with pytest.raises(openai.NotFoundError) as unknown:
        client.embeddings.create(model="text-embedding-3-small", input=DOCUMENTS)

    assert "send texts (in LangChain: check_embedding_ctx_length=False)" in of_ids.value.message
    assert shorter.value.body["message"] == f"{EMBEDDER} gives vectors of 384 numbers. Leave `dimensions` out."
    assert of_reranker.value.body["message"].startswith(f"{RERANKER} is a reranker")
    assert unknown.value.body["code"] == "model_not_found"
