"""How much memory a device has."""

from __future__ import annotations


def gpu_memory_mib() -> float | None:
    """Memory of the current CUDA GPU; None where there is none."""
    import torch

    if not torch.cuda.is_available():
        return None
    return float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory) / (1024 * 1024)
