"""What stands before every endpoint: who may ask, and how much and how slowly. Reads the whole body first."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.core.limits import Limits
from playground.serve.errors import Refused, answer, shape_of

# Of no use to a foreign site, and asked for by monitors and browsers.
OPEN = ("/health", "/docs", "/openapi.json")
# JSON may write a letter as \uXXXX.
BYTES_OF_A_CHARACTER = 6
OTHER_BYTES = 1_000_000
# Between two pieces of a body, and for all of it.
IDLE_SECONDS = 20.0
BODY_SECONDS = 300.0
# A client that is refused while it still sends would never read why.
DRAIN_SECONDS = 30.0

# Set when the client of the request under way has gone.
gone: ContextVar[threading.Event] = ContextVar("gone")


class Guard:
    """Refuses what may not come in, and gives the rest to the app.

    Attributes:
        lifespan: the context in which the app answers.
    Args:
        limits: of one request; a body may be as large as they allow.
        key: that programs must send; None lets everybody in but web pages of other sites.
        idle_seconds, body_seconds: that a body may take between two pieces, and in all.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        key: str | None = None,
        lifespan: Callable[[object], AbstractAsyncContextManager[None]],
        idle_seconds: float = IDLE_SECONDS,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self.lifespan = lifespan
        self._app = app
        self._key = key
        self._most_bytes = limits.total_chars * BYTES_OF_A_CHARACTER + OTHER_BYTES
        self._idle_seconds = idle_seconds
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses, or answers through the app and sets `gone` where the client leaves before that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            body = await self._body(scope, receive)
        except Refused as refused:
            await answer(refused, shape_of(scope["path"]))(scope, receive, send)
            return
        if body is not None:
            await _watched(self._app, scope, receive, send, body)

    def _check(self, scope: Scope) -> None:
        if scope["path"].rstrip("/") in OPEN and scope["method"] in ("GET", "HEAD"):
            return
        headers = Headers(scope=scope)
        if self._key is not None:
            if not _same(_sent_key(headers), self._key):
                raise Refused(
                    401,
                    "The API key is missing or wrong. Send it as `Authorization: Bearer KEY`.",
                    "invalid_api_key",
                    WWW_Authenticate="Bearer",
                )
        elif _from_foreign_page(headers):
            # A page of another site can make a browser send requests here, but it cannot know a key.
            raise Refused(
                403, "Web pages of other sites may not use this server without a key. Start it with --api-key."
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            raise Refused(415, "Send the body as JSON, with `Content-Type: application/json`.")

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None where the client has gone."""
        declared = Headers(scope=scope).get("content-length", "0")
        clock = asyncio.get_running_loop().time
        declared = Headers(scope=scope).get("content-length", "")
        n_bytes, too_large = 0, declared.isdecimal() and int(declared) > self._most_bytes
        parts: list[bytes] = []
        ends = clock() + (DRAIN_SECONDS if too_large else self._body_seconds)
        more = True
        while more:
            try:
                message = await asyncio.wait_for(receive(), min(ends - clock(), self._idle_seconds))
            except TimeoutError:
                if too_large:
                    break
                raise Refused(408, "The body came too slowly. Send it again.", Connection="close") from None
            if message["type"] == "http.disconnect":
                return None
            part, more = message.get("body", b""), message.get("more_body", False)
            n_bytes += len(part)
            if n_bytes > self._most_bytes and not too_large:
                too_large, ends = True, clock() + DRAIN_SECONDS
                parts.clear()
            if not too_large:
                parts.append(part)
        if too_large:
            megabytes = self._most_bytes / 1e6
            raise Refused(
                413, f"The body is larger than {megabytes:,.0f} MB. Send the texts in parts.", Connection="close"
            )
        return b"".join(parts)


def _sent_key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _same(sent: str, key: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), key.encode())


def _from_foreign_page(headers: Headers) -> bool:
    """Programs send neither header; a browser cannot be made to leave both out."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


async def _watched(app: ASGIApp, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
    left = asyncio.Event()
    stop = threading.Event()
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        if unread:
            return unread.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stop.set()
        left.set()

    gone.set(stop)
    watcher = asyncio.create_task(watch())
    try:
        await app(scope, replay, send)
    finally:
        stop.set()
        watcher.cancel()
