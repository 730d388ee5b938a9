"""Where a saved threshold holds, and the file that carries it elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, get_args

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.limits import clean
from playground.core.scales import Activation, Scale, ScaleName
from playground.core.thresholds import Method, Threshold
from playground.core.types import PRECISIONS, Kind, ModelSpec, Truncation
from playground.core.windows import Windows
from playground.models import bm25
from playground.models.named import short_name

KIND = "rerank-playground threshold"
SCHEMA = 1
MOST_CHARS = 100_000
MOST_NAME_CHARS = 200
SHORT = 8

OTHER_PRECISION = "This threshold was chosen in {was}, here the model runs in {now}: scores near the line may differ."
OTHER_DEVICE = "This threshold was chosen on {was}, here the model runs on {now}: the last digits may differ."
OTHER_LENGTH = "This threshold was chosen with {was} tokens at most, here it is {now}: scores of long texts may differ."
OTHER_TRUNCATION = (
    "This threshold was chosen with the truncation {was}, here it is {now}: scores of long texts may differ."
)
OTHER_WINDOWS = "This threshold was chosen with {was}, here it is {now}: scores of long passages may differ."
OTHER_INSTRUCTION = "This threshold was chosen with another instruction before the query: all scores may differ."


def refusal(threshold: Threshold, spec: ModelSpec, scale: Scale) -> PlaygroundError | None:
    """Why the threshold says nothing of scores that this model gave on this scale; None where it holds."""
    own = threshold.spec
    if own.fingerprint != spec.fingerprint:
        return _other_weights(threshold.name, own, spec)
    if threshold.scale.name != scale.name:
        return InvalidInput(
            "“{name}” is a threshold on the scale {was}, and these scores are {now}. Choose one on this scale.",
            name=threshold.name,
            was=threshold.scale.name,
            now=scale.name,
        )
    return _other_reading(threshold.name, own.windows, spec.windows)


def holding(thresholds: Sequence[Threshold], spec: ModelSpec, scale: Scale) -> Threshold:
    """The first of these that holds for scores that this model gave on this scale; the newest where they are listed so.

    Raises:
        PlaygroundError: why the first does not hold, where none does.
    """
    refusals = []
    for threshold in thresholds:
        why_not = refusal(threshold, spec, scale)
        if why_not is None:
            return threshold
        refusals.append(why_not)
    raise refusals[0]


def warnings(threshold: Threshold, spec: ModelSpec, instruction: str) -> tuple[str, ...]:
    """What differs from the run that the threshold was chosen on, where it holds all the same; plain sentences."""
    own = threshold.spec
    pairs = (
        (OTHER_PRECISION, own.precision, spec.precision),
        (OTHER_DEVICE, own.device, spec.device),
        (OTHER_LENGTH, own.max_length, spec.max_length),
        (OTHER_TRUNCATION, own.truncation, spec.truncation),
        (OTHER_WINDOWS, own.windows or "", spec.windows or ""),
        (OTHER_INSTRUCTION, threshold.instruction, instruction),
    )
    return tuple(template.format(was=was, now=now) for template, was, now in pairs if was != now)


def to_json(threshold: Threshold) -> str:
    """The threshold as a file; `from_json` reads the very same floats."""
    scale = asdict(threshold.scale)
    record = {
        **{field.name: getattr(threshold, field.name) for field in fields(threshold) if field.name != "id"},
        "saved_at": threshold.saved_at.isoformat(),
        "scale": scale | {side: scale[side] if math.isfinite(scale[side]) else None for side in ("low", "high")},
        "spec": asdict(threshold.spec),
    }
    file = {"kind": KIND, "schema": SCHEMA, "threshold": record}
    return json.dumps(file, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def from_json(text: str) -> Threshold:
    """The threshold that `to_json` wrote, without an id.

    Raises:
        InvalidInput: it is no threshold of ours, is damaged, or was written by a newer playground.
    """
    if len(text) > MOST_CHARS:
        raise _not_ours()
    try:
        # A file that an editor saved may begin with a byte order mark.
        file = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once, parse_constant=_no_number)
    except _Damage as damage:
        raise _damaged(str(damage)) from damage
    except (ValueError, RecursionError) as error:
        raise _not_ours() from error
    if not isinstance(file, dict) or file.get("kind") != KIND or type(file.get("schema")) is not int:
        raise _not_ours()
    if file["schema"] > SCHEMA:
        raise InvalidInput(
            "This threshold was saved by a newer playground (format {schema}). Update to read it.",
            schema=file["schema"],
        )
    try:
        return _threshold(_fields(file, {"kind", "schema", "threshold"})["threshold"])
    except _Damage as damage:
        raise _damaged(str(damage)) from damage


class _Damage(Exception):
    """What is wrong, in a few words."""


def _other_weights(name: str, own: ModelSpec, spec: ModelSpec) -> PlaygroundError:
    if short_name(own.model_id) != short_name(spec.model_id):
        return InvalidInput(
            "“{name}” was chosen for {was}, and these scores are from {now}. Choose a threshold for this model.",
            name=name,
            was=short_name(own.model_id),
            now=short_name(spec.model_id),
        )
    if own.family == bm25.FAMILY:
        return InvalidInput(
            "“{name}” holds only for the lists that it was chosen on: BM25 scores depend on all passages beside a "
            "passage.",
            name=name,
        )
    if own.revision != spec.revision and own.revision and spec.revision:
        return InvalidInput(
            "“{name}” was chosen for revision {was} of {model}, and these scores are from revision {now}. Load that "
            "revision, or choose a threshold for this one.",
            name=name,
            model=short_name(spec.model_id),
            was=own.revision[:SHORT],
            now=spec.revision[:SHORT],
        )
    return InvalidInput(
        "“{name}” was chosen for other weights of {model} ({was}) than those that gave these scores ({now}). Choose a "
        "threshold for these.",
        name=name,
        model=short_name(spec.model_id),
        was=own.fingerprint[:SHORT],
        now=spec.fingerprint[:SHORT],
    )


def _other_reading(name: str, own: Windows | None, now: Windows | None) -> PlaygroundError | None:
    """Several numbers of a long passage made into one lie elsewhere than the number of its beginning."""
    if own is not None and now is None:
        return InvalidInput(
            "“{name}” was chosen on long passages read in windows, and these were cut. Read them in windows too, or "
            "choose a threshold for cut ones.",
            name=name,
        )
    if own is None and now is not None:
        return InvalidInput(
            "“{name}” was chosen on long passages that were cut, and these were read in windows. Cut them too, or "
            "choose a threshold for windows.",
            name=name,
        )
    if own is not None and now is not None and own.scored_by != now.scored_by:
        return InvalidInput(
            "“{name}” was chosen on windows scored by another rule ({was}) than these ({now}). Score them alike, or "
            "choose a threshold for these.",
            name=name,
            was=own,
            now=now,
        )
    return None


def _not_ours() -> InvalidInput:
    return InvalidInput("This file holds no threshold saved by the playground. Choose a .json file from its download.")


def _damaged(detail: str) -> InvalidInput:
    return InvalidInput("This saved threshold is damaged: {detail}. Download it again.", detail=detail)


def _threshold(record: object) -> Threshold:
    names = {field.name for field in fields(Threshold)} - {"id"}
    found = _fields(record, names)
    method = _one_of("method", found["method"], get_args(Method))
    counts = {name: _count(name, found[name]) for name in ("n_queries", "n_pairs", "n_relevant")}
    if counts["n_relevant"] > counts["n_pairs"]:
        raise _Damage("n_relevant is more than n_pairs")
    parameter = _maybe(_number, "parameter", found["parameter"])
    if (parameter is None) != (method == "by-hand"):
        raise _Damage("parameter does not go with method")
    return Threshold(
        id="",
        name=_text("name", found["name"])[:MOST_NAME_CHARS],
        saved_at=_time(found["saved_at"]),
        value=_number("value", found["value"]),
        scale=_scale(found["scale"]),
        spec=_spec(found["spec"]),
        instruction=_text("instruction", found["instruction"]),
        method=method,
        parameter=parameter,
        set_name=_text("set_name", found["set_name"]),
        **counts,
        interval=_maybe(_interval, "interval", found["interval"]),
        precision=_maybe(_share, "precision", found["precision"]),
        recall=_maybe(_share, "recall", found["recall"]),
    )


def _scale(record: object) -> Scale:
    found = _fields(record, {field.name for field in fields(Scale)})
    low, high = (_maybe(_number, name, found[name]) for name in ("low", "high"))
    return Scale(
        name=_one_of("scale", found["name"], get_args(ScaleName)),
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
        level=_flag("level", found["level"]),
        activation=_one_of("activation", found["activation"], get_args(Activation)),
    )


def _spec(record: object) -> ModelSpec:
    # Files from before passages had an instruction, or windows, do not name it.
    whole = {"passage_instruction": "", "windows": None, **record} if isinstance(record, dict) else record
    found = _fields(whole, {field.name for field in fields(ModelSpec)})
    replaced = found["replaced"]
    if not isinstance(replaced, list):
        raise _Damage("replaced is no list")
    fingerprint = _text("fingerprint", found["fingerprint"])
    if not fingerprint:
        raise _Damage("fingerprint is empty")
    return ModelSpec(
        model_id=_text("model_id", found["model_id"]),
        revision=_maybe(_text, "revision", found["revision"]),
        fingerprint=fingerprint,
        kind=_one_of("kind", found["kind"], get_args(Kind)),
        family=_text("family", found["family"]),
        architecture=_text("architecture", found["architecture"]),
        device=_text("device", found["device"]),
        precision=_one_of("precision", found["precision"], (*PRECISIONS, "unknown")),
        max_length=_count("max_length", found["max_length"]),
        truncation=_one_of("truncation", found["truncation"], get_args(Truncation)),
        n_parameters=_count("n_parameters", found["n_parameters"]),
        replaced=tuple(_text("replaced", each) for each in replaced),
        passage_instruction=_text("passage_instruction", found["passage_instruction"]),
        windows=_windows(found["windows"]),
    )


def _windows(record: object) -> Windows | None:
    if record is None:
        return None
    try:
        return Windows(**_fields(record, {field.name for field in fields(Windows)}))
    except (InvalidInput, TypeError) as error:
        raise _Damage("windows make no sense") from error


def _fields(record: object, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(record, dict):
        raise _Damage("a part of it is no object")
    if missing := sorted(names - record.keys()):
        raise _Damage(f"{missing[0]} is missing")
    if foreign := sorted(record.keys() - names):
        raise _Damage(f"{clean(foreign[0])[:40]} does not belong there")
    return record


def _maybe(read: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    return None if value is None else read(name, value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _Damage(f"{name} is no text")
    return clean(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Damage(f"{name} is neither true nor false")
    return value


def _count(name: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _Damage(f"{name} is no count")
    return value


def _number(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _Damage(f"{name} is no finite number")
    return float(value)


def _share(name: str, value: Any) -> float:
    if not 0.0 <= _number(name, value) <= 1.0:
        raise _Damage(f"{name} is not between 0 and 1")
    return float(value)


def _interval(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Damage(f"{name} is no pair of numbers")
    low, high = (_number(name, side) for side in value)
    if low > high:
        raise _Damage(f"{name} ends before it begins")
    return low, high


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise _Damage(f"{name} is {clean(str(value))[:40]!r}")
    return value


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(_text("saved_at", value))
        if time.tzinfo is None:
            raise _Damage("saved_at has no time zone")
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Damage("saved_at is no time") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand in it once: of two values nobody could say which one holds."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Damage("a name stands in it twice")
    return found


def _no_number(name: str) -> float:
    raise _Damage(f"{name} is no finite number")
