"""The ways to run one model that are worth timing beside each other."""

from __future__ import annotations

from dataclasses import replace

from playground.core.types import ModelChoice
from playground.models import backends
from playground.models.devices import choosable
from playground.models.named import split


def choices_of(choice: ModelChoice, *, made: bool = True) -> tuple[ModelChoice, ...]:
    """The model in fp32, then in what else there is on its device, then by ONNX Runtime where that is installed. Some
    may turn out not to be offered.

    Args:
        made: whether a file may be made for it, which takes minutes and room on the disk.

    Raises:
        DeviceUnavailable: the device asked for is not there.
    """
    precisions = choosable(choice.device)
    found = [replace(choice, precision=precision) for precision in precisions]
    if choice.kind == "reranker" and made and backends.installed():
        by_onnx = split(choice.model_id)._replace(backend="onnx").text
        both = [precision for precision in precisions if precision in ("fp32", "int8")]
        found += [replace(choice, model_id=by_onnx, precision=precision) for precision in both]
    return tuple(found)


def name_of(choice: ModelChoice) -> str:
    """What tells it from the others: the precision, and the runtime where it is not torch."""
    return f"ONNX {choice.precision}" if split(choice.model_id).backend else choice.precision
