"""The endpoints on the page's own port."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.serve import rest
from playground.serve.guard import Guard
from playground.serve.served import Served

# Whole trees are ours, so that a wrong path in them is answered as a client expects.
TREES = ("/v1/", "/v2/")
PATHS = ("/rerank", "/embeddings", "/info", "/health", "/docs", "/openapi.json", "/mcp")


class Beside:
    """Sends requests for the endpoints there, all others on to the page."""

    def __init__(self, app: ASGIApp, api: ASGIApp) -> None:
        self._page = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Goes by the path alone."""
        path = scope.get("path", "") if scope["type"] == "http" else ""
        ours = path.startswith(TREES) or path.rstrip("/") in PATHS
        await (self._api if ours else self._page)(scope, receive, send)


def with_api(options: dict[str, Any], served: Served) -> dict[str, Any]:
    """Options of `launch` that serve the endpoints too."""
    api: Guard = rest.build(served)
    app = dict(options["app_kwargs"])
    app["middleware"] = [*app["middleware"], Middleware(Beside, api=api)]
    app["lifespan"] = api.lifespan
    return options | {"app_kwargs": app}
