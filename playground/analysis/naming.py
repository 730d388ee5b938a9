"""Short names that tell the models of one comparison apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from playground.core.types import ModelSpec, RerankResult

_MORE: tuple[Callable[[ModelSpec], str], ...] = (
    lambda spec: spec.kind,
    lambda spec: spec.precision,
    lambda spec: spec.device,
    lambda spec: f"{spec.max_length} tokens",
    lambda spec: (spec.revision or spec.fingerprint)[:7],
)


def names(results: Sequence[RerankResult]) -> tuple[str, ...]:
    """One name for each result, no two alike: the end of the model's id, and what else it takes to tell them apart.

    An id that stands there twice gets its kind, precision, device, length or revision, whichever differ, and a number
    where nothing does.
    """
    specs = [result.spec for result in results]
    ends = [_end(spec.model_id) for spec in specs]
    found = [end if _is_alone(end, spec, ends, specs) else spec.model_id for end, spec in zip(ends, specs, strict=True)]
    for more in _MORE:
        found = [_longer(name, more(spec), found, specs, more) for name, spec in zip(found, specs, strict=True)]
    return _numbered(found)


def _end(model_id: str) -> str:
    return model_id.rstrip("/").rsplit("/", 1)[-1] or model_id


def _is_alone(end: str, spec: ModelSpec, ends: Sequence[str], specs: Sequence[ModelSpec]) -> bool:
    """No other model id has this end."""
    return all(other.model_id == spec.model_id for name, other in zip(ends, specs, strict=True) if name == end)


def _longer(
    name: str, part: str, names: Sequence[str], specs: Sequence[ModelSpec], more: Callable[[ModelSpec], str]
) -> str:
    """The name with this part, where those of the same name differ in it."""
    parts = {more(spec) for other, spec in zip(names, specs, strict=True) if other == name}
    return f"{name} · {part}" if len(parts) > 1 else name


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    copies, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} #{seen[name]}" if copies[name] > 1 else name)
    return tuple(found)
