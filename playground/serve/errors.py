"""What went wrong, in the shape that the caller's client reads."""

from __future__ import annotations

from typing import Literal

from starlette.responses import JSONResponse

from playground.core.errors import (
    BackendError,
    Busy,
    DeviceUnavailable,
    DiskFull,
    InvalidInput,
    ModelEnded,
    ModelNotFound,
    ModelUnsuitable,
    OutOfMemory,
    PlaygroundError,
)

# "rerank" is Cohere's and Jina's, "any" is all of them: for what is refused before anything tells the client apart.
Shape = Literal["openai", "rerank", "tei", "any"]

OPENAI_PATHS = ("/v1/embeddings", "/embeddings", "/v1/models")
RERANK_PATHS = ("/v1/rerank", "/v2/rerank")

# SDKs ask again after 5xx, 408 and 429, so what asking again cannot change is a 4xx.
STATUSES: tuple[tuple[type[PlaygroundError], int], ...] = (
    (InvalidInput, 400),
    (ModelNotFound, 404),
    (ModelUnsuitable, 400),
    (DeviceUnavailable, 400),
    (OutOfMemory, 503),
    (DiskFull, 503),
    (ModelEnded, 503),
    (BackendError, 502),
    (Busy, 429),
)
OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
TEI_TYPES = {429: "Overloaded", 503: "Unhealthy"}


class Refused(Exception):
    """A request that is not run, in one sentence. It never reaches the page, so it has no translation.

    Args:
        code: what a program can go by; OpenAI's word where it has one.
    """

    def __init__(self, status: int, sentence: str, code: str | None = None, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def busy() -> Refused:
    """For now; SDKs ask again by themselves."""
    return Refused(429, "Too many requests are under way. Try again in a moment.", Retry_After="1")


def refusal_of(error: PlaygroundError) -> Refused:
    """The error as an answer."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    code = "model_not_found" if isinstance(error, ModelNotFound) else None
    return Refused(status, str(error), code)


def shape_of(path: str) -> Shape:
    """What clients of this path read."""
    path = path.rstrip("/")
    return "openai" if path in OPENAI_PATHS else "rerank" if path in RERANK_PATHS else "any"


def answer(refused: Refused, shape: Shape) -> JSONResponse:
    """The refusal as JSON: Cohere's SDK reads `message`, clients of Jina `detail`, those of OpenAI and TEI `error`."""
    sentence, status = str(refused), refused.status
    flat = {"message": sentence, "detail": sentence}
    tei = {"error": sentence, "error_type": TEI_TYPES.get(status, "Validation" if status < 500 else "Backend")}
    kind = OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    openai = {"error": {"message": sentence, "type": kind, "param": None, "code": refused.code}}
    bodies: dict[Shape, dict[str, object]] = {"openai": {**openai}, "rerank": {**flat}, "tei": {**tei}}
    return JSONResponse(bodies.get(shape, {**flat, **tei}), status, headers=refused.headers)
