"""The same results without the page."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import LabelledSet, SetScores
from playground.core.types import (
    Comparison,
    DeviceName,
    EmbeddingResult,
    Kind,
    ModelChoice,
    Passage,
    PrecisionName,
    RerankRequest,
    RerankResult,
    Truncation,
)
from playground.core.windows import Windows
from playground.engine.engine import Engine
from playground.engine.set_scoring import collected
from playground.models.catalog import BUILT_IN_EMBEDDER, BUILT_IN_RERANKER, find
from playground.models.named import parse_choice, split

_lock = threading.Lock()
_engine: Engine | None = None


def rerank(
    query: str,
    passages: Iterable[str | Passage],
    model: str | None = None,
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    max_length: int | None = None,
    truncation: Truncation = "only_second",
    instruction: str | None = None,
    kind: Kind | None = None,
    windows: Windows | None = None,
) -> RerankResult:
    """The passages by relevance to the query; iterate the result for `ScoredPassage`s, best first.

    Models stay loaded and scores stay known for the life of the process.

    Args:
        model: a Hub id (with an optional `@revision`), a local folder or a catalogue id; None takes the reranker that
            ships with the playground.
        max_length: tokens of query, passage and special tokens together; None takes the model's.
        kind: "embedder" ranks by cosine; None takes the catalogue's, and a reranker for a model it does not know.
        windows: how passages that are too long are read in parts; None cuts them.

    Raises:
        PlaygroundError: a sentence that says what happened and what to try.
    """
    request = _request(query, passages, instruction)
    model_id, revision = _parsed(model, BUILT_IN_RERANKER)
    kind = kind or _kind(model_id)
    choice = ModelChoice(model_id, revision, kind, device, precision, max_length, truncation, windows=windows)
    result = None
    for progress in engine().rerank(request, choice):
        result = progress.result
    assert result is not None
    return result


def embed(
    query: str,
    passages: Iterable[str | Passage],
    model: str | None = None,
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    max_length: int | None = None,
    instruction: str | None = None,
) -> EmbeddingResult:
    """The vectors of a query and its passages, as numpy arrays of float32.

    `query_vector` is (dim,), `passage_vectors` (n_passages, dim), all of length 1; `query_cosines()` is (n_passages,)
    and `passage_cosines()` (n_passages, n_passages). Texts stay known for the life of the process.

    Args:
        model: an embedder, named as in `rerank`; None takes the one that ships with the playground.
        instruction: what goes before the query, never before a passage: None takes the model's own, "" none.

    Raises:
        PlaygroundError: a sentence that says what happened and what to try.
    """
    model_id, revision = _parsed(model, BUILT_IN_EMBEDDER)
    choice = ModelChoice(model_id, revision, "embedder", device, precision, max_length)
    result = None
    for step in engine().embed(_request(query, passages, None), choice, instruction=instruction):
        result = step.result
    assert result is not None
    return result


def compare(
    query: str,
    passages: Iterable[str | Passage],
    models: Sequence[str | ModelChoice],
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    instruction: str | None = None,
) -> Comparison:
    """The same passages through several models, one after another.

    A model that fails keeps its error in its run; see `playground.tables` for DataFrames of what comes back.

    Args:
        models: ids of rerankers and embedders, "bm25" for the keyword baseline; a `ModelChoice` for settings of its
            own, such as another precision.
        device, precision: for the models given by id.

    Raises:
        InvalidInput: bad passages, no model, or one twice with the same settings.
    """
    if isinstance(models, str):
        raise InvalidInput("Give the models as a list of ids, not as one text.")
    choices = [model if isinstance(model, ModelChoice) else _choice(model, device, precision) for model in models]
    comparison = None
    for progress in engine().compare(_request(query, passages, instruction), choices):
        comparison = progress.comparison
    assert comparison is not None
    return comparison


def score_set(
    labelled: LabelledSet,
    model: str | None = None,
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    max_length: int | None = None,
    truncation: Truncation = "only_second",
    instruction: str | None = None,
    kind: Kind | None = None,
    windows: Windows | None = None,
) -> SetScores:
    """The raw outputs of one model for every pair of a labelled set.

    Args:
        model, max_length, kind, windows: as in `rerank`.
        instruction: what goes before the queries; None takes an embedder's own, and none for a reranker.

    Raises:
        PlaygroundError: a sentence that says what happened and what to try; it names the query where it is about one.
    """
    model_id, revision = _parsed(model, BUILT_IN_RERANKER)
    kind = kind or _kind(model_id)
    choice = ModelChoice(model_id, revision, kind, device, precision, max_length, truncation, windows=windows)
    scores = collected(labelled, engine().score_set(labelled, choice, instruction=instruction))
    assert scores is not None
    return scores


def engine() -> Engine:
    """The engine of this process, made on first use. `HF_HUB_OFFLINE=1` keeps it off the network."""
    global _engine
    with _lock:
        if _engine is None:
            offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
            _engine = Engine(offline=offline)
        return _engine


def _named(place: int, passage: str | Passage) -> Passage:
    return passage if isinstance(passage, Passage) else Passage(str(place), passage)


def _request(query: str, passages: Iterable[str | Passage], instruction: str | None) -> RerankRequest:
    if isinstance(passages, str):
        raise InvalidInput("Give the passages as a list of texts, not as one text.")
    return RerankRequest(query, tuple(_named(place, text) for place, text in enumerate(passages, 1)), instruction)


def _choice(model: str, device: DeviceName, precision: PrecisionName) -> ModelChoice:
    model_id, revision = _parsed(model, BUILT_IN_RERANKER)
    try:
        kind = engine().kind_of(model_id, revision)
    except PlaygroundError:
        # The run itself says what is wrong, in this model's own column.
        kind = "reranker"
    return ModelChoice(model_id, revision, kind, device, precision)


def _kind(model_id: str) -> Kind:
    entry = find(split(model_id).name)
    return "reranker" if entry is None else entry.kind


def _parsed(model: str | None, default: str) -> tuple[str, str | None]:
    if model is None:
        return default, None
    model_id, revision = parse_choice(model)
    return model_id, revision
