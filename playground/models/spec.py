"""The record of what really ran."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from playground.core.errors import ModelBroken
from playground.core.types import ModelChoice, ModelSpec, PrecisionName
from playground.models.fingerprint import fingerprint
from playground.models.named import split
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
        fingerprint=fingerprint_of(resolved),
        kind=resolved.kind,
        family=resolved.family,
        architecture=resolved.architecture,
        device=device,
        precision=precision,
        max_length=max_length,
        truncation=choice.truncation,
        n_parameters=resolved.n_parameters,
        replaced=replaced,
        passage_instruction=resolved.prompts.passage,
    )


def as_reread(spec: ModelSpec, loaded: Resolved, resolved: Resolved) -> ModelSpec:
    """The spec of the same weights, read in another way.

    Args:
        loaded: what `spec` is of.

    Raises:
        ModelBroken: the files on disk are not those that were loaded.
    """
    if fingerprint_of(loaded) != spec.fingerprint:
        raise ModelBroken(
            "The files of {model} have changed since they were loaded. Unload it under Models, then run again.",
            model=split(spec.model_id).name,
        )
    return replace(
        spec,
        model_id=resolved.model_id,
        fingerprint=fingerprint_of(resolved),
        passage_instruction=resolved.prompts.passage,
    )


def fingerprint_of(resolved: Resolved) -> str:
    """Of the files, and of how they are read where the files do not say it: the same weights then give other scores."""
    files = fingerprint(resolved.folder, (*resolved.weights, *resolved.heads))
    option = resolved.model_id.removeprefix(split(resolved.model_id).name)
    read = option + resolved.prompts.passage
    return hashlib.sha256(f"{files}{read}".encode()).hexdigest() if read else files
