"""What lies in a folder's safetensors files, read from their headers alone."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from playground.core.errors import ModelBroken

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
# Of the linear steps that sentence-transformers runs after pooling.
DENSE = re.compile(r"\d+_Dense/model\.safetensors")
# The format's own limit: https://github.com/huggingface/safetensors, "Format".
MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor as the header announces it."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith(("F", "BF"))


def weight_files(folder: Path, *more: str) -> tuple[str, ...]:
    """Names of the weight files, relative to `folder`: one, or the shards that the index lists; then `more`.

    Raises:
        ModelBroken: none, or one is missing.
    """
    names = (*_main_files(folder), *more)
    for name in names:
        if not (folder / name).is_file():
            raise ModelBroken("{file} is missing from the model. Download the model again.", file=name)
    return names


def shard_names(index: bytes) -> tuple[str, ...]:
    """Names of the shards in `model.safetensors.index.json`, each once.

    Raises:
        ModelBroken: the index is damaged, or names a file outside the folder.
    """
    try:
        names = sorted(set(json.loads(index)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=INDEX) from error
    if any(not name.endswith(".safetensors") or "/" in name or "\\" in name for name in names):
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=INDEX)
    return tuple(names)


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of a safetensors file by name.

    Raises:
        ModelBroken: the file is damaged, or shorter than its header says (a download that stopped half way).
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            n_header = int.from_bytes(file.read(8), "little")
            if not 2 <= n_header <= min(size, MAX_HEADER_BYTES):
                raise ValueError(f"a header of {n_header} bytes")
            header = json.loads(file.read(n_header))
        header.pop("__metadata__", None)
        tensors = {name: TensorInfo(info["dtype"], tuple(info["shape"])) for name, info in header.items()}
        end = max((int(info["data_offsets"][1]) for info in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelBroken("{file} is damaged. Download the model again.", file=path.name) from error
    if 8 + n_header + end != size:
        raise ModelBroken(
            "{file} is only half there ({have} of {want} bytes). Download the model again.",
            file=path.name,
            have=size,
            want=8 + n_header + end,
        )
    return tensors


def _main_files(folder: Path) -> tuple[str, ...]:
    if (folder / SINGLE).is_file():
        return (SINGLE,)
    if not (folder / INDEX).is_file():
        raise ModelBroken("{folder} holds no {file}. Download the model again.", folder=folder.name, file=SINGLE)
    return shard_names((folder / INDEX).read_bytes())
