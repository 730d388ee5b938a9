"""Where a model runs and in what precision. What cannot run is refused, or replaced and said."""

from __future__ import annotations

import platform
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from playground.core.errors import DeviceUnavailable
from playground.core.types import PRECISIONS, DeviceName, PrecisionName


@cache
def devices() -> tuple[str, ...]:
    """What this machine has, best first: of "cuda", "mps" and "cpu"."""
    import torch

    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def settle(device: DeviceName, precision: PrecisionName) -> tuple[str, PrecisionName, tuple[str, ...]]:
    """What will really run: the device, the precision, and in words what was asked for and replaced.

    Auto is the best device; on it fp16 on CUDA, bf16 on a CPU with bf16 instructions, else fp32. On a CPU
    `models.auto` may go on from there to int8.

    Raises:
        DeviceUnavailable: the device asked for is not there.
    """
    chosen = _device(device)
    if precision == "auto":
        return chosen, _best_precision(chosen), ()
    runs = _nearest_precision(chosen, precision)
    if runs == precision:
        return chosen, precision, ()
    return chosen, runs, (f"{precision} does not run on this {_NAMES[chosen]}; {runs} was used.",)


def choosable(device: DeviceName) -> tuple[PrecisionName, ...]:
    """The precisions that run on this device as they are asked for, finest first.

    Raises:
        DeviceUnavailable: the device is not there.
    """
    here = _device(device)
    return tuple(precision for precision in PRECISIONS[1:] if _nearest_precision(here, precision) == precision)


def foreseen(device: DeviceName, precision: PrecisionName) -> tuple[str, PrecisionName] | None:
    """The device and precision of `settle`, where they can be told without loading torch; else None."""
    if "torch" in sys.modules:
        try:
            return settle(device, precision)[:2]
        except DeviceUnavailable:
            return None
    # A graphics card has a driver, and with it this program; Apple's needs none.
    may_have_gpu = platform.system() == "Darwin" or shutil.which("nvidia-smi") is not None
    if device in ("cuda", "mps") or (device == "auto" and may_have_gpu) or not _cpu_flags():
        return None
    return "cpu", _best_precision("cpu") if precision == "auto" else _nearest_precision("cpu", precision)


def default_batch_tokens(device: str) -> int:
    """Padded tokens in one forward pass that keep the device busy and the screen moving."""
    return 65_536 if device == "cuda" else 16_384 if device == "mps" else 4_096


@cache
def cpu_has_int8() -> bool:
    """Whether this CPU sums four products of int8 in one instruction: AVX512-VNNI, AVX-VNNI or AMX."""
    return not _cpu_flags().isdisjoint({"avx512_vnni", "avx_vnni", "amx_int8"})


@cache
def processor() -> str:
    """The name of the CPU and how many of its cores this process may use, as far as the system tells."""
    name = platform.processor() or platform.machine()
    if platform.system() == "Linux":
        with suppress(OSError):
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
            name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {psutil.cpu_count()} cores"


@cache
def name_of(device: str) -> str:
    """The name of what computes there."""
    if device != "cuda":
        return processor()
    import torch

    return torch.cuda.get_device_name()


@cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 natively: AVX512-BF16 or AMX on x86, BF16 on ARM."""
    flags = _cpu_flags()
    if flags:
        return not flags.isdisjoint({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})
    import torch

    # Outside Linux only torch knows; the name is private, so it may be gone in another release.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe()) if probe else False


_NAMES = {"cuda": "GPU", "mps": "Apple GPU", "cpu": "CPU"}


def _device(device: DeviceName) -> str:
    if device == "auto":
        return devices()[0]
    if device in devices():
        return device
    if device == "cuda":
        raise DeviceUnavailable("No CUDA GPU can be used on this machine. Choose auto or CPU.")
    raise DeviceUnavailable("No Apple GPU (MPS) can be used on this machine. Choose auto or CPU.")


def _best_precision(device: str) -> PrecisionName:
    if device == "cuda":
        return "fp16"
    return "bf16" if device == "cpu" and cpu_has_bf16() else "fp32"


def _nearest_precision(device: str, precision: PrecisionName) -> PrecisionName:
    if precision == "int8" and not (device == "cpu" and cpu_has_int8()):
        return _best_precision(device)
    if device == "cpu" and precision == "fp16":
        return "fp32"
    if device == "mps" and precision == "bf16":
        return "fp32"
    if device == "cuda" and precision == "bf16" and not _gpu_has_bf16():
        return "fp16"
    return precision


def _gpu_has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _cpu_flags() -> frozenset[str]:
    if platform.system() != "Linux":
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split(":")[1].split()
    )
