"""The endpoints, as an app of its own: beside the page or alone on a port."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Discriminator, Tag, TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Route

import playground
from playground.core.errors import PlaygroundError
from playground.serve import answers, docs_page, mcp_tools, schemas
from playground.serve.errors import Refused, Shape, answer, refusal_of, shape_of
from playground.serve.guard import Guard
from playground.serve.served import Served
from playground.serve.work import Left, Workers
from playground.visitors import Visitors

log = logging.getLogger("playground.serve")

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
Work = Callable[[Any, threading.Event], Any]

DESCRIPTION = (
    "Scores of this playground for programs. Every answer says what its numbers are: the raw output beside the display "
    "score, how much of each text was read, and which weights ran."
)
# Of nginx, for a client that has gone: nobody reads it.
CLIENT_LEFT = 499
UNEXPECTED = "Something went wrong here. What it was stands in the log of the server."


def _client_of(body: Any) -> str:
    return "tei" if isinstance(body, dict) and "texts" in body else "rerank"


# TEI shares its path with infinity and LocalAI, but not the names of its fields.
ANY_RERANK = Annotated[
    Annotated[schemas.RerankBody, Tag("rerank")] | Annotated[schemas.TeiBody, Tag("tei")], Discriminator(_client_of)
]


def build(served: Served) -> Guard:
    """The endpoints behind their guard, as one ASGI app that also runs alone."""
    settings = served.settings
    workers = Workers(Visitors(settings.most_runs_per_minute, settings.most_runs_at_once))
    tools = mcp_tools.app(served, workers)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with tools.running():
            yield

    api = FastAPI(
        title="Rerank playground",
        version=playground.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: _on_http_exception},
    )
    _add_posts(api, served, workers)
    _add_gets(api, served, workers)
    api.router.routes.append(Route(mcp_tools.PATH, tools))
    key = served.settings.api_key
    return Guard(
        api, limits=served.engine.limits, key=None if key is None else key.get_secret_value(), lifespan=lifespan
    )


def _add_posts(api: FastAPI, served: Served, workers: Workers) -> None:
    def add(path: str, about: str, body: Any, answers_with: Any, work: Work) -> None:
        reads: TypeAdapter[Any] = TypeAdapter(body)
        api.add_api_route(
            path,
            _endpoint(workers, work, reads),
            methods=["POST"],
            summary=about,
            response_model=answers_with,
            openapi_extra={"requestBody": _in_openapi(reads)},
        )

    def rerank(version: str, body: Any, stop: threading.Event) -> Any:
        if isinstance(body, schemas.TeiBody):
            return answers.tei_rerank(served, body, stop)
        return answers.rerank(served, body, version, stop)

    shared, ranked = "Documents by relevance, for clients of Cohere and Jina", schemas.RerankAnswer
    add("/v1/rerank", shared, schemas.RerankBody, ranked, partial(rerank, "1"))
    add("/v2/rerank", shared, schemas.RerankBody, ranked, partial(rerank, "2"))
    either = "The same; with `texts` in place of `documents` as Text Embeddings Inference answers: a list"
    add("/rerank", either, ANY_RERANK, ranked | list[schemas.TeiRank], partial(rerank, "1"))
    for path in ("/v1/embeddings", "/embeddings"):
        about = "One vector for each text, for clients of OpenAI"
        add(path, about, schemas.EmbeddingsBody, schemas.EmbeddingsAnswer, partial(answers.embeddings, served))


def _add_gets(api: FastAPI, served: Served, workers: Workers) -> None:
    def add(path: str, about: str, answers_with: Any, work: Callable[[threading.Event], Any]) -> None:
        endpoint = _endpoint(workers, lambda _, stop: work(stop))
        api.add_api_route(path, endpoint, methods=["GET"], summary=about, response_model=answers_with)

    add("/v1/models", "Models that can be named without a download", schemas.Models, lambda _: answers.models(served))
    add("/info", "The model that ranks, as TEI says it", schemas.TeiInfo, partial(answers.tei_info, served))

    async def health() -> schemas.Health:
        return schemas.Health(version=playground.__version__, running=workers.n_running)

    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page.html(api.openapi()), headers={"Content-Security-Policy": docs_page.POLICY})

    api.add_api_route("/health", health, methods=["GET"], summary="Whether the server answers; asks for no key")
    api.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)


def _endpoint(workers: Workers, work: Work, reads: TypeAdapter[Any] | None = None) -> Endpoint:
    """Reads, works and writes beside the event loop; whatever fails is told in the shape of the client."""

    async def endpoint(request: Request) -> Response:
        body, shape = None, shape_of(request.url.path)
        try:
            if reads is not None:
                body = await anyio.to_thread.run_sync(_read, reads, await request.body(), shape)
                shape = "tei" if isinstance(body, schemas.TeiBody) else "rerank" if shape == "any" else shape
            content = await workers.run(lambda stop: to_json(work(body, stop), exclude_none=True, inf_nan_mode="null"))
        except Left:
            return Response(status_code=CLIENT_LEFT)
        except Refused as refused:
            return answer(refused, shape)
        except PlaygroundError as error:
            return answer(refusal_of(error), shape)
        except Exception:
            log.exception("unexpected error")
            return answer(Refused(500, UNEXPECTED), shape)
        return Response(content, media_type="application/json")

    return endpoint


def _read(reads: TypeAdapter[Any], body: bytes, shape: Shape) -> Any:
    try:
        return reads.validate_json(body)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        said = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "json_invalid":
            raise Refused(400, f"The body is no JSON. {said}.") from error
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}"
            for part in detail["loc"]
            if part not in ("rerank", "tei", "str", "list[str]")
        )
        status = 400 if shape == "openai" else 422
        raise Refused(status, f"{place.removeprefix('.') or 'The body'}: {said}.") from error


def _in_openapi(reads: TypeAdapter[Any]) -> dict[str, Any]:
    schema = reads.json_schema()
    # OpenAPI would look for its parts elsewhere.
    parts = schema.pop("$defs", {})
    if "oneOf" in schema:
        schema = {"oneOf": list(parts.values())}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = {404: "There is no such endpoint", 405: "This endpoint takes another method"}.get(status, "It was refused")
    return answer(Refused(status, f"{said}. `/docs` lists them."), shape_of(request.url.path))
