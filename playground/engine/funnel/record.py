"""A run of the funnel as a record: what each stage was given and gave, enough to show it without corpus or model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from playground.core.errors import InvalidInput
from playground.core.funnel import FirstStage, Found, FunnelRequest, FunnelResult, passages_of
from playground.core.types import RerankRequest
from playground.engine import threshold_files
from playground.engine.comparison_record import read_run, run_fields
from playground.engine.funnel.stages import refusal
from playground.engine.manifest import SCHEMA, check_schema, damage_named, read_request, request_fields, versions

KIND = "funnel"


def is_funnel(record: Mapping[str, object]) -> bool:
    """Whether a record of history is a funnel's."""
    return record.get("kind") == KIND


def manifest(result: FunnelResult, *, now: datetime | None = None) -> dict[str, object]:
    """The full record as JSON-ready values; history lists it by its query, its rerankers and the best answer.

    Args:
        now: when the run was made, with its zone.
    """
    first, asked = result.retrieved, result.request
    assert first is not None
    request = _all_found(result)
    answer = result.answer or tuple(one.passage.id for one in first.found[:1])
    places = {one.passage.id: place for place, one in enumerate(first.found)}
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "created_at": (now or datetime.now(UTC)).isoformat(),
        "versions": versions(),
        "spec": {
            "model_id": " + ".join(choice.model_id for choice in asked.rerankers) or first.kind,
            "revision": None,
            "device": "",
            "precision": "",
        },
        "scored": [{"index": places[id], "rank": rank} for rank, id in enumerate(answer[:1], 1)],
        **request_fields(request),
        "funnel": {
            "corpus_id": asked.corpus_id,
            "corpus_name": asked.corpus_name,
            "kind": asked.kind,
            "k": asked.k,
            "keep": list(asked.keep),
            "weights": asked.weights,
            "threshold": None if asked.threshold is None else json.loads(threshold_files.to_json(asked.threshold)),
            "threshold_id": "" if asked.threshold is None else asked.threshold.id,
        },
        "retrieved": asdict(replace(first, found=())) | {"found": [one.score for one in first.found]},
        "runs": [run_fields(run, request) for run in result.stages],
    }


def from_manifest(record: Mapping[str, object]) -> FunnelResult:
    """The result that `manifest` recorded.

    Raises:
        InvalidInput: the record is no funnel, is damaged, or was written by a newer playground.
    """
    check_schema(record)
    if not is_funnel(record):
        raise InvalidInput("This is not a saved funnel. Open it in the view that it was made in.")
    with damage_named():
        fields: dict[str, Any] = dict(record)
        request, asked, first = read_request(fields), fields["funnel"], fields["retrieved"]
        scores = zip(request.passages, first["found"], strict=True)
        found = tuple(Found(passage, rank, score) for rank, (passage, score) in enumerate(scores, 1))
        stages = tuple(read_run(run, request) for run in fields["runs"])
        threshold = asked["threshold"]
        if threshold is not None:
            threshold = replace(threshold_files.from_json(json.dumps(threshold)), id=asked["threshold_id"])
        result = FunnelResult(
            FunnelRequest(
                query=request.query,
                corpus_id=asked["corpus_id"],
                corpus_name=asked["corpus_name"],
                kind=asked["kind"],
                k=asked["k"],
                rerankers=tuple(run.choice for run in stages),
                keep=tuple(asked["keep"]),
                instruction=request.instruction,
                threshold=threshold,
                weights=tuple(asked["weights"]) if asked.get("weights") else None,
            ),
            FirstStage(**first | {"found": found}),
            stages,
        )
        return replace(result, refused=refusal(result))


def _all_found(result: FunnelResult) -> RerankRequest:
    ids = [one.passage.id for one in result.found]
    return RerankRequest(result.request.query, tuple(passages_of(result, ids)), result.request.instruction)
