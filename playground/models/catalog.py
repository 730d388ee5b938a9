"""Known checkpoints, read from `catalog.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from playground.core.scales import Activation, Scale, ScaleName
from playground.core.types import Kind, PrecisionName

BUILT_IN_RERANKER = "built-in/mini-reranker"
BUILT_IN_EMBEDDER = "built-in/mini-embedder"
_RANGES: dict[str, tuple[float, float]] = {
    "cosine": (-1.0, 1.0),
    "mean-maxsim": (-1.0, 1.0),
    "dot": (0.0, float("inf")),
}


@dataclass(frozen=True, slots=True)
class GoldenPair:
    """A published score, to be met by the model as it is loaded here.

    Attributes:
        precision: what the published number was computed in.
        tolerance: absolute, for a run in that same precision.
        source: where the number was published.
        on: whether the number is the raw logit or its sigmoid.
        option: what follows # in the id of the model that was read so; empty for the plain one.
    """

    query: str
    passage: str
    score: float
    precision: PrecisionName
    tolerance: float
    source: str
    on: Literal["logit", "sigmoid"] = "logit"
    option: str = ""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What is known of a checkpoint before it is opened.

    Attributes:
        download_mib: weights in safetensors; 0 for what ships with the project.
        max_length: tokens that the position table allows, special tokens included.
        default_max_length: what is used unless the user says otherwise.
        languages: ISO 639-1 codes, or "multilingual".
        scale, activation, level: see `core.scales.Scale`.
        instruction: what the makers put before a query; empty where nothing.
        passage_instruction: what they put before every passage, of an embedder; empty where nothing.
        pooling: "cls", "mean" or "last" for an embedder, empty for a reranker.
        layers: the first and the last layer after which it scores, of a model that scores after several.
        tasks: of an embedder, more pairs of prompts by name (`embedder_files.TASKS`), chosen by `#task=` after the id.
        revision: what is taken unless the user names another; empty for the newest.
        path: folder under `assets/models` for a built-in model.
    """

    id: str
    name: str
    kind: Kind
    family: str
    n_parameters: int
    download_mib: int
    max_length: int
    default_max_length: int
    languages: tuple[str, ...]
    licence: str
    scale: ScaleName
    activation: Activation
    level: bool
    instruction: str = ""
    passage_instruction: str = ""
    pooling: Literal["cls", "mean", "last", ""] = ""
    layers: tuple[int, ...] = ()
    tasks: tuple[str, ...] = ()
    golden: tuple[GoldenPair, ...] = ()
    revision: str = ""
    built_in: bool = False
    path: str = ""
    note: str = ""

    def score_scale(self) -> Scale:
        """The scale of this model's raw output."""
        low, high = _RANGES.get(self.scale, (float("-inf"), float("inf")))
        return Scale(self.scale, low, high, level=self.level, activation=self.activation)


@cache
def entries() -> tuple[CatalogEntry, ...]:
    """Every known checkpoint, in the order of the file: the built-in ones first."""
    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    return tuple(_entry(table) for table in tomllib.loads(text)["model"])


def find(model_id: str) -> CatalogEntry | None:
    """The entry of this id, whatever its options; a mode or task has an entry of its own, or none.

    None for a model that the catalogue does not know. Case does not matter, as on the Hub.
    """
    wanted = model_id.lower()
    if "#mode=" not in wanted and "#task=" not in wanted:
        wanted = wanted.partition("#")[0]
    return next((entry for entry in entries() if entry.id.lower() == wanted), None)


def _entry(table: dict[str, Any]) -> CatalogEntry:
    golden = tuple(GoldenPair(**pair) for pair in table.pop("golden", ()))
    listed = {name: tuple(table.get(name, ())) for name in ("languages", "layers", "tasks")}
    return CatalogEntry(**table | listed | {"golden": golden})
