"""What the endpoints and the tools ask of the engine and the history. Everything here runs in a worker thread."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from playground.core.errors import PlaygroundError
from playground.core.scales import Scale
from playground.core.thresholds import Threshold
from playground.core.types import Comparison, ModelChoice, ModelSpec, Passage, RerankRequest, RerankResult
from playground.engine import threshold_files
from playground.engine.engine import Engine
from playground.engine.texts import Role, TextVectors
from playground.history.store import HistoryStore
from playground.models import catalog
from playground.models.named import parse_choice
from playground.serve.errors import Refused
from playground.serve.work import Left, last
from playground.settings import Settings

# What clients send that were told of no model; the second is infinity's.
NO_MODEL = ("", "default", "default/not-specified")


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved threshold beside the scores it cuts.

    Attributes:
        warnings: what is different from the run it was chosen on.
    """

    threshold: Threshold
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """The engine of this start, as its settings say."""

    settings: Settings
    engine: Engine
    history: HistoryStore

    def reranker(self) -> str:
        """What ranks where a request names no model."""
        return self.settings.models[0] if self.settings.models else catalog.BUILT_IN_RERANKER

    def embedder(self) -> str:
        """What embeds where a request names no model: the first embedder of the start."""
        kinds = ((model, catalog.find(parse_choice(model)[0])) for model in self.settings.models)
        known = (model for model, entry in kinds if entry is not None and entry.kind == "embedder")
        return next(known, catalog.BUILT_IN_EMBEDDER)

    def choice(self, model: str | None, default: str, max_length: int | None = None) -> ModelChoice:
        """The model a request names.

        Raises:
            PlaygroundError: it cannot be found, or is no model that ranks.
        """
        named = default if model is None or model.strip() in NO_MODEL else model
        model_id, revision = parse_choice(named)
        kind = self.engine.kind_of(model_id, revision)
        return ModelChoice(model_id, revision, kind, self.settings.device, self.settings.precision, max_length)

    def rerank(self, request: RerankRequest, choice: ModelChoice, stop: threading.Event) -> RerankResult:
        """Every passage, scored.

        Raises:
            PlaygroundError: as `Engine.rerank`.
            Left: the client has gone.
        """
        result = last(self.engine.rerank(request, choice, stop=stop)).result
        assert result is not None
        return result

    def compare(self, request: RerankRequest, models: Sequence[str], stop: threading.Event) -> Comparison:
        """The request through each model; one that fails keeps its error. Raises as `rerank`."""
        choices = [self._in_comparison(model) for model in models]
        (progress,) = deque(self.engine.compare(request, choices, stop=stop), maxlen=1)
        if progress.step.phase == "stopped":
            raise Left
        return progress.comparison

    def embed(self, texts: Sequence[str], choice: ModelChoice, role: Role, stop: threading.Event) -> TextVectors:
        """Every text, embedded. Raises as `rerank`."""
        result = last(self.engine.embed_texts(texts, choice, role=role, stop=stop)).result
        assert result is not None
        return result

    def thresholds(self, name: str) -> tuple[Threshold, ...]:
        """Those saved under a name, newest first.

        Raises:
            Refused: there is none, or they belong to visitors.
            HistoryError: the file cannot be read.
        """
        if self.settings.public:
            raise Refused(400, "Saved thresholds belong to the visitors of this server; none can be named here.")
        found = self.history.thresholds.named(name)
        if not found:
            raise Refused(404, f"No saved threshold is called {name[:200]!r}. Save one in the Threshold view.")
        return found

    def kept(self, name: str, result: RerankResult) -> Kept:
        """The newest threshold of that name that holds for these scores.

        Raises:
            Refused: as `thresholds`.
            PlaygroundError: why the newest one does not hold, where none does.
        """
        threshold = threshold_files.holding(self.thresholds(name), result.spec, result.scale)
        return Kept(threshold, threshold_files.warnings(threshold, result.spec, result.instruction))

    def spec(self, stop: threading.Event) -> ModelSpec:
        """Of the model that ranks where a request names none; loads it. Raises as `rerank`."""
        return self.rerank(request_of("model", ["model"]), self.choice(None, self.reranker()), stop).spec

    def _in_comparison(self, model: str) -> ModelChoice:
        try:
            return self.choice(model, self.reranker())
        except PlaygroundError:
            # The run itself says what is wrong, in this model's own column.
            return ModelChoice(*parse_choice(model), device=self.settings.device, precision=self.settings.precision)


def request_of(query: str, texts: Sequence[str], instruction: str | None = None) -> RerankRequest:
    """Texts as passages, named by their place from 1."""
    passages = tuple(Passage(str(place), text) for place, text in enumerate(texts, 1))
    return RerankRequest(query, passages, instruction)


def score_is(scale: Scale) -> str:
    """What a display score on this scale is, in words."""
    if scale.activation == "sigmoid":
        return f"the sigmoid of the {scale.name}: a way to show it, not a probability"
    return f"the {scale.name} as the model gives it"


def bounds(scale: Scale) -> dict[str, float | None]:
    """The ends of the raw output's range; None where there is none."""
    return {
        "low": scale.low if math.isfinite(scale.low) else None,
        "high": scale.high if math.isfinite(scale.high) else None,
    }
