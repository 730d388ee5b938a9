"""One request to one server: bounded in time and size, tried again where that may help, never redirected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from playground.core.errors import BackendError

# A score of a passage takes about fifty bytes; some servers send the texts back.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_QUOTED = 200
# Worth another try: too many requests, and what a server or a proxy before it says while it starts or is full.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        answer_seconds: from the request to the last byte.
        attempts: of a request that failed in a way that may pass.
        first_wait_seconds, most_wait_seconds: between two of them; they double, with chance, and a server may ask for
            more, up to the most.
    """

    connect_seconds: float = 5
    answer_seconds: float = 120
    attempts: int = 4
    first_wait_seconds: float = 0.5
    most_wait_seconds: float = 30


PATIENT = Patience()


@dataclass(frozen=True, slots=True)
class Reply:
    body: Any
    headers: Mapping[str, str]


class _MayPass(Exception):
    """Args: wait: seconds that the server asks for."""

    def __init__(self, error: BackendError, wait: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Transport:
    """Requests with one key, over connections that are kept. An async context manager.

    Args:
        key: sent as a bearer token, and found in no message.
    """

    def __init__(self, key: str = "", patience: Patience = PATIENT) -> None:
        self._key = key
        self._patience = patience

    async def __aenter__(self) -> Transport:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "rerank-playground"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = httpx.Timeout(None, connect=self._patience.connect_seconds)
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False)
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._client.aclose()

    async def send(self, url: str, body: Mapping[str, Any] | None = None) -> Reply:
        """The answer to a POST of the body, or to a GET where there is none.

        Raises:
            BackendError: no answer, or one that is no JSON of this server's own.
        """
        patience = self._patience
        backoff = wait_random_exponential(patience.first_wait_seconds, patience.most_wait_seconds)

        def wait(state: RetryCallState) -> float:
            failed = state.outcome.exception() if state.outcome else None
            asked = failed.wait if isinstance(failed, _MayPass) else 0.0
            return max(min(asked, patience.most_wait_seconds), backoff(state))

        tries = AsyncRetrying(
            retry=retry_if_exception_type(_MayPass), wait=wait, stop=stop_after_attempt(patience.attempts), reraise=True
        )
        try:
            return await tries(self._once, url, body)
        except _MayPass as failed:
            raise failed.error from failed

    async def _once(self, url: str, body: Mapping[str, Any] | None) -> Reply:
        seconds = self._patience.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                method = "GET" if body is None else "POST"
                async with self._client.stream(method, url, json=body) as response:
                    return self._judged(response, await _bounded(response))
        except TimeoutError as error:
            raise BackendError("It did not answer within {n:g} seconds.", n=seconds) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise BackendError("It cannot be reached ({reason}).", reason=self._quoted(str(error))) from error
        except httpx.LocalProtocolError as error:
            # Its text quotes what was to be sent.
            raise BackendError("It cannot be asked ({reason}).", reason=type(error).__name__) from error
        except httpx.TransportError as error:
            broken = BackendError("It broke off its answer ({reason}).", reason=self._quoted(str(error)))
            raise _MayPass(broken) from error
        except (httpx.InvalidURL, httpx.DecodingError, UnicodeError) as error:
            raise BackendError("It cannot be asked ({reason}).", reason=self._quoted(str(error))) from error

    def _judged(self, response: httpx.Response, content: bytes) -> Reply:
        status = response.status_code
        text = content[: 4 * MAX_QUOTED].decode(errors="replace")
        if response.is_redirect:
            raise BackendError("It sends elsewhere ({status}), and is not followed there.", status=status)
        if status in (401, 403):
            raise BackendError("It refuses the key ({status}). Check it.", status=status)
        if status >= 400:
            said = self._quoted(_reason(content) or text)
            error = BackendError("It answered {status}: {said}", status=status, said=said)
            if status in TRANSIENT:
                raise _MayPass(error, _seconds(response.headers.get("retry-after", "")))
            raise error
        try:
            return Reply(json.loads(content), response.headers)
        except (ValueError, RecursionError) as error:
            kind = response.headers.get("content-type", "no type")[:60]
            raise BackendError("It answered no JSON ({kind}): {said}", kind=kind, said=self._quoted(text)) from error

    def _quoted(self, text: str) -> str:
        """What a server said, in one line. Some send a wrong key back."""
        text = " ".join((text.replace(self._key, "…") if self._key else text).split())
        return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise BackendError("Its answer is larger than {n} MiB.", n=MAX_ANSWER_BYTES // 1024**2)
    return bytes(content)


def _reason(content: bytes) -> str:
    """The sentence of an error, where it stands under one of the names that are usual for it; else nothing."""
    try:
        found = json.loads(content)
        for name in ("error", "message", "detail"):
            if isinstance(found, dict) and found.get(name):
                found = found[name]
    except (ValueError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _seconds(text: str) -> float:
    """What a Retry-After header asks for; 0 where it names a date or nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
