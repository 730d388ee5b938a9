"""A saved threshold: where it holds, what is said beside it, and the file that carries it."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.core.scales import BM25, COSINE, LOG_ODDS, LOGIT, PLAIN_LOGIT, TRAINED_LOGIT
from playground.engine.threshold_files import from_json, refusal, to_json, warnings
from playground.models import bm25
from playground.ui import texts
from tests.engine.saved_thresholds import THRESHOLD, threshold

SPEC = THRESHOLD.spec
Path = tuple[str, ...]


def changed(path: Path, value: object, *, drop: bool = False) -> str:
    """The file with one value changed or taken out."""
    file = json.loads(to_json(THRESHOLD))
    inner: dict[str, Any] = file
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    if drop:
        del inner[path[-1]]
    return json.dumps(file)


def test_a_threshold_holds_for_its_weights_on_its_scale_wherever_they_lie() -> None:
    assert refusal(THRESHOLD, SPEC, TRAINED_LOGIT) is None
    elsewhere = replace(SPEC, model_id="/models/copy", revision=None, device="cuda", precision="fp16", max_length=8)
    assert refusal(THRESHOLD, elsewhere, TRAINED_LOGIT) is None
    # How a scale is shown, and whether its level was trained, leaves the raw numbers as they are.
    assert [refusal(THRESHOLD, SPEC, scale) for scale in (LOGIT, PLAIN_LOGIT)] == [None, None]


def test_another_model_is_refused_with_both_names() -> None:
    error = refusal(THRESHOLD, replace(SPEC, model_id="org/other", fingerprint="e" * 64), TRAINED_LOGIT)
    assert str(error) == (
        "“careful” was chosen for org/model, and these scores are from org/other. Choose a threshold for this model."
    )


def test_another_revision_with_other_weights_is_refused_with_both() -> None:
    error = refusal(THRESHOLD, replace(SPEC, revision="b" * 40, fingerprint="e" * 64), TRAINED_LOGIT)
    assert "for revision aaaaaaaa of org/model, and these scores are from revision bbbbbbbb" in str(error)
    assert refusal(THRESHOLD, replace(SPEC, revision="b" * 40), TRAINED_LOGIT) is None


def test_a_folder_whose_weights_changed_is_refused_with_both_fingerprints() -> None:
    of_a_folder = threshold(spec=replace(SPEC, model_id="./mine", revision=None))
    error = refusal(of_a_folder, replace(of_a_folder.spec, fingerprint="0123456789"), TRAINED_LOGIT)
    assert "other weights of ./mine (ffffffff) than those that gave these scores (01234567)" in str(error)


def test_a_threshold_of_bm25_holds_for_its_own_lists_only() -> None:
    of_keywords = threshold(spec=replace(bm25.spec(), fingerprint="1" * 64), scale=BM25)
    assert refusal(of_keywords, of_keywords.spec, BM25) is None
    error = refusal(of_keywords, bm25.spec(), BM25)
    assert str(error).startswith("“careful” holds only for the lists that it was chosen on: BM25 scores depend on")


@pytest.mark.parametrize("scale", [COSINE, LOG_ODDS])
def test_another_scale_is_refused_with_both_names(scale: Any) -> None:
    error = refusal(THRESHOLD, SPEC, scale)
    assert f"“careful” is a threshold on the scale logit, and these scores are {scale.name}." in str(error)


def test_what_else_differs_is_said_and_does_not_refuse() -> None:
    assert warnings(THRESHOLD, SPEC, "") == ()
    other = replace(SPEC, device="cuda", precision="fp16", max_length=512, truncation="longest_first")
    assert warnings(THRESHOLD, other, "find: ") == (
        "This threshold was chosen in fp32, here the model runs in fp16: scores near the line may differ.",
        "This threshold was chosen on cpu, here the model runs on cuda: the last digits may differ.",
        "This threshold was chosen with 64 tokens at most, here it is 512: scores of long texts may differ.",
        "This threshold was chosen with the truncation only_second, here it is longest_first: scores of long texts may "
        "differ.",
        "This threshold was chosen with another instruction before the query: all scores may differ.",
    )
    assert texts.both(warnings(THRESHOLD, other, "")[0])["zh"] != warnings(THRESHOLD, other, "")[0]


def test_a_threshold_goes_through_its_file_and_leaves_its_id() -> None:
    assert from_json(to_json(THRESHOLD)) == replace(THRESHOLD, id="")
    by_hand = threshold(
        name="小心", method="by-hand", parameter=None, interval=None, precision=None, recall=None, scale=COSINE, value=1
    )
    assert from_json("\ufeff" + to_json(by_hand)) == replace(by_hand, id="")
    assert "小心" in to_json(by_hand)


def test_the_time_is_read_as_utc() -> None:
    zone = timezone(timedelta(hours=8))
    read = from_json(to_json(threshold(saved_at=datetime(2026, 11, 23, 20, 30, tzinfo=zone))))
    assert read.saved_at == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert read.saved_at.tzinfo is UTC


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_bit_for_bit(value: float) -> None:
    read = from_json(to_json(threshold(value=value, interval=(min(value, 0.1), max(value, 0.1)))))
    assert math.copysign(1.0, read.value) == math.copysign(1.0, value)
    assert (read.value, read.interval) == (value, (min(value, 0.1), max(value, 0.1)))


def test_what_is_not_known_of_a_model_elsewhere_comes_back_and_is_no_difference() -> None:
    spec = replace(SPEC, revision=None, device="remote", precision="unknown", max_length=0, n_parameters=0)
    saved = threshold(spec=spec)
    read = from_json(to_json(saved))
    assert read == replace(saved, id="")
    assert refusal(read, spec, TRAINED_LOGIT) is None
    assert warnings(read, spec, saved.instruction) == ()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_infinity_is_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(threshold(value=value))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", "{}", "[" * 90_000, '{"kind": "x", "schema": 1}', "9" * 5000, "x" * 200_000),
        *('{"kind": "rerank-playground threshold"}', '{"kind": "rerank-playground threshold", "schema": true}'),
    ],
)
def test_what_is_no_threshold_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="holds no threshold saved by the playground"):
        from_json(text)


def test_a_file_of_a_newer_playground_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"newer playground \(format 2\)"):
        from_json(changed(("schema",), 2))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("threshold",), [], "a part of it is no object"),
        (("threshold", "value"), "0.3", "value is no finite number"),
        (("threshold", "value"), True, "value is no finite number"),
        (("threshold", "value"), math.inf, "Infinity is no finite number"),
        (("threshold", "value"), math.nan, "NaN is no finite number"),
        (("threshold", "name"), None, "name is no text"),
        (("threshold", "saved_at"), "yesterday", "saved_at is no time"),
        (("threshold", "saved_at"), "2026-11-23T12:00:00", "saved_at has no time zone"),
        (("threshold", "method"), "guess", "method is 'guess'"),
        (("threshold", "method"), "by-hand", "parameter does not go with method"),
        (("threshold", "n_pairs"), -1, "n_pairs is no count"),
        (("threshold", "n_pairs"), 2.5, "n_pairs is no count"),
        (("threshold", "n_relevant"), 213, "n_relevant is more than n_pairs"),
        (("threshold", "interval"), [2.0, 1.0], "interval ends before it begins"),
        (("threshold", "interval"), [1.0], "interval is no pair"),
        (("threshold", "precision"), 1.5, "precision is not between 0 and 1"),
        (("threshold", "scale", "name"), "percent", "scale is 'percent'"),
        (("threshold", "scale", "level"), 1, "level is neither true nor false"),
        (("threshold", "spec", "fingerprint"), "", "fingerprint is empty"),
        (("threshold", "spec", "precision"), "fp8", "precision is 'fp8'"),
        (("threshold", "spec", "replaced"), "no", "replaced is no list"),
        (("threshold", "spec", "extra"), 1, "extra does not belong there"),
        (("more",), 1, "more does not belong there"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(path: Path, value: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"This saved threshold is damaged: .*{said}"):
        from_json(changed(path, value))


def test_a_missing_and_a_doubled_field_are_damage() -> None:
    with pytest.raises(InvalidInput, match="damaged: recall is missing"):
        from_json(changed(("threshold", "recall"), None, drop=True))
    with pytest.raises(InvalidInput, match="damaged: a name stands in it twice"):
        from_json(to_json(THRESHOLD).replace('"value":', '"value": 9.5, "value":'))
    with pytest.raises(InvalidInput, match="damaged: value is no finite number"):
        from_json(to_json(THRESHOLD).replace('"value": 0.30000000000000004', '"value": 1e999'))


def test_texts_that_no_page_can_show_are_cleaned() -> None:
    text = to_json(THRESHOLD).replace('"careful"', '"care\\u0000ful \\ud800"')
    assert from_json(text).name == "careful \ufffd"
