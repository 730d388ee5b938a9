"""Models, scales and thresholds as JSON, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from playground.core.scales import Scale
from playground.core.thresholds import Threshold
from playground.core.types import ModelSpec
from playground.core.windows import told


def to_json(value: ModelSpec | Scale | Threshold) -> str:
    """Compact JSON; infinities as Python's json writes them, moments as ISO 8601."""
    return json.dumps(asdict(value), separators=(",", ":"), default=datetime.isoformat)


def spec_of(body: str) -> ModelSpec:
    """The model that `to_json` was given."""
    return _spec(json.loads(body))


def scale_of(body: str) -> Scale:
    """The scale that `to_json` was given."""
    return Scale(**_known(Scale, json.loads(body)))


def threshold_of(body: str) -> Threshold:
    """The threshold that `to_json` was given.

    Raises:
        ValueError, KeyError, TypeError: the body is damaged.
    """
    values = _known(Threshold, json.loads(body))
    values["saved_at"] = datetime.fromisoformat(values["saved_at"])
    values["scale"] = Scale(**_known(Scale, values["scale"]))
    values["spec"] = _spec(values["spec"])
    values["interval"] = None if values["interval"] is None else tuple(values["interval"])
    return Threshold(**values)


def sound_threshold(body: str) -> Threshold | None:
    """As `threshold_of`; None where the body is damaged."""
    try:
        return threshold_of(body)
    except (ValueError, KeyError, TypeError):
        return None


def scorer_key(spec: ModelSpec, scale: Scale, instruction: str) -> str:
    """What makes two scores of one pair comparable, as a hex digest.

    The weights, where and how exactly they ran, how texts were cut or read in windows, what went before the query, and
    the scale.
    """
    parts = (
        spec.fingerprint,
        spec.family,
        spec.device,
        spec.precision,
        spec.max_length,
        spec.truncation,
        instruction,
        scale.name,
    )
    # Scorers from before windows keep their key.
    read = () if spec.windows is None else (asdict(spec.windows),)
    return hashlib.sha256(json.dumps((*parts, *read)).encode()).hexdigest()


def _spec(values: Mapping[str, object]) -> ModelSpec:
    known = _known(ModelSpec, values)
    return ModelSpec(**told(known) | {"replaced": tuple(known["replaced"])})


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}
