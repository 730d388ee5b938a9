"""A manifest apart and together again: its texts are stored once, the rest as JSON that refers to them by hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
TEXT = "$text"
"""Key of a reference: {"$text": hash}."""
PAIRS = "$pairs"
"""Key of an escape: a mapping that itself has one of these two keys, as a list of its pairs."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the list, the search and the filters need of a manifest."""

    created_at: datetime
    query: str
    passages: tuple[str, ...]
    model_id: str
    revision: str | None
    precision: str
    device: str
    top: str


def clean(text: str) -> str:
    """`text` as SQLite can store and search it: no NUL, no lone surrogate (each becomes U+FFFD)."""
    return UNSTORABLE.sub("\ufffd", text)


def hash_of(text: str) -> str:
    """Hex SHA-256 of `text` in UTF-8; `text` is clean."""
    return hashlib.sha256(text.encode()).hexdigest()


def facts(manifest: Mapping[str, object]) -> Facts:
    """The columns of a run, every text clean. What the manifest does not say is empty; `created_at` is then now."""
    passages = tuple(clean(_text_of(passage)) for passage in _sequence(manifest.get("passages")))
    spec = _mapping(manifest.get("spec"))
    revision = spec.get("revision")
    return Facts(
        created_at=_moment(manifest.get("created_at")),
        query=clean(str(manifest.get("query") or "")),
        passages=passages,
        model_id=clean(str(spec.get("model_id") or "")),
        revision=None if revision is None else clean(str(revision)),
        precision=clean(str(spec.get("precision") or "")),
        device=clean(str(spec.get("device") or "")),
        top=_top(manifest, passages),
    )


def split(manifest: Mapping[str, object], texts: Sequence[str]) -> str:
    """The manifest as JSON in which every string that is one of `texts` is a reference to it.

    A text that is not clean stays in place, so that it too comes back as it was.
    """
    hashes = {text: hash_of(text) for text in texts}
    return json.dumps(_referring(manifest, hashes), separators=(",", ":"))


def join(body: str, texts: Mapping[str, str]) -> dict[str, object]:
    """The manifest that `split` took apart.

    Args:
        texts: text by hash.
    Raises:
        KeyError: a text that the body refers to is not in `texts`.
        ValueError: the body is not JSON, or not a manifest.
    """
    manifest = _restored(json.loads(body), texts)
    if not isinstance(manifest, dict):
        raise ValueError("not a mapping")
    return cast("dict[str, object]", manifest)


def _referring(value: object, hashes: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return {TEXT: hashes[value]} if value in hashes else value
    if isinstance(value, Mapping):
        pairs = [(key, _referring(inner, hashes)) for key, inner in value.items()]
        return {PAIRS: pairs} if TEXT in value or PAIRS in value else dict(pairs)
    if isinstance(value, list | tuple):
        return [_referring(inner, hashes) for inner in value]
    return value


def _restored(value: object, texts: Mapping[str, str]) -> object:
    if isinstance(value, list):
        return [_restored(inner, texts) for inner in value]
    if not isinstance(value, dict):
        return value
    if TEXT in value:
        return texts[value[TEXT]]
    if PAIRS in value:
        return {key: _restored(inner, texts) for key, inner in value[PAIRS]}
    return {key: _restored(inner, texts) for key, inner in value.items()}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _text_of(passage: object) -> str:
    return passage if isinstance(passage, str) else str(_mapping(passage).get("text") or "")


def _moment(value: object) -> datetime:
    """`value` as UTC; now where it is no moment. A moment without a zone is taken as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return datetime.now(UTC)
    if not isinstance(value, datetime):
        return datetime.now(UTC)
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return datetime.now(UTC)


def _top(manifest: Mapping[str, object], passages: tuple[str, ...]) -> str:
    """Text of the best passage: the smallest rank under "scored" or "scores", or the largest of plain numbers."""
    entries = _sequence(manifest.get("scored") or manifest.get("scores"))
    ranked = [entry for entry in entries if isinstance(entry, Mapping)]
    if ranked:
        return _passage_of(min(ranked, key=_rank), manifest, passages)
    numbers = [(entry, index) for index, entry in enumerate(entries) if isinstance(entry, int | float)]
    if not numbers or len(entries) != len(passages):
        return ""
    return passages[max(numbers, key=lambda pair: (pair[0], -pair[1]))[1]]


def _rank(entry: Mapping[str, object]) -> float:
    rank = entry.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")


def _passage_of(entry: Mapping[str, object], manifest: Mapping[str, object], passages: tuple[str, ...]) -> str:
    """The text that a score belongs to: by its index, by its passage's id, or written beside it."""
    index = entry.get("index")
    if isinstance(index, int) and 0 <= index < len(passages):
        return passages[index]
    inner = _mapping(entry.get("passage"))
    id = next((entry[key] for key in ("passage_id", "id") if key in entry), inner.get("id"))
    for place, passage in enumerate(_sequence(manifest.get("passages"))):
        if id is not None and _mapping(passage).get("id") == id:
            return passages[place]
    return clean(_text_of(entry) or _text_of(inner))
