"""Tools for agents, over MCP's streamable HTTP: rerank, compare, explain_threshold.

The official package, not gradio's wrapper around it: that one publishes events of the page, answers lists as Python's
repr, and its extra pins pydantic below the version that everything else here takes.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

import playground
from playground.core.errors import PlaygroundError
from playground.core.thresholds import Threshold
from playground.core.types import ModelRun
from playground.serve import schemas
from playground.serve.errors import Refused, answer
from playground.serve.served import Served, bounds, request_of, score_is
from playground.serve.work import Left, Workers

T = TypeVar("T")

PATH = "/mcp"
MISSING = "MCP needs one more package on this server: pip install 'rerank-playground[mcp]'."
INSTRUCTIONS = (
    "Ranks texts by relevance to a query with rerankers and embedding models on this machine. A score orders the texts "
    "of one query; only a saved threshold says from where on a text is relevant."
)

Query = Annotated[str, Field(description="What is looked for, in words.")]
Passages = Annotated[list[str], Field(description="The texts to rank, each by itself.")]
Model = Annotated[
    str | None, Field(description="Hub id, `id@revision`, or `bm25` for keywords. Left out, the server's own reranker.")
]
Limit = Annotated[int | None, Field(description="How many to return, best first; all if left out.", ge=1)]
Name = Annotated[str | None, Field(description="Name of a saved threshold.")]
Names = Annotated[list[str], Field(description="Two models or more, named as in `rerank`.", min_length=1)]


class Hit(BaseModel):
    """One passage with its place."""

    index: int = Field(description="Place in the given list, from 0.")
    rank: int
    text: str
    score: float = Field(description="For display; see `score_is`.")
    logit: float = Field(description="The raw output, on `scale`.")
    tokens_cut: int | None = Field(description="Tokens at the end that the model did not read; null where unknown.")
    keep: bool | None = Field(None, description="Whether the threshold keeps it; null without a threshold.")


class Ranking(BaseModel):
    """Passages best first."""

    model: str
    fingerprint: str
    scale: str
    score_is: str
    hits: list[Hit]
    warnings: list[str]


class Place(BaseModel):
    """What one model made of one passage."""

    rank: int
    logit: float


class Column(BaseModel):
    """One model of a comparison; `error` says why it has no places."""

    model: str
    scale: str | None = None
    places: list[Place | None] = Field(default=[], description="In the order of the given passages.")
    seconds: float | None = None
    error: str | None = None
    warnings: list[str] = []


class ComparisonTable(BaseModel):
    """Raw outputs of two models never share a scale: compare ranks."""

    columns: list[Column]


class ThresholdFacts(BaseModel):
    """What a saved threshold is worth, and where it holds."""

    name: str
    keeps: str = Field(description="The rule in words.")
    value: float
    display_value: float = Field(description="The same line on the display scale.")
    scale: schemas.ScaleAnswer
    model: str
    fingerprint: str
    chosen_by: str
    chosen_on: str
    interval: tuple[float, float] | None = Field(description="95 % band over resampled queries.")
    precision: float | None
    recall: float | None
    saved_at: str
    holds_for: str


class ThresholdList(BaseModel):
    """Saved thresholds under one name, newest first."""

    thresholds: list[ThresholdFacts]


class Tools:
    """The tools as an ASGI app, and the context in which it answers."""

    def __init__(self, app: ASGIApp, running: Callable[[], Any]) -> None:
        self._app = app
        self.running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def app(served: Served, workers: Workers) -> Tools:
    """The tools; without the `mcp` package an app that says what is missing."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.server.transport_security import TransportSecuritySettings
    except ImportError:
        return Tools(answer(Refused(501, MISSING), "any"), _nothing)

    async def run(work: Callable[[threading.Event], T]) -> T:
        try:
            return await workers.run(work)
        except (Refused, PlaygroundError) as error:
            raise ToolError(str(error)) from error
        except Left as error:
            raise ToolError("The run was stopped.") from error

    server = MCPServer(
        "rerank-playground", version=playground.__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )

    @server.tool()
    async def rerank(
        query: Query, passages: Passages, model: Model = None, top_n: Limit = None, threshold: Name = None
    ) -> Ranking:
        """Order passages by relevance to a query. With `threshold`, say which are relevant enough to keep."""
        return await run(lambda stop: _rerank(served, query, passages, model, top_n, threshold, stop))

    @server.tool()
    async def compare(query: Query, passages: Passages, models: Names) -> ComparisonTable:
        """Rank the same passages with several models, to see where they disagree."""
        return await run(lambda stop: _compare(served, query, passages, models, stop))

    @server.tool()
    async def explain_threshold(
        name: Annotated[str, Field(description="Under which the threshold was saved.")],
    ) -> ThresholdList:
        """Say what a saved threshold means: where its line lies, how and on what data it was chosen, and for which
        model it holds."""
        return await run(lambda _: ThresholdList(thresholds=[_facts(each) for each in served.thresholds(name)]))

    # Hosts and origins are looked at before, as for every endpoint.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server.streamable_http_app(json_response=True, stateless_http=True, transport_security=security)
    return Tools(server.session_manager.handle_request, server.session_manager.run)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def _rerank(
    served: Served,
    query: str,
    passages: list[str],
    model: str | None,
    top_n: int | None,
    threshold: str | None,
    stop: threading.Event,
) -> Ranking:
    result = served.rerank(request_of(query, passages), served.choice(model, served.reranker()), stop)
    kept = None if threshold is None else served.kept(threshold, result)
    hits = [
        Hit(
            index=each.index,
            rank=each.rank,
            text=passages[each.index],
            score=each.score,
            logit=each.logit,
            tokens_cut=each.n_cut,
            keep=None if kept is None else each.logit >= kept.threshold.value,
        )
        for each in result.scored[:top_n]
    ]
    return Ranking(
        model=result.spec.model_id,
        fingerprint=result.spec.fingerprint,
        scale=result.scale.name,
        score_is=score_is(result.scale),
        hits=hits,
        warnings=[*result.warnings, *(() if kept is None else kept.warnings)],
    )


