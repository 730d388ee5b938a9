"""The endpoints without the page."""

from __future__ import annotations

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from playground import start
from playground.assembly import engine_of, history_of
from playground.serve import rest
from playground.serve.served import Served
from playground.settings import Settings


def serve(settings: Settings) -> None:
    """Serves REST and MCP until Ctrl+C or SIGTERM; imports no gradio.

    Raises:
        StartError: the address cannot be had.
    """
    port = start.free_port(settings.host, settings.port)
    engine = engine_of(settings)
    api = rest.build(Served(settings, engine, history_of(settings)))
    app = TrustedHostMiddleware(api, settings.allowed_hosts)
    print(f"Rerank playground for programs: {start.page_url(settings.host, port)}/docs  Ctrl+C ends it.", flush=True)
    try:
        uvicorn.run(app, host=settings.host, port=port, log_level="warning", timeout_graceful_shutdown=5)
    finally:
        engine.close()
