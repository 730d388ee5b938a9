"""The ways to run one model that are worth timing beside each other."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from playground.core.types import ModelChoice
from playground.models.devices import choosable
from playground.models.named import split

ONNX = "backend=onnx"


def choices_of(choice: ModelChoice) -> tuple[ModelChoice, ...]:
    """The model in fp32, then in what else there is on its device, then by ONNX Runtime where that is installed. Some
    may turn out not to be offered.

    Raises:
        DeviceUnavailable: the device asked for is not there.
    """
    precisions = choosable(choice.device)
    found = [replace(choice, precision=precision) for precision in precisions]
    by_onnx = f"{choice.model_id}{',' if '#' in choice.model_id else '#'}{ONNX}"
    # An id that is not read as one with an option would be taken for another model, or for this one as it is.
    understood = split(by_onnx).name == split(choice.model_id).name
    if understood and find_spec("onnxruntime") is not None and choice.kind == "reranker":
        both = [precision for precision in precisions if precision in ("fp32", "int8")]
        found += [replace(choice, model_id=by_onnx, precision=precision) for precision in both]
    return tuple(found)


def name_of(choice: ModelChoice) -> str:
    """What tells it from the others: the precision, and the runtime where it is not torch."""
    return f"ONNX {choice.precision}" if ONNX in choice.model_id else choice.precision
