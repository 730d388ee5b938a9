"""What runs a model in place of PyTorch, as `#backend=` in its id says. Nothing here imports torch or onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from playground.core.errors import DeviceUnavailable, InvalidInput, ModelUnsuitable
from playground.core.types import DeviceName, PrecisionName
from playground.models.devices import devices
from playground.models.named import Named

# What an id without `#backend=` means.
PLAIN = "torch"
TITLES = MappingProxyType({PLAIN: "PyTorch", "onnx": "ONNX Runtime"})
CUDA = "CUDAExecutionProvider"
# What repositories call the export that came with them; weights over 2 GB stand beside it.
SHIPPED = ("onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx.data")


def installed() -> bool:
    """Whether ONNX Runtime is here, and what an export needs."""
    return all(find_spec(name) is not None for name in ("onnxruntime", "onnx"))


def require_installed() -> None:
    """Raises ModelUnsuitable where `installed` is False."""
    if not installed():
        raise ModelUnsuitable(
            'ONNX Runtime is not installed. Run pip install "rerank-playground[onnx]" (in a checkout: '
            'pip install -e ".[onnx]"), or leave out #backend=onnx.'
        )


def runtime() -> Any:
    """ONNX Runtime, which reports to nobody: since 1.32 it would send what is run to its makers.

    Source: microsoft/onnxruntime, pull request 27379. On Windows the call decides, elsewhere the variable, which is
    read at the import.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    module = import_module("onnxruntime")
    module.disable_telemetry_events()
    return module


def refuse_foreign(named: Named, family: str) -> None:
    """Nothing, where the backend exists and runs this family.

    Raises:
        InvalidInput: it does not.
    """
    if named.backend not in TITLES or named.backend == PLAIN:
        raise InvalidInput(
            "There is no backend {backend}. Write #backend=onnx, or leave it out for PyTorch.", backend=named.backend
        )
    if family != "cross_encoder":
        raise InvalidInput(
            "{model} runs with PyTorch alone: ONNX Runtime is for rerankers with a classification head. Leave out "
            "#backend={backend}.",
            model=named.name,
            backend=named.backend,
        )


def shipped(names: Iterable[str]) -> tuple[str, ...]:
    """Of all files of a model, its own ONNX export, the graph first; nothing where it has none."""
    there = frozenset(names)
    return tuple(name for name in SHIPPED if name in there) if SHIPPED[0] in there else ()


def settle(device: DeviceName, precision: PrecisionName) -> tuple[str, PrecisionName, tuple[str, ...]]:
    """As `devices.settle`, for ONNX Runtime: fp32, and int8 on a CPU where it is asked for.

    Raises:
        DeviceUnavailable: the device asked for is not there for it.
    """
    has_gpu = CUDA in runtime().get_available_providers() and "cuda" in devices()
    if device == "mps" or (device == "cuda" and not has_gpu):
        raise DeviceUnavailable(
            "ONNX Runtime cannot use the GPU of this machine. Choose auto or CPU; for a CUDA GPU it takes "
            "onnxruntime-gpu in place of onnxruntime."
        )
    runs_on = "cuda" if has_gpu and device != "cpu" else "cpu"
    runs: PrecisionName = "int8" if precision == "int8" and runs_on == "cpu" else "fp32"
    if precision in ("auto", runs):
        return runs_on, runs, ()
    return runs_on, runs, (f"{precision} does not run with ONNX Runtime here; {runs} was used.",)
