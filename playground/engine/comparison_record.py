"""A comparison as a record, a file and a table, and what differs between two of its runs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from playground.core import errors
from playground.core.errors import InvalidInput, ModelError, PlaygroundError
from playground.core.spreadsheet_cells import safe_cell
from playground.core.types import Comparison, ModelRun, Passage, RerankRequest, ScoredPassage
from playground.core.windows import windows_of
from playground.engine.exports import reading, window_cells
from playground.engine.manifest import (
    SCHEMA,
    check_schema,
    damage_named,
    read_choice,
    read_request,
    read_result,
    request_fields,
    result_fields,
    versions,
)

if TYPE_CHECKING:
    import pandas as pd

KIND = "comparison"
Where = Literal["input", "model", "settings"]
# What a spec says of the weights; the rest of it is settings.
OF_THE_MODEL = ("model_id", "revision", "fingerprint", "kind", "family", "architecture")
SETTINGS = ("device", "precision", "max_length", "truncation", "windows", "passage_instruction")
COLUMNS = (
    *("model", "revision", "kind", "family", "device", "precision", "max_length", "long_passages", "scale"),
    *("instruction", "passage_instruction"),
    *("passage_id", "input_place", "label", "status", "rank", "tied", "raw", "shown", "tokens_read", "tokens_cut"),
    *("windows", "window_from", "window_to"),
    *("passage", "query", "error", "warnings"),
)
# A template from a file may name values and little more: a wide field or an attribute of a value is not ours.
FIELD = re.compile(r"\{\w+(!r)?(:(,|\.\d[efg%]))?\}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs are not alike.

    Attributes:
        name: a field's name, or `passage <id>`.
        one, other: as text; empty where a run has no such thing.
    """

    where: Where
    name: str
    one: str
    other: str


def manifest(comparison: Comparison, *, now: datetime | None = None) -> dict[str, object]:
    """The full record as JSON-ready values; history lists it by its query, its models and the first model's best.

    Args:
        now: when the comparison was made, with its zone.
    """
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "created_at": (now or datetime.now(UTC)).isoformat(),
        "versions": versions(),
        "spec": _listed_spec(comparison),
        "scored": _listed_best(comparison),
        **request_fields(comparison.request),
        "runs": [run_fields(run, comparison.request) for run in comparison.runs],
    }


def from_manifest(record: Mapping[str, object]) -> Comparison:
    """The comparison that `manifest` recorded.

    Raises:
        InvalidInput: the record is no comparison, is damaged, or was written by a newer playground.
    """
    check_schema(record)
    if not is_comparison(record):
        raise InvalidInput("This is a saved run of one model. Open it in the Ranking view.")
    with damage_named():
        fields: dict[str, Any] = dict(record)
        request = read_request(fields)
        return Comparison(request, tuple(read_run(run, request) for run in fields["runs"]))


def is_comparison(record: Mapping[str, object]) -> bool:
    """Whether a record of history is a comparison rather than a run of one model."""
    return record.get("kind") == KIND


def comparable(comparison: Comparison) -> tuple[int, ...]:
    """Places of the runs that scored something and did not fail: those that stand beside each other.

    What a model scored before it failed is true, but would shrink the passages that all of them have.
    """
    runs = enumerate(comparison.runs)
    return tuple(place for place, run in runs if run.error is None and run.result is not None and run.result.scored)


def beside(one: Comparison, other: Comparison) -> Comparison:
    """The runs of both over the same passages, to be looked at together; the request is the first one's.

    Raises:
        InvalidInput: they have other passages.
    """
    mine, theirs = ([(p.id, p.text) for p in side.request.passages] for side in (one, other))
    if mine != theirs:
        raise InvalidInput("The two comparisons have different passages, so their ranks cannot stand side by side.")
    return Comparison(one.request, one.runs + other.runs)


def differences(one: ModelRun, other: ModelRun) -> tuple[Difference, ...]:
    """What is not alike in input, model and settings; of a run without a result only what was asked for is known."""
    first, second = one.result, other.result
    if first is None or second is None:
        asked = [asdict(each.choice) | {"windows": reading(each.choice.windows)} for each in (one, other)]
        return _differing("settings", *asked)
    before, after = (asdict(each.spec) | {"windows": reading(each.spec.windows)} for each in (first, second))
    return (
        *input_differences(first.request, second.request),
        *_differing("model", _only(before, OF_THE_MODEL), _only(after, OF_THE_MODEL)),
        *_differing("settings", _only(before, SETTINGS), _only(after, SETTINGS)),
        *_differing("settings", {"instruction used": first.instruction}, {"instruction used": second.instruction}),
    )


def input_differences(one: RerankRequest, other: RerankRequest) -> tuple[Difference, ...]:
    """What is not alike in query, instruction and passages, these by id; an order of its own is said once."""
    before, after = ({f"passage {p.id}": p.text for p in request.passages} for request in (one, other))
    said = _differing(
        "input",
        {"query": one.query, "instruction": one.instruction, **before},
        {"query": other.query, "instruction": other.instruction, **after},
    )
    if before == after and list(before) != list(after):
        orders = (", ".join(p.id for p in request.passages) for request in (one, other))
        return (*said, Difference("input", "order of the passages", *orders))
    return said


