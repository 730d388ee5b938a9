"""Bodies become requests of the engine, and its results become answers."""

from __future__ import annotations

import base64
import threading
import uuid
from typing import Any

import playground
from playground.core.errors import PlaygroundError
from playground.core.types import ModelSpec, RerankResult, ScoredPassage
from playground.engine.texts import TextVectors
from playground.models import bm25, catalog
from playground.models.named import is_folder, parse_choice
from playground.serve.errors import Refused
from playground.serve.schemas import (
    Body,
    DocumentAnswer,
    Embedded,
    EmbeddingsAnswer,
    EmbeddingsBody,
    Models,
    Ranked,
    RerankAnswer,
    RerankBody,
    ScaleAnswer,
    ServedModel,
    TeiBody,
    TeiInfo,
    TeiRank,
    ThresholdAnswer,
    Usage,
)
from playground.serve.served import Kept, Served, bounds, request_of, score_is
from playground.serve.work import MOST_AT_ONCE

UNREAD = "Not read here: {names}."


def rerank(served: Served, body: RerankBody, version: str, stop: threading.Event) -> RerankAnswer:
    """The documents, best first, in the shape that Cohere, Jina and infinity share.

    Args:
        version: of Cohere's API.

    Raises:
        PlaygroundError, Refused, Left: as `Served`.
    """
    choice = served.choice(body.model, served.reranker(), body.max_length)
    result = served.rerank(request_of(body.query, body.documents, body.instruction), choice, stop)
    kept = None if body.threshold is None else served.kept(body.threshold, result)
    return RerankAnswer(
        **_of_spec(result.spec, body, result.warnings),
        id=uuid.uuid4().hex,
        results=[_ranked(each, body, kept) for each in result.scored[: body.top_n]],
        score_is=f"the {result.scale.name}: the raw output" if body.raw_scores else score_is(result.scale),
        scale=ScaleAnswer(name=result.scale.name, level=result.scale.level, **bounds(result.scale)),
        instruction=result.instruction,
        threshold=None if kept is None else _threshold(kept),
        n_cached=result.n_cached,
        usage=_usage(result),
        meta={"api_version": {"version": version}},
    )


def tei_rerank(served: Served, body: TeiBody, stop: threading.Event) -> list[TeiRank]:
    """The texts, best first, as Text Embeddings Inference answers.

    Raises:
        PlaygroundError, Refused, Left: as `Served`.
    """
    choice = served.choice(body.model, served.reranker(), body.max_length)
    result = served.rerank(request_of(body.query, body.texts), choice, stop)
    if body.truncate is False and any(each.n_cut is None for each in result.scored):
        raise Refused(400, f"How much {result.spec.model_id} reads of a text is not known here. Leave `truncate` out.")
    cut = next((each for each in result.scored if each.n_cut), None)
    if cut is not None and body.truncate is False:
        raise Refused(
            413,
            f"Text {cut.index} is longer than {result.spec.model_id} reads: {cut.n_cut} tokens would be cut. Shorten "
            "it, or leave `truncate` out.",
        )
    return [
        TeiRank(
            index=each.index,
            score=each.logit if body.raw_scores else each.score,
            text=body.texts[each.index] if body.return_text else None,
        )
        for each in result.scored
    ]


def embeddings(served: Served, body: EmbeddingsBody, stop: threading.Event) -> EmbeddingsAnswer:
    """One vector of length 1 for each text, in input order.

    Raises:
        PlaygroundError, Refused, Left: as `Served`.
    """
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not texts:
        raise Refused(400, "There are no texts in `input`. Give at least one.")
    choice = served.choice(body.model, served.embedder(), body.max_length)
    made = served.embed(texts, choice, "query" if body.input_type == "query" else "passage", stop)
    n_dimensions = made.vectors.shape[1]
    if body.dimensions not in (None, 0, n_dimensions):
        raise Refused(400, f"{made.spec.model_id} gives vectors of {n_dimensions} numbers. Leave `dimensions` out.")
    return EmbeddingsAnswer(
        **_of_spec(made.spec, body, made.warnings),
        data=[
            Embedded(index=place, embedding=vector, tokens_read=read.n_tokens, tokens_cut=read.n_cut)
            for place, (vector, read) in enumerate(zip(_vectors(made, body.encoding_format), made.read, strict=True))
        ],
        instruction=made.instruction,
        n_cached=made.n_cached,
        usage=_usage(made),
    )


def models(served: Served) -> Models:
    """What a request may name without a download: the models of the start, the built-in ones and those in memory."""
    loaded = {each.spec.model_id for each in served.engine.loaded()}
    if served.settings.public:
        # The path of a model that a visitor trained is the key to it.
        loaded = {model_id for model_id in loaded if not is_folder(model_id)}
    named = (parse_choice(model)[0] for model in served.settings.models)
    ids = dict.fromkeys([*named, catalog.BUILT_IN_RERANKER, catalog.BUILT_IN_EMBEDDER, bm25.MODEL_ID, *sorted(loaded)])
    return Models(data=[_model(served, model_id, loaded=model_id in loaded) for model_id in ids])


def tei_info(served: Served, stop: threading.Event) -> TeiInfo:
    """As Text Embeddings Inference describes itself.

    Raises:
        PlaygroundError, Left: as `Served`.
    """
    spec = served.spec(stop)
    kind: dict[str, dict[str, Any]] = {"embedding": {}}
    if spec.kind == "reranker":
        kind = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}}
    return TeiInfo(
        model_id=spec.model_id,
        model_sha=spec.revision,
        model_dtype=spec.precision,
        model_type=kind,
        max_input_length=spec.max_length,
        max_client_batch_size=served.engine.limits.passages,
        max_concurrent_requests=MOST_AT_ONCE,
        version=f"rerank-playground {playground.__version__}",
    )


def _of_spec(spec: ModelSpec, body: Body, warnings: tuple[str, ...]) -> dict[str, Any]:
    unread = [UNREAD.format(names=", ".join(body.unread))] if body.unread else []
    return {
        "model": spec.model_id,
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "device": spec.device,
        "precision": spec.precision,
        "max_length": spec.max_length,
        "warnings": [*warnings, *unread],
    }


def _ranked(each: ScoredPassage, body: RerankBody, kept: Kept | None) -> Ranked:
    return Ranked(
        index=each.index,
        relevance_score=each.logit if body.raw_scores else each.score,
        document=DocumentAnswer(text=body.documents[each.index]) if body.return_documents else None,
        logit=each.logit,
        tokens_read=each.n_tokens,
        tokens_cut=each.n_cut,
        keep=None if kept is None else each.logit >= kept.threshold.value,
    )


def _threshold(kept: Kept) -> ThresholdAnswer:
    threshold = kept.threshold
    return ThresholdAnswer(
        name=threshold.name, value=threshold.value, scale=threshold.scale.name, warnings=list(kept.warnings)
    )


def _usage(made: RerankResult | TextVectors) -> Usage:
    return Usage(prompt_tokens=made.n_tokens, total_tokens=made.n_tokens)


def _vectors(made: TextVectors, encoding: str) -> list[Any]:
    if encoding == "float":
        return list(made.vectors.tolist())
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in made.vectors]


def _model(served: Served, model_id: str, *, loaded: bool) -> ServedModel:
    try:
        kind: str = served.engine.kind_of(model_id)
    except PlaygroundError:
        kind = "unknown"
    owner = model_id.split("/")[0] if "/" in model_id else "rerank-playground"
    return ServedModel(id=model_id, owned_by=owner, kind=kind, loaded=loaded)
