"""How much memory a device has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

MIB = 1024 * 1024


def memory_mib(device: str) -> float:
    """Memory of the device that the models of this process may share; a container's own limit counts."""
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            return float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory) / MIB
    return min(psutil.virtual_memory().total, _container_limit()) / MIB


def _container_limit() -> float:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            return float(Path(path).read_text(encoding="ascii"))
    return float("inf")
