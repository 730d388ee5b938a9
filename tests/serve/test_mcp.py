"""The tools, through the official client."""

from __future__ import annotations

from typing import Any

from mcp import Client

from playground.core.types import RerankResult
from playground.serve.served import Served
from tests.engine.saved_thresholds import in_widest_gap, on
from tests.running import awaited
from tests.serve.servers import DOCUMENTS, EMBEDDER, QUERY, RERANKER

ASK = {"query": QUERY, "passages": DOCUMENTS}


def call(url: str, tool: str, **arguments: Any) -> Any:
    async def asked() -> Any:
        async with Client(f"{url}/mcp") as client:
            return await client.call_tool(tool, arguments)

    return awaited(asked)


def test_tools_say_what_they_take(url: str) -> None:
    async def listed() -> Any:
        async with Client(f"{url}/mcp") as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in awaited(listed)}

    assert tools.keys() == {"rerank", "compare", "explain_threshold"}
    assert tools["rerank"].input_schema["required"] == ["query", "passages"]
    for tool in tools.values():
        assert tool.description
        assert tool.output_schema
        assert all(field["description"] for field in tool.input_schema["properties"].values())


def test_an_agent_ranks(url: str, ranked: RerankResult) -> None:
    said = call(url, "rerank", **ASK, top_n=2).structured_content

    assert [(hit["index"], hit["logit"], hit["score"]) for hit in said["hits"]] == [
        (each.index, each.logit, each.score) for each in ranked.scored[:2]
    ]
    assert said["hits"][0]["text"] == DOCUMENTS[ranked.scored[0].index]
    assert (said["model"], said["scale"]) == (RERANKER, "logit")


def test_an_agent_compares(url: str, ranked: RerankResult) -> None:
    said = call(url, "compare", **ASK, models=[RERANKER, EMBEDDER, "no/such-model"]).structured_content

    first, second, third = said["columns"]
    assert [place["logit"] for place in first["places"]] == [
        each.logit for each in sorted(ranked.scored, key=lambda each: each.index)
    ]
    assert (second["model"], second["scale"], len(second["places"])) == (EMBEDDER, "cosine", 3)
    assert "no/such-model" in third["error"]


def test_an_agent_keeps_by_a_threshold_and_reads_what_it_is_worth(url: str, what: Served, ranked: RerankResult) -> None:
    line = in_widest_gap(ranked)
    what.history.thresholds.save("somebody", on(ranked, line, name="for agents"))

    said = call(url, "rerank", **ASK, threshold="for agents").structured_content
    (facts,) = call(url, "explain_threshold", name="for agents").structured_content["thresholds"]

    assert [hit["keep"] for hit in said["hits"]] == [each.logit >= line for each in ranked]
    assert (facts["value"], facts["model"], facts["fingerprint"]) == (line, RERANKER, ranked.spec.fingerprint)
    assert facts["display_value"] == ranked.scale.display(line)
    assert facts["chosen_by"] == "precision 0.9"
    assert facts["chosen_on"] == "support: 20 queries, 212 judged pairs, 61 of them relevant"


def test_an_agent_is_told_what_went_wrong(url: str) -> None:
    empty = call(url, "rerank", query=QUERY, passages=[])
    absent = call(url, "explain_threshold", name="nobody's")

    assert (empty.is_error, absent.is_error) == (True, True)
    assert "There are no passages. Give at least one text to rank." in empty.content[0].text
    assert "No saved threshold is called" in absent.content[0].text
