"""One embedding model over the workspace, step by step, and what it gives to unrelated texts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from dataclasses import replace

from playground.core.errors import ModelBroken, PlaygroundError
from playground.core.types import Background, EmbeddingResult, ModelChoice, RerankRequest
from playground.engine.background import language_of
from playground.ui import texts
from playground.ui.components.asked import Asked
from playground.ui.components.progress_line import step, step_of
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.embeddings.payload import Column, finished

log = logging.getLogger(__name__)


def embed(
    services: Services, model: str, instruction: str | None, asked: Asked, request: RerankRequest, stop: threading.Event
) -> Generator[Phrase, None, Column]:
    """The steps of one model. What goes wrong with it stays in its column."""
    try:
        choice = replace(asked._replace(model=model).choice(services), kind="embedder")
        result = None
        for made in services.engine.embed(request, choice, instruction=instruction, stop=stop):
            result = made.result
            yield step_of(made)
        if result is None:
            return Column(model)
        background, warnings = yield from _measure(services, choice, result, stop)
        yield step("embeddings.laying_out")
        return finished(model, result, background, warnings)
    except PlaygroundError as error:
        return Column(model, error=texts.of_error(error))
    except Exception as error:  # the other models are worth more than an early end
        log.exception("%s failed in the embeddings", model)
        broken = ModelBroken(
            "{model} failed in an unforeseen way ({reason}). The log has the details; the other models went on.",
            model=model,
            reason=f"{type(error).__name__}: {error}"[:200],
        )
        return Column(model, error=texts.of_error(broken))


def _measure(
    services: Services, choice: ModelChoice, result: EmbeddingResult, stop: threading.Event
) -> Generator[Phrase, None, tuple[Background | None, list[Phrase]]]:
    """What this model gives to unrelated texts. Without it the cosines still stand, with a warning."""
    try:
        background = None
        language = language_of(result.request)
        for made in services.engine.background(choice, language, instruction=result.instruction, stop=stop):
            background = made.result
            yield step("embeddings.measuring", made.done, made.total)
    except PlaygroundError as error:
        return None, [phrase("embeddings.no_background", "warn"), texts.of_error(error, "warn")]
    return background, [] if background is not None else [phrase("embeddings.no_background", "warn")]
