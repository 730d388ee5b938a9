"""Whether a model fits in memory and on the disk, said before it is loaded. Nothing here imports torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playground.core.errors import DiskFull, NoRoom
from playground.core.types import Kind, PrecisionName
from playground.models.catalog import CatalogEntry, entries
from playground.models.memory import MIB

Free = Callable[[str], float]
FreeDisk = Callable[[Path], float]
Fit = Literal["fits", "tight", "no"]

# In int8 the linear layers alone take one; embeddings and the rest of an encoder are wider.
BYTES: Final[dict[str, int]] = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 2}
# Padded tokens of one forward pass, of which some layers' hidden states are held at once, in fp32 at the widest. A
# batch that does not fit is halved, so this is what is comfortable, and not what is needed.
BATCH_TOKENS = 4096
STATES = 16
# (parameters below, width): what the width of a hidden state is about, where only the size is known.
_WIDTHS = ((50e6, 384), (200e6, 768), (1e9, 1024), (5e9, 2560), (float("inf"), 4096))
# Widths of stored numbers by the names that configs give them; a model that says nothing is taken for the smaller one.
_STORED = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class Need:
    """What a model takes on its device.

    Attributes:
        weights_mib: in the precision that runs; each tensor is read from disk straight into it.
        batch_mib: for one comfortable batch.
    """

    weights_mib: float
    batch_mib: float

    @property
    def memory_mib(self) -> float:
        return self.weights_mib + self.batch_mib


@dataclass(frozen=True, slots=True)
class Room:
    """What a device has for one more model.

    Attributes:
        free_mib: what is free, and what loaded models that nobody uses would give back.
    """

    device: str
    precision: PrecisionName
    free_mib: float

    def fit(self, n_parameters: int) -> Fit:
        """Whether a model of this size fits: with a comfortable batch, without, or not at all."""
        need = need_of(n_parameters, self.precision)
        return "no" if need.weights_mib > self.free_mib else "tight" if need.memory_mib > self.free_mib else "fits"


def need_of(n_parameters: int, precision: PrecisionName) -> Need:
    """What a model of this size takes."""
    width = next(width for most, width in _WIDTHS if n_parameters < most)
    return Need(n_parameters * BYTES[precision] / MIB, BATCH_TOKENS * STATES * width * BYTES["fp32"] / MIB)


def parameters_of(n_bytes: int, dtype: object) -> int:
    """How many parameters so many bytes of weights hold, at least, as the config names their type."""
    return n_bytes // _STORED.get(str(dtype).removeprefix("torch."), 4)


def require_memory(
    model_id: str, kind: Kind, n_parameters: int, device: str, precision: PrecisionName, free: Free
) -> None:
    """Nothing, where the weights fit.

    Raises:
        NoRoom: they do not; the sentence names what is needed, what is there and what would fit.
    """
    room = Room(device, precision, free(device))
    if room.fit(n_parameters) != "no":
        return
    need = need_of(n_parameters, precision)
    raise NoRoom(
        "{model} needs about {need} of memory in {precision}, and {free} is free on the {device}. The largest known "
        "model that fits is {instead}.",
        model=model_id,
        need=gib(need.weights_mib),
        precision=precision,
        free=gib(room.free_mib),
        device="GPU" if device in ("cuda", "mps") else "CPU",
        instead=largest(kind, lambda entry: room.fit(entry.n_parameters) == "fits"),
        on=device,
        missing_mib=need.weights_mib - room.free_mib,
    )


def require_disk(model_id: str, kind: Kind, n_bytes: int, folder: Path, free: FreeDisk | None = None) -> None:
    """Nothing, where a download of so many bytes fits on the disk of `folder`.

    Raises:
        DiskFull: it does not; the sentence names what is needed, what is there and what would fit.
    """
    free_bytes = (free or free_disk)(folder)
    if n_bytes <= free_bytes:
        return
    raise DiskFull(
        "{model} is a download of {need}, and the disk of the model cache ({folder}) has {free} free. The largest "
        "known model that fits is {instead}.",
        model=model_id,
        need=gib(n_bytes / MIB),
        folder=folder,
        free=gib(free_bytes / MIB),
        instead=largest(kind, lambda entry: entry.download_mib * MIB <= free_bytes),
    )


def free_disk(folder: Path) -> float:
    """Bytes that are free where `folder` is, or will be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return float(shutil.disk_usage(there).free)


def largest(kind: Kind, fits: Callable[[CatalogEntry], bool]) -> str:
    """The id of the largest model of the catalogue that fits; the built-in one where none does."""
    known = [entry for entry in entries() if entry.kind == kind]
    return max((entry for entry in known if fits(entry)), key=lambda entry: entry.n_parameters, default=known[0]).id


def gib(mib: float) -> str:
    """A size for people: "87 MiB", "1.1 GiB"."""
    return f"{mib / 1024:.1f} GiB" if mib >= 1000 else f"{mib:.0f} MiB"