def _compare(
    served: Served, query: str, passages: list[str], models: list[str], stop: threading.Event
) -> ComparisonTable:
    comparison = served.compare(request_of(query, passages), models, stop)
    return ComparisonTable(columns=[_column(run, len(passages)) for run in comparison.runs])


def _column(run: ModelRun, n_passages: int) -> Column:
    result = run.result
    if result is None:
        return Column(model=run.choice.model_id, error=str(run.error))
    places: list[Place | None] = [None] * n_passages
    for each in result.scored:
        places[each.index] = Place(rank=each.rank, logit=each.logit)
    return Column(
        model=result.spec.model_id,
        scale=result.scale.name,
        places=places,
        seconds=result.seconds,
        error=None if run.error is None else str(run.error),
        warnings=list(result.warnings),
    )


def _facts(threshold: Threshold) -> ThresholdFacts:
    spec, scale = threshold.spec, threshold.scale
    rule = threshold.method if threshold.parameter is None else f"{threshold.method} {threshold.parameter:g}"
    return ThresholdFacts(
        name=threshold.name,
        keeps=f"A passage is kept where {spec.model_id} gives it a {scale.name} of {threshold.value:g} or more.",
        value=threshold.value,
        display_value=scale.display(threshold.value),
        scale=schemas.ScaleAnswer(name=scale.name, level=scale.level, **bounds(scale)),
        model=spec.model_id,
        fingerprint=spec.fingerprint,
        chosen_by=rule,
        chosen_on=f"{threshold.set_name}: {threshold.n_queries} queries, {threshold.n_pairs} judged pairs, "
        f"{threshold.n_relevant} of them relevant",
        interval=threshold.interval,
        precision=threshold.precision,
        recall=threshold.recall,
        saved_at=threshold.saved_at.isoformat(),
        holds_for=f"these weights ({spec.fingerprint[:8]}) on this scale only; it was chosen in {spec.precision} on "
        f"{spec.device}, with {spec.max_length} tokens at most",
    )
