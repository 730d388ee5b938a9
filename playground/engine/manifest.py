"""The full record of a run, as JSON-ready values: enough to show it without the model, and to run it again."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from playground import __version__
from playground.core.errors import InvalidInput
from playground.core.scales import Scale
from playground.core.types import ModelChoice, ModelSpec, Passage, RerankRequest, RerankResult, ScoredPassage
from playground.core.windows import Window, WindowsRead, told

SCHEMA = 1
PACKAGES = ("torch", "transformers", "tokenizers", "numpy")


def manifest(result: RerankResult, choice: ModelChoice, *, now: datetime | None = None) -> dict[str, object]:
    """The record; `json.dumps` writes every float so that it comes back bit for bit.

    An infinite end of a scale is None, because JSON has no infinity.

    Args:
        choice: what was asked for; what really ran is in the result.
        now: when the run was made, with its zone.
    """
    return {
        "schema": SCHEMA,
        "created_at": (now or datetime.now(UTC)).isoformat(),
        "versions": versions(),
        "settings": asdict(choice),
        **request_fields(result.request),
        **result_fields(result),
    }


def request_fields(request: RerankRequest) -> dict[str, object]:
    """The part of a record that says what was asked."""
    return {
        "query": request.query,
        "instruction": request.instruction,
        "passages": [_passage(passage) for passage in request.passages],
    }


def result_fields(result: RerankResult) -> dict[str, object]:
    """The part of a record that says what came out, without the request."""
    return {
        "spec": asdict(result.spec) | {"replaced": list(result.spec.replaced)},
        "scale": asdict(result.scale) | {"low": _bound(result.scale.low), "high": _bound(result.scale.high)},
        "scored": [_scored(scored) for scored in result.scored],
        "missing": list(result.missing),
        "seconds": result.seconds,
        "n_tokens": result.n_tokens,
        "n_cached": result.n_cached,
        "warnings": list(result.warnings),
        "instruction_used": result.instruction,
    }


def from_manifest(record: Mapping[str, object]) -> tuple[RerankResult, ModelChoice]:
    """The result and the choice that `manifest` recorded.

    Raises:
        InvalidInput: the record is no run, is damaged, or was written by a newer playground.
    """
    check_schema(record)
    if record.get("kind") == "comparison":
        raise InvalidInput("This is a saved comparison. Open it in the Compare view.")
    if record.get("kind") == "funnel":
        raise InvalidInput("This is a saved funnel. Open it in the Funnel view.")
    with damage_named():
        return read_result(dict(record), read_request(dict(record))), read_choice(record["settings"])


def check_schema(record: Mapping[str, object]) -> None:
    """Whether this playground can read the record.

    Raises:
        InvalidInput: it is no record of ours, or was written by a newer playground.
    """
    schema = record.get("schema")
    if not isinstance(schema, int):
        raise InvalidInput("This is not a run saved by the playground.")
    if schema > SCHEMA:
        raise InvalidInput(
            "This run was saved by a newer playground (format {schema}). Update to open it.", schema=schema
        )


@contextmanager
def damage_named() -> Iterator[None]:
    """Says in a sentence that a record lacks something or holds something else.

    Raises:
        InvalidInput: it does.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InvalidInput("This saved run is damaged: {detail}.", detail=f"{type(error).__name__} {error}") from error


def versions() -> dict[str, str | None]:
    """Versions of what computed the numbers, read without importing it; None where it is not installed."""
    return {"python": platform.python_version(), "playground": __version__} | {
        name: version_of(name) for name in PACKAGES
    }


@cache
def version_of(package: str) -> str | None:
    # Kept: it is read from a file, milliseconds each time.
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _passage(passage: Passage) -> dict[str, object]:
    return {"id": passage.id, "text": passage.text, "label": passage.label, "meta": _plain(passage.meta)}


def _plain(value: object) -> object:
    """The value as JSON can hold it; what JSON has no word for becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _scored(scored: ScoredPassage) -> dict[str, object]:
    return {
        "index": scored.index,
        "rank": scored.rank,
        "tied": scored.tied,
        "logit": scored.logit,
        "score": scored.score,
        "n_tokens": scored.n_tokens,
        "n_cut": scored.n_cut,
        "n_chars_read": scored.n_chars_read,
        "cached": scored.cached,
        **({} if scored.windows is None else {"windows": asdict(scored.windows)}),
    }


def _read_scored(record: dict[str, Any], request: RerankRequest) -> ScoredPassage:
    read_in = record.get("windows")
    if read_in is not None:
        windows = tuple(Window(**window) for window in read_in["windows"])
        read_in = WindowsRead(windows, tuple(read_in["best"]))
    return ScoredPassage(passage=request.passages[record["index"]], **record | {"windows": read_in})


def read_request(record: dict[str, Any]) -> RerankRequest:
    """What `request_fields` recorded."""
    passages = tuple(Passage(**passage) for passage in record["passages"])
    return RerankRequest(record["query"], passages, record["instruction"])


def read_choice(settings: Any) -> ModelChoice:
    """The choice that was recorded."""
    return ModelChoice(**told(settings))


def read_result(record: dict[str, Any], request: RerankRequest) -> RerankResult:
    """What `result_fields` recorded, for its request."""
    scale = record["scale"]
    low, high = scale["low"], scale["high"]
    return RerankResult(
        request=request,
        spec=ModelSpec(**told(record["spec"]) | {"replaced": tuple(record["spec"]["replaced"])}),
        scale=Scale(**scale | {"low": -math.inf if low is None else low, "high": math.inf if high is None else high}),
        scored=tuple(_read_scored(scored, request) for scored in record["scored"]),
        missing=tuple(record["missing"]),
        seconds=record["seconds"],
        n_tokens=record["n_tokens"],
        n_cached=record["n_cached"],
        warnings=tuple(record["warnings"]),
        # Records from before embedders ranked have none: a reranker's is its request's.
        instruction=record.get("instruction_used", request.instruction or ""),
    )
