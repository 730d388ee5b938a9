"""The record of what really ran."""

from __future__ import annotations

from playground.core.types import ModelChoice, ModelSpec, PrecisionName
from playground.models.fingerprint import fingerprint
from playground.models.resolve import Resolved


def as_run(
    resolved: Resolved,
    choice: ModelChoice,
    device: str,
    precision: PrecisionName,
    max_length: int,
    replaced: tuple[str, ...],
) -> ModelSpec:
    """The spec of a loaded model."""
    return ModelSpec(
        model_id=resolved.model_id,
        revision=resolved.revision,
        fingerprint=fingerprint(resolved.folder, resolved.weights),
        kind=resolved.kind,
        family=resolved.family,
        architecture=resolved.architecture,
        device=device,
        precision=precision,
        max_length=max_length,
        truncation=choice.truncation,
        n_parameters=resolved.n_parameters,
        replaced=replaced,
    )
