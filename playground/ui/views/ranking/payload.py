"""A result becomes what the ranking script draws: plain numbers and texts, nothing in words of one language."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

from playground.core.labels import Label
from playground.core.types import RerankResult, ScoredPassage
from playground.core.windows import WindowsRead
from playground.models import READ_APART
from playground.ui import texts
from playground.ui.components.html_parts import packed
from playground.ui.components.labels import mark, said
from playground.ui.components.model_choices import model_name
from playground.ui.texts import Phrase

MAX_STREAMED_ROWS = 50
MAX_STREAMED_CHARS = 600


def payload(
    result: RerankResult,
    *,
    labels: Sequence[Label | None] | None = None,
    run_id: str | None = None,
    streaming: bool = False,
    warnings: Sequence[Phrase] = (),
    replay: Sequence[Phrase] | None = None,
) -> dict[str, object]:
    """Everything that the ranking shows of a result.

    Args:
        labels: as stored, in step with the passages of the request.
        streaming: more will come; the best rows only, with the beginnings of their texts.
        warnings: sentences to stand beside the result's own warnings.
        replay: what changed since the run was made first.
    """
    shown = result.scored[:MAX_STREAMED_ROWS] if streaming else result.scored
    max_chars = MAX_STREAMED_CHARS if streaming else None
    scale = result.scale
    return {
        "nonce": "" if streaming else secrets.token_hex(4),
        "run_id": run_id,
        "query": result.request.query,
        "of": mark(result.request),
        "fingerprint": f"{result.spec.fingerprint} {scale.name} {result.spec.windows or ''}".strip(),
        "scale": {
            "name": scale.name,
            "level": scale.level,
            "activation": scale.activation,
            "low": scale.low if math.isfinite(scale.low) else None,
            "high": scale.high if math.isfinite(scale.high) else None,
        },
        "windows": None if result.spec.windows is None else {"by": result.spec.windows.by},
        "explains": result.spec.family in READ_APART,
        "run": _run(result),
        "rows": packed([_row(scored, None if labels is None else labels[scored.index], max_chars) for scored in shown]),
        "n_scored": len(result.scored),
        "n_total": len(result.request.passages),
        "n_missing": len(result.missing),
        "streaming": streaming,
        "warnings": [*warnings, *(texts.both(warning) for warning in result.warnings)],
        "replay": None if replay is None else list(replay),
    }


def _run(result: RerankResult) -> dict[str, object]:
    spec = result.spec
    n_new = len(result.scored) - result.n_cached
    timed = n_new > 0 and result.seconds > 0
    return {
        "model": model_name(spec.model_id),
        "model_id": spec.model_id,
        "revision": spec.revision,
        "device": spec.device,
        "precision": spec.precision,
        "seconds": result.seconds,
        "passages_per_second": n_new / result.seconds if timed else None,
        "tokens_per_second": result.n_tokens / result.seconds if timed and result.n_tokens else None,
        "n_cached": result.n_cached,
    }


def _windows(read: WindowsRead) -> dict[str, object]:
    """First and last character and raw output of each window, and the places of those that count."""
    return {"all": [[each.start, each.end, each.logit] for each in read.windows], "best": list(read.best)}


def _row(scored: ScoredPassage, label: Label | None, max_chars: int | None) -> dict[str, object]:
    text = scored.passage.text
    return {
        "id": scored.passage.id,
        "index": scored.index,
        "rank": scored.rank,
        "tied": scored.tied,
        "logit": scored.logit,
        "score": scored.score,
        "tokens": scored.n_tokens,
        "cut": scored.n_cut,
        "read": scored.n_chars_read,
        "windows": None if scored.windows is None else _windows(scored.windows),
        "text": text if max_chars is None else text[:max_chars],
        "label": scored.passage.label,
        "said": said(label),
    }
