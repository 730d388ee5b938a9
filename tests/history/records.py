"""Manifests as the engine makes them, small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def manifest(
    query: str = "what is panda?",
    passages: Sequence[str] = ("hi", "The giant panda is a bear."),
    *,
    model_id: str = "built-in/mini-reranker",
    created_at: str | None = "2026-05-01T12:00:00+00:00",
    logits: Sequence[float] | None = None,
) -> dict[str, object]:
    """A run over `passages`; the longer a passage, the better it does."""
    scores = list(logits or [len(text) / 7 for text in passages])
    order = sorted(range(len(passages)), key=lambda index: -scores[index])
    moment: Mapping[str, object] = {} if created_at is None else {"created_at": created_at}
    return {
        **moment,
        "spec": {
            "model_id": model_id,
            "revision": "abc123",
            "fingerprint": "f00",
            "device": "cpu",
            "precision": "fp32",
        },
        "scale": {"name": "logit", "low": float("-inf"), "high": float("inf"), "level": False},
        "query": query,
        "passages": [
            {"id": str(place), "text": text, "label": None, "meta": {"$text": "kept", "row": place}}
            for place, text in enumerate(passages, start=1)
        ],
        "scored": [
            {"passage_id": str(index + 1), "index": index, "rank": rank, "logit": scores[index]}
            for rank, index in enumerate(order, start=1)
        ],
        "seconds": 0.1 + 0.2,
        "versions": {"zeta": "1", "alpha": "2"},
    }
