"""Weighted means of the weights of models that share one shape: what a long run forgets, its start still knows.

Source: Xiao et al. 2023, "LM-Cocktail: Resilient Tuning of Language Models via Model Merging".
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from playground.core.errors import InvalidInput
from playground.training.output import RECORD, WEIGHTS, place
from playground.training.rows import sha256_of

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")


def mean(folders: Sequence[Path], weights: Sequence[float]) -> dict[str, Tensor]:
    """Tensors in fp32, each the weighted mean of the same tensor of every folder; weights count by their share.

    Raises:
        InvalidInput: no folder, weights out of step or of sum 0, a folder without weights, or tensors of other names
            or shapes.
    """
    if not folders or len(weights) != len(folders):
        raise InvalidInput("{n} weights for {models} models. Give one for each.", n=len(weights), models=len(folders))
    total = sum(weights)
    if total <= 0:
        raise InvalidInput("The weights of a mean must add up to more than 0.")
    found: dict[str, Tensor] = {}
    for folder, weight in zip(folders, weights, strict=True):
        path = folder / WEIGHTS
        if not path.is_file():
            raise InvalidInput("There is no {file} in {folder}.", file=WEIGHTS, folder=folder)
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        if found and shapes != {name: tensor.shape for name, tensor in found.items()}:
            raise InvalidInput("{folder} has other weights than {first}.", folder=folder, first=folders[0])
        for name, tensor in tensors.items():
            found[name] = found.get(name, 0) + tensor * (weight / total)
    return found


def merge(folders: Sequence[Path], weights: Sequence[float], out: Path) -> None:
    """Writes the mean as a model folder: fp16 weights, the first folder's tokenizer and config, one joint record.

    Raises:
        InvalidInput: see `mean`; a folder that cannot be written.
    """
    tensors = mean(folders, weights)
    draft = out.with_name(f"{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        half = {name: tensor.to(torch.float16).contiguous() for name, tensor in tensors.items()}
        save_file(half, draft / WEIGHTS, metadata={"format": "pt"})
        for name in FILES:
            shutil.copyfile(folders[0] / name, draft / name)
        (draft / RECORD).write_text(json.dumps(record(folders, weights), indent=2) + "\n", encoding="utf-8")
        out.mkdir(exist_ok=True)
        place(draft, out)
    except OSError as error:
        raise InvalidInput("The mean could not be written to {folder}: {reason}", folder=out, reason=error) from error


def record(folders: Sequence[Path], weights: Sequence[float]) -> dict[str, Any]:
    """What each part weighs and how it was trained; of one part alone, its own record."""
    records = [
        json.loads(path.read_text(encoding="utf-8")) if (path := folder / RECORD).is_file() else {"name": folder.name}
        for folder in folders
    ]
    if len(records) == 1:
        return records[0]
    total = sum(weights)
    return {
        "merged": [
            {"weight": weight / total, "sha256": sha256_of(folder / WEIGHTS), "training": trained}
            for folder, weight, trained in zip(folders, weights, records, strict=True)
        ]
    }
