"""A comparison as a record, a table and a list of differences."""

import csv
import io
import json
from dataclasses import replace

import pytest

from playground.core.errors import InvalidInput, ModelNotFound
from playground.core.types import Comparison, ModelChoice, ModelRun
from playground.engine import comparison_record, manifest
from playground.engine.comparison_record import Difference
from tests.engine.doubles import CHOICE, request_of, run
from tests.engine.embedders import EMBED
from tests.engine.test_comparison_run import BM25, compared, engine_of

REQUEST = replace(request_of("=red panda", "blue", "=a red panda", "-1"), instruction="find")


def a_comparison() -> Comparison:
    return compared(engine_of(), [CHOICE, ModelChoice("gone"), EMBED, BM25], REQUEST)


def through_json(record: dict[str, object]) -> dict[str, object]:
    return json.loads(json.dumps(record, allow_nan=False))  # type: ignore[no-any-return]


def test_a_comparison_comes_back_from_json_with_its_errors_and_partial_runs() -> None:
    made = a_comparison()
    first = made.runs[0].result
    assert first is not None
    partial = replace(first, scored=first.scored[:1], missing=(0, 2))
    made = replace(made, runs=(*made.runs, ModelRun(ModelChoice("cut"), partial), ModelRun(ModelChoice("not reached"))))
    back = comparison_record.from_manifest(through_json(comparison_record.manifest(made)))
    assert back.request == made.request
    assert [replace(one, error=None) for one in back.runs] == [replace(one, error=None) for one in made.runs]
    error = back.runs[1].error
    assert isinstance(error, ModelNotFound)
    assert (error.template, error.values) == ("No model {id!r}.", {"id": "gone"})


def test_history_finds_query_models_and_best_passage_in_the_record() -> None:
    record = comparison_record.manifest(a_comparison())
    assert record["kind"] == "comparison"
    assert record["query"] == "=red panda"
    assert record["spec"] == {
        "model_id": "overlap + gone + counts + bm25",
        "revision": None,
        "device": "cpu",
        "precision": "fp32",
    }
    assert record["scored"] == [{"index": 1, "rank": 1}]


def test_records_of_the_wrong_kind_damaged_or_of_a_stranger_are_refused() -> None:
    record = through_json(comparison_record.manifest(a_comparison()))
    single = manifest.manifest(run(engine_of(), REQUEST), CHOICE)
    with pytest.raises(InvalidInput, match="Open it in the Compare view"):
        manifest.from_manifest(record)
    with pytest.raises(InvalidInput, match="Open it in the Ranking view"):
        comparison_record.from_manifest(single)
    with pytest.raises(InvalidInput, match="newer playground"):
        comparison_record.from_manifest(record | {"schema": 99})
    for template in ("{id.__class__}", "{id:999999999}", "{", "{0}{}"):
        runs = [{**record["runs"][1], "error": {"kind": "ModelError", "template": template, "values": {"id": "x"}}}]  # type: ignore[index]
        with pytest.raises(InvalidInput, match="This saved run is damaged"):
            comparison_record.from_manifest(record | {"runs": runs})


def test_the_long_table_has_a_row_per_model_and_passage_and_no_formula() -> None:
    made = a_comparison()
    table = list(csv.DictReader(io.StringIO(comparison_record.to_csv(made))))
    assert len(table) == 4 * 3
    assert [row["status"] for row in table[:6]] == ["scored"] * 3 + ["failed"] * 3
    assert (table[0]["model"], table[0]["rank"], table[0]["scale"]) == ("overlap", "1", "logit")
    assert table[0]["passage"] == "'=a red panda"
    assert (table[3]["raw"], table[3]["rank"], table[3]["error"]) == ("", "", "No model 'gone'.")
    assert {row["scale"] for row in table[6:]} == {"cosine", "bm25"}
    frame = comparison_record.to_frame(made)
    assert list(frame.columns) == list(comparison_record.COLUMNS)
    assert len(frame) == 12
    assert json.loads(comparison_record.to_json(made))["kind"] == "comparison"


def test_differences_name_input_model_and_settings() -> None:
    engine = engine_of()
    one, other = REQUEST, replace(REQUEST, query="blue", passages=REQUEST.passages[:2])
    first = ModelRun(CHOICE, run(engine, one))
    second = ModelRun(ModelChoice("other"), run(engine, other, ModelChoice("other", precision="bf16")))
    assert comparison_record.differences(first, first) == ()
    found = comparison_record.differences(first, second)
    assert {(one.where, one.name) for one in found} == {
        ("input", "query"),
        ("input", "passage 3"),
        ("model", "model_id"),
        ("model", "fingerprint"),
        ("settings", "precision"),
    }
    assert Difference("input", "query", "=red panda", "blue") in found
    assert Difference("input", "passage 3", "-1", "") in found
    turned = replace(REQUEST, passages=REQUEST.passages[::-1])
    assert comparison_record.input_differences(REQUEST, turned) == (
        Difference("input", "order of the passages", "1, 2, 3", "3, 2, 1"),
    )


def test_a_past_comparison_is_laid_beside_a_new_one_over_the_same_passages() -> None:
    past, new = a_comparison(), compared(engine_of(), [BM25], replace(REQUEST, query="blue"))
    both = comparison_record.beside(past, new)
    assert [one.choice.model_id for one in both.runs] == ["overlap", "gone", "counts", "bm25", "bm25"]
    back = comparison_record.from_manifest(through_json(comparison_record.manifest(both)))
    assert back.results[-1].request.query == "blue"
    with pytest.raises(InvalidInput, match="different passages"):
        comparison_record.beside(past, compared(engine_of(), [BM25]))