def rows(comparison: Comparison) -> list[dict[str, object]]:
    """The long table: one row per model and passage, in the order of the columns and then by rank.

    `status` is scored, failed (its model has an error) or missing (not reached); without a score the numbers are None.
    """
    return [row for run in comparison.runs for row in _rows_of(run, comparison.request)]


def to_frame(comparison: Comparison) -> pd.DataFrame:
    """The long table of `rows` as a DataFrame with `COLUMNS`."""
    import pandas as pd

    return pd.DataFrame(rows(comparison), columns=list(COLUMNS))


def to_csv(comparison: Comparison) -> str:
    """The long table. Text cells cannot become formulas; write it as `utf-8-sig` with `newline=""`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows(comparison):
        writer.writerow(_cell(row[column]) for column in COLUMNS)
    return out.getvalue()


def to_json(comparison: Comparison) -> str:
    """The full manifest."""
    return json.dumps(manifest(comparison), ensure_ascii=False, indent=2) + "\n"


def _listed_spec(comparison: Comparison) -> dict[str, object]:
    """What the list of past runs shows: all models, and the device and precision where they are one."""
    devices = {result.spec.device for result in comparison.results}
    precisions = {result.spec.precision for result in comparison.results}
    return {
        "model_id": " + ".join(dict.fromkeys(run.choice.model_id for run in comparison.runs)),
        "revision": None,
        "device": devices.pop() if len(devices) == 1 else "",
        "precision": precisions.pop() if len(precisions) == 1 else "",
    }


def _listed_best(comparison: Comparison) -> list[dict[str, object]]:
    best = next((result.scored[0] for result in comparison.results if result.scored), None)
    return [] if best is None else [{"index": best.index, "rank": best.rank}]


def run_fields(run: ModelRun, request: RerankRequest) -> dict[str, object]:
    """One run as JSON-ready values, without the request where that is the record's."""
    result = run.result
    return {
        "settings": asdict(run.choice),
        "result": None if result is None else result_fields(result),
        # A past run laid beside a new one may have had another query.
        "request": None if result is None or result.request == request else request_fields(result.request),
        "error": None if run.error is None else _error_fields(run.error),
        "memory_mib": run.memory_mib,
    }


def _error_fields(error: PlaygroundError) -> dict[str, object]:
    values = {
        name: value if isinstance(value, int | float | str) else str(value) for name, value in error.values.items()
    }
    return {"kind": type(error).__name__, "template": error.template, "values": values}


def read_run(record: dict[str, Any], request: RerankRequest) -> ModelRun:
    """What `run_fields` recorded."""
    result, own, error = record["result"], record["request"], record["error"]
    return ModelRun(
        choice=read_choice(record["settings"]),
        result=None if result is None else read_result(result, request if own is None else read_request(own)),
        error=None if error is None else _read_error(error),
        memory_mib=record["memory_mib"],
    )


def _read_error(record: dict[str, Any]) -> PlaygroundError:
    if "{" in FIELD.sub("", record["template"]):
        raise ValueError("an error of another program")
    kind = getattr(errors, record["kind"], None)
    known = isinstance(kind, type) and issubclass(kind, PlaygroundError)
    return (kind if known else ModelError)(record["template"], **record["values"])  # type: ignore[misc]


def _rows_of(run: ModelRun, request: RerankRequest) -> list[dict[str, object]]:
    result = run.result
    scored = () if result is None else result.scored
    without = [index for index in range(len(request.passages)) if index not in {one.index for one in scored}]
    return [
        *(_row(run, request, one.index, one.passage, one) for one in scored),
        *(_row(run, request, index, request.passages[index], None) for index in without),
    ]


def _row(
    run: ModelRun, request: RerankRequest, index: int, passage: Passage, scored: ScoredPassage | None
) -> dict[str, object]:
    result = run.result
    ran: dict[str, Any] = asdict(run.choice) | {"family": None} if result is None else asdict(result.spec)
    numbers = dict.fromkeys(("rank", "tied", "raw", "shown", "tokens_read", "tokens_cut"))
    if scored is not None:
        values = (scored.rank, scored.tied, scored.logit, scored.score, scored.n_tokens, scored.n_cut)
        numbers = dict(zip(numbers, values, strict=True))
    return {
        "model": ran["model_id"],
        **{name: ran[name] for name in ("revision", "kind", "family", "device", "precision", "max_length")},
        "long_passages": reading(windows_of(ran["windows"])),
        "scale": None if result is None else result.scale.name,
        "instruction": None if result is None else result.instruction,
        "passage_instruction": None if result is None else result.spec.passage_instruction,
        "passage_id": passage.id,
        "input_place": index + 1,
        "label": passage.label,
        "status": "scored" if scored is not None else "missing" if run.error is None else "failed",
        **numbers,
        **dict(zip(("windows", "window_from", "window_to"), window_cells(scored), strict=True)),
        "passage": passage.text,
        "query": request.query if result is None else result.request.query,
        "error": None if run.error is None else str(run.error),
        "warnings": None if result is None else " ".join(result.warnings),
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else safe_cell(value) if isinstance(value, str) else repr(value)


def _only(fields: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: fields[name] for name in names}


def _differing(where: Where, one: Mapping[str, object], other: Mapping[str, object]) -> tuple[Difference, ...]:
    return tuple(
        Difference(where, name, _text(one.get(name)), _text(other.get(name)))
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
