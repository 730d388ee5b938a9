"""Short names that tell the models of one comparison apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from playground.core.types import ModelChoice, ModelRun, ModelSpec, RerankResult
from playground.core.windows import Windows
from playground.models import bm25
from playground.models.named import Named, split
from playground.remote.address import is_remote


class _Named(NamedTuple):
    """What a model can be told apart by, whether it ran or was only asked for."""

    model_id: str
    kind: str
    precision: str
    device: str
    length: str
    reading: str
    windows: str
    revision: str


_MORE: tuple[Callable[[_Named], str], ...] = (
    lambda one: one.kind,
    lambda one: one.precision,
    lambda one: one.device,
    lambda one: one.length,
    lambda one: one.reading,
    lambda one: one.windows,
    lambda one: one.revision,
)


def names(results: Sequence[RerankResult]) -> tuple[str, ...]:
    """One name for each result, no two alike: the end of the model's id, and what else it takes to tell them apart.

    A model that is read in several ways goes by what differs, first of all: a long name loses its end on the page. An
    id that stands there twice gets its kind, precision, device, length, revision or what became of long passages,
    whichever differ, and a number where nothing does.
    """
    return _told_apart([_ran(result.spec) for result in results])


def spec_names(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """As `names`, for models of which only what ran is known."""
    return _told_apart([_ran(spec) for spec in specs])


def run_names(runs: Sequence[ModelRun]) -> tuple[str, ...]:
    """As `names`, for the columns of a comparison; one without a result goes by what was asked for."""
    return _told_apart([_asked(run.choice) if run.result is None else _ran(run.result.spec) for run in runs])


def _told_apart(models: Sequence[_Named]) -> tuple[str, ...]:
    ends = [_end(split(one.model_id).name) for one in models]
    found = [_read(one, end, models, ends) for end, one in zip(ends, models, strict=True)]
    for more in _MORE:
        found = [_longer(name, more(one), found, models, more) for name, one in zip(found, models, strict=True)]
    return _numbered(found)


def _ran(spec: ModelSpec) -> _Named:
    revision, length = (spec.revision or spec.fingerprint)[:7], f"{spec.max_length} tokens"
    read = _reading(spec.windows)
    return _Named(spec.model_id, spec.kind, spec.precision, spec.device, length, *read, revision)


def _asked(choice: ModelChoice) -> _Named:
    length = f"{choice.max_length} tokens" if choice.max_length else "own length"
    revision = (choice.revision or "newest")[:7]
    read = _reading(None if choice.windows is None else choice.windows.as_run)
    return _Named(choice.model_id, choice.kind, choice.precision, choice.device, length, *read, revision)


def _reading(windows: Windows | None) -> tuple[str, str]:
    """What becomes of long passages, in short and in full."""
    return ("cut", "cut") if windows is None else ("windows", str(windows).removeprefix("windows "))


def _end(model_id: str) -> str:
    if model_id == bm25.MODEL_ID:
        return "BM25"
    if is_remote(model_id):
        # Where it runs is what tells it from the same model here.
        return model_id
    return model_id.rstrip("/").rsplit("/", 1)[-1] or model_id


def _read(one: _Named, end: str, models: Sequence[_Named], ends: Sequence[str]) -> str:
    """The name of a model among those that end alike: with its option where it is the only one with this name, with
    what differs in it where others are the same model, and whole where others are not."""
    asked = split(one.model_id)
    alike = [split(other.model_id) for other, name in zip(models, ends, strict=True) if name == end]
    if any(other.name != asked.name for other in alike):
        return one.model_id
    if all(other == asked for other in alike):
        return _end(one.model_id)
    differing = [key for key in Named._fields[1:] if len({getattr(other, key) for other in alike}) > 1]
    parts = [_part(key, getattr(asked, key)) for key in differing if getattr(asked, key)]
    # The name itself says nothing where all are this model.
    named = [] if parts and len(alike) == len(models) else [end]
    return " · ".join(parts + named)


def _part(key: str, value: str) -> str:
    """One option; a mode is known by its own name, with room to break a sum."""
    return value.replace("+", " + ") if key == "mode" else f"{key}={value}"


def _longer(name: str, part: str, names: Sequence[str], models: Sequence[_Named], more: Callable[[_Named], str]) -> str:
    """The name with this part, where those of the same name differ in it."""
    parts = {more(other) for other, given in zip(models, names, strict=True) if given == name}
    return f"{name} · {part}" if len(parts) > 1 else name


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    copies, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} #{seen[name]}" if copies[name] > 1 else name)
    return tuple(found)
