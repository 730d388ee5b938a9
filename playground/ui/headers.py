"""What stands before the page: headers that take rights from it, and requests that never reach it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.visitors import Rate

TOO_LONG: Final = "This request is too long."
INLINE: Final = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
# Hugging Face shows a Space in a frame of its own page.
SPACE_FRAMES: Final = ("https://huggingface.co", "https://*.huggingface.co", "https://*.hf.space")
# gradio would fetch any public address for anybody, and has spaces of other people to offer.
FETCHING: Final = re.compile(r"/gradio_api/(file=\s*(\w+:)?[/\\]{2}|proxy=)", re.IGNORECASE)
UPLOADS: Final = "/gradio_api/upload"
LOGINS_PER_MINUTE: Final = 10
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Where gradio takes events, files and passwords. Other paths belong to programs, which come from anywhere.
EVENTS: Final = re.compile(r"/(gradio_api|login|logout)(/|$)")


def policy(scripts: Iterable[bytes], frames: Iterable[str] = ()) -> str:
    """The Content-Security-Policy of a page: scripts and requests of its own host only, and these inline scripts.

    gradio compiles the templates of `gr.HTML` in the browser, hence 'unsafe-eval'; it and plotly write style
    attributes. Plotly draws pictures by way of data and blob addresses,
    which hold their content themselves.

    Args:
        frames: sites that may show the page in a frame, beside itself.
    """
    hashes = dict.fromkeys(base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self' 'unsafe-eval'", *(f"'sha256-{each}'" for each in hashes))),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'self'",
            " ".join(("frame-ancestors 'self'", *frames)),
        )
    )


def inline_scripts(html: bytes) -> list[bytes]:
    """What stands in the script elements of a page, byte for byte."""
    return INLINE.findall(html)


class SafeHeaders:
    """Every answer with the headers that take rights away from it.

    Args:
        later: inline scripts that gradio adds to the page once it runs.
        frames: as `policy` has them.
    """

    def __init__(self, app: ASGIApp, later: Iterable[bytes] = (), frames: Iterable[str] = ()) -> None:
        self._app = app
        self._later = tuple(later)
        self._frames = tuple(frames)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds an HTML page back until it is whole, for its scripts are named by their hashes; streams all else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page: list[bytes] = []
        start: Message | None = None

        async def guarded(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if _is_html(message):
                    start = message
                    return
                # Nothing of it runs, should a browser ever take it for a page: uploaded files come back this way.
                self._protect(message, "default-src 'none'; sandbox; frame-ancestors 'self'")
            elif start is not None:
                page.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                html = b"".join(page)
                self._protect(start, policy((*inline_scripts(html), *self._later), self._frames))
                await send(start)
                message = {"type": "http.response.body", "body": html}
            await send(message)

        await self._app(scope, receive, guarded)

    def _protect(self, message: Message, allowed: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["Content-Security-Policy"] = allowed
        headers["X-Content-Type-Options"] = "nosniff"
        # The address of a run is its key on one's own machine.
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


class Door:
    """Refuses what no visitor of the page asks for.

    Args:
        most_bytes: of the body of a request; gradio counts those of uploaded files itself.
        events: of one address, within a minute; None sets no limit.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, events: int | None = None) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._events = None if events is None else Rate(events)
        self._logins = Rate(LOGINS_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reading stays free: what it answers another site's page cannot see."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await JSONResponse({"detail": refusal[1]}, refusal[0])(scope, receive, send)
                return
            if scope["path"] != UPLOADS:
                receive = self._counted(receive)
        try:
            await self._app(scope, receive, send)
        except _TooLongError:
            await JSONResponse({"detail": TOO_LONG}, 413)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        path, headers = scope["path"], Headers(scope=scope)
        if FETCHING.match(path):
            return 403, "This page fetches nothing from other servers."
        if scope["method"] in READING:
            return None
        if EVENTS.match(path) and not is_own(headers):
            return 403, "This request came from the page of another site."
        length = headers.get("content-length", "0")
        if path != UPLOADS and (not length.isdecimal() or int(length) > self._most_bytes):
            return 413, TOO_LONG
        address = scope["client"][0] if scope.get("client") else ""
        if path.rstrip("/") == "/login" and not self._logins.take(address):
            return 429, "Too many sign-ins from your address. Wait a minute. 您的地址登录次数过多，请等一分钟。"
        if self._events is not None and EVENTS.match(path) and not self._events.take(address):
            return 429, "Too many requests from your address. Wait a minute. 您的地址请求过多，请等一分钟。"
        return None

    def _counted(self, receive: Receive) -> Receive:
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._most_bytes:
                raise _TooLongError
            return message

        return counted


class _TooLongError(Exception):
    """Ends a request whose body said nothing of its length."""


def is_own(headers: Headers) -> bool:
    """Whether a request comes from this page or from a program, going by what a browser always adds."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {headers.get("host"), headers.get("x-forwarded-host")}
