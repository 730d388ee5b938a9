"""What stands before every endpoint: who may ask, and how much and how slowly. Reads the whole body first."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.core.limits import Limits
from playground.serve.errors import Refused, answer, busy, shape_of

# Of no use to a foreign site, and asked for by monitors and browsers.
OPEN = ("/health", "/docs", "/openapi.json")
# JSON may write a letter as \uXXXX.
BYTES_OF_A_CHARACTER = 6
OTHER_BYTES = 1_000_000
# Between two pieces of a body, and for all of it.
IDLE_SECONDS = 20.0
BODY_SECONDS = 300.0
# Of all requests together, as a multiple of the largest body.
MOST_BODIES = 4

# Set when the client of the request under way has gone.
gone: ContextVar[threading.Event] = ContextVar("gone")
# The address of its client; empty for one that knows the key.
asked_from: ContextVar[str] = ContextVar("asked_from", default="")


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
        self._n_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses, or answers through the app and sets `gone` where the client leaves before that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host, _ = scope.get("client") or ("", 0)
        asked_from.set("" if self._key is not None else host)
        refused, parts, n_bytes = self._refusal(scope), list[bytes](), 0
        try:
            async for part in self._pieces(receive):
                parts.append(part)
                self._n_held += len(part)
                n_bytes += len(part)
                refused = refused or self._too_much(n_bytes)
                if refused is not None:
                    # A client that is cut off while it still sends would never read why: the rest comes and is dropped.
                    self._drop(parts)
            if refused is None:
                parts[:] = [b"".join(parts)]
                await _watched(self._app, scope, receive, send, parts[0])
            else:
                await answer(refused, shape_of(scope["path"]))(scope, receive, send)
        except Refused as late:
            await answer(refused or late, shape_of(scope["path"]))(scope, receive, send)
        except ClientDisconnect:
            return
        finally:
            self._drop(parts)

    def _refusal(self, scope: Scope) -> Refused | None:
        """What the head of the request is refused for."""
        headers = Headers(scope=scope)
        if scope["path"].rstrip("/") in OPEN and scope["method"] in ("GET", "HEAD"):
            return None
        if self._key is not None and not _same(_sent_key(headers), self._key):
            sentence = "The API key is missing or wrong. Send it as `Authorization: Bearer KEY`."
            return Refused(401, sentence, "invalid_api_key", WWW_Authenticate="Bearer")
        if self._key is None and _from_foreign_page(headers):
            # A page of another site can make a browser send requests here, but it cannot know a key.
            sentence = "Web pages of other sites may not use this server without a key. Start it with --api-key."
            return Refused(403, sentence)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            return Refused(415, "Send the body as JSON, with `Content-Type: application/json`.")
        declared = headers.get("content-length", "")
        return self._too_much(int(declared)) if declared.isdecimal() else None

    def _too_much(self, n_bytes: int) -> Refused | None:
        if n_bytes > self._most_bytes:
            return Refused(413, f"The body is larger than {self._most_bytes / 1e6:,.0f} MB. Send the texts in parts.")
        if self._n_held > MOST_BODIES * self._most_bytes:
            return busy()
        return None

    async def _pieces(self, receive: Receive) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            Refused: it comes too slowly.
            ClientDisconnect: the client has gone.
        """
        clock = asyncio.get_running_loop().time
        ends, more = clock() + self._body_seconds, True
        while more:
            try:
                message = await asyncio.wait_for(receive(), min(ends - clock(), self._idle_seconds))
            except TimeoutError:
                raise Refused(408, "The body came too slowly. Send it again.", Connection="close") from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = message.get("more_body", False)
            yield message.get("body", b"")

    def _drop(self, parts: list[bytes]) -> None:
        self._n_held -= sum(map(len, parts))
        parts.clear()


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
