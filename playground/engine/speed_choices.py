"""The ways to run one model that are worth timing beside each other."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from playground.core.types import ModelChoice
from playground.models.devices import choosable

ONNX = "backend=onnx"


def choices_of(choice: ModelChoice) -> tuple[ModelChoice, ...]:
    """The model in fp32, then in what else there is on its device, then by ONNX Runtime where that is installed. Some
    may turn out not to be offered.

    Raises:
        DeviceUnavailable: the device asked for is not there.
    """
    found = [replace(choice, precision=precision) for precision in choosable(choice.device)]
    if find_spec("onnxruntime") is not None and choice.kind == "reranker" and ONNX not in choice.model_id:
        between = "," if "#" in choice.model_id else "#"
        found.append(replace(choice, model_id=f"{choice.model_id}{between}{ONNX}", precision="fp32"))
    return tuple(found)


def name_of(choice: ModelChoice) -> str:
    """What tells it from the others: the precision, and the runtime where it is not torch."""
    return f"ONNX {choice.precision}" if ONNX in choice.model_id else choice.precision
