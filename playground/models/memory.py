"""How much memory a device has, and how much of it is free."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil

MIB = 1024 * 1024
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def memory_mib(device: str) -> float:
    """Memory of the device that the models of this process may share; a container's own limit counts."""
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            return float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory) / MIB
    return min(psutil.virtual_memory().total, _container()[0]) / MIB


def free_mib(device: str) -> float:
    """Memory of the device that another model may take now; a container's own limit counts.

    That of a GPU is known only once torch is there; infinite where it cannot be known.
    """
    if device == "cuda":
        torch = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available():
            return float("inf")
        try:
            # torch keeps what was freed for itself.
            kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return float(torch.cuda.mem_get_info()[0] + kept) / MIB
        except (AssertionError, RuntimeError):
            # A card that is lent for the forward pass alone (ZeroGPU) cannot be asked.
            return float("inf")
    limit, used = _container()
    return max(0.0, min(psutil.virtual_memory().available, limit - used)) / MIB


def _container() -> tuple[float, float]:
    """(the limit of the container in bytes, infinite where there is none; what of it is in use for good)."""
    for limit, used, parts in _LIMITS:
        with suppress(OSError, ValueError):
            most = float(Path(limit).read_text(encoding="ascii"))
            lines = Path(parts).read_text(encoding="ascii").splitlines()
            # Files that were read and may be forgotten count as used, but make room at once.
            files = sum(float(line.split()[1]) for line in lines if line.startswith("inactive_file "))
            return most, float(Path(used).read_text(encoding="ascii")) - files
    return float("inf"), 0.0
