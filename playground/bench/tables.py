"""Rows of a measurement as Markdown for people and JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from playground.models.devices import processor
from playground.models.memory import memory_mib

Row = TypeVar("Row")


def markdown(rows: Sequence[Row], columns: Mapping[str, Callable[[Row], str]]) -> str:
    """A table with these columns; a cell is what its function makes of the row."""
    heads = list(columns)
    body = [[columns[head](row).replace("|", "\\|") for head in heads] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *body))


def as_json(rows: Sequence[Any]) -> str:
    """The machine and the rows (dataclasses or dicts) with all their fields."""
    return json.dumps(
        {"machine": machine(), "rows": [row if isinstance(row, dict) else asdict(row) for row in rows]},
        ensure_ascii=False,
        indent=2,
    )


def machine() -> dict[str, object]:
    """What the figures are of."""
    import torch
    import transformers

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "memory_mib": round(memory_mib("cpu")),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def threads() -> int:
    """As many as torch takes here."""
    import torch

    return torch.get_num_threads()
