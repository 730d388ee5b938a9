"""The full record of a run."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import __version__
from playground.core.errors import InvalidInput
from playground.core.scales import COSINE
from playground.core.types import ModelChoice, Passage, RerankRequest, RerankResult
from playground.engine.engine import Engine
from playground.engine.manifest import SCHEMA, from_manifest, manifest
from tests.engine.doubles import CHOICE, SPEC, Shelf, request_of, run

PASSAGES = (
    Passage("a", "red panda 🐼\nsecond line", True, {"source": "x", "page": 3}),
    Passage("b", "<b>blue</b> ${x}", False),
    Passage("c", 'כתום "quoted" \\ end'),
)
CHOSEN = ModelChoice("overlap", "abc123", device="cpu", precision="fp32", max_length=40, batch_tokens=9)


def a_result(**changes: object) -> RerankResult:
    result = run(Engine(load_scorer=Shelf()), RerankRequest("red panda", PASSAGES, "find it"), CHOSEN)
    return replace(result, **changes)  # type: ignore[arg-type]


def through_json(record: dict[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(record, allow_nan=False))  # type: ignore[no-any-return]


def test_a_run_comes_back_exactly_from_json() -> None:
    result = a_result(spec=replace(SPEC, replaced=("x",)), warnings=("w",), seconds=0.1 + 0.2)
    assert from_manifest(through_json(manifest(result, CHOSEN))) == (result, CHOSEN)


def test_a_stopped_run_and_a_bounded_scale_come_back_exactly() -> None:
    result = a_result()
    result = replace(result, scored=result.scored[:1], missing=(1, 2), scale=COSINE)
    assert from_manifest(through_json(manifest(result, CHOSEN))) == (result, CHOSEN)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_every_float32_survives_bit_for_bit(logits: list[float]) -> None:
    result = a_result()
    scored = tuple(replace(old, logit=logit) for old, logit in zip(result.scored, logits, strict=True))
    back, _ = from_manifest(through_json(manifest(replace(result, scored=scored), CHOSEN)))
    assert [math.copysign(1, passage.logit) for passage in back] == [math.copysign(1, logit) for logit in logits]
    assert [passage.logit for passage in back] == logits


def test_the_record_names_its_versions_time_and_settings() -> None:
    record = manifest(a_result(), CHOSEN, now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert record["schema"] == SCHEMA
    assert record["created_at"] == "2026-01-02T03:04:05+00:00"
    versions = record["versions"]
    assert isinstance(versions, dict)
    assert versions["playground"] == __version__
    assert set(versions) == {"python", "playground", "torch", "transformers", "tokenizers", "numpy"}
    assert record["query"] == "red panda"
    assert record["scale"] == {"name": "logit", "low": None, "high": None, "level": True, "activation": "sigmoid"}


def test_meta_that_json_has_no_word_for_becomes_text() -> None:
    passage = Passage("1", "red", None, {"when": datetime(2026, 1, 2, tzinfo=UTC), "nan": math.nan, "in": ({"a": 1},)})
    result = run(Engine(load_scorer=Shelf()), RerankRequest("red", (passage,)))
    (written,) = through_json(manifest(result, CHOICE))["passages"]  # type: ignore[misc,attr-defined]
    assert written["meta"] == {"when": "2026-01-02 00:00:00+00:00", "nan": "nan", "in": [{"a": 1}]}


def test_what_is_no_run_or_newer_or_damaged_is_refused() -> None:
    with pytest.raises(InvalidInput, match="This is not a run saved by the playground"):
        from_manifest({"hello": 1})
    record = manifest(a_result(), CHOSEN)
    with pytest.raises(InvalidInput, match=r"newer playground \(format 99\)"):
        from_manifest(record | {"schema": 99})
    for damage in ({"spec": {}}, {"scored": [{"index": 7}]}, {"passages": None}, {"scale": 3}):
        with pytest.raises(InvalidInput, match="This saved run is damaged"):
            from_manifest(record | damage)


def test_a_request_of_the_test_doubles_is_recorded_too() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of("red", "red", "blue"))
    assert from_manifest(through_json(manifest(result, CHOICE)))[0] == result
