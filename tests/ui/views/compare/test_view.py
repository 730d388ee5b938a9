"""The comparison, from the rows of the picker to what the page shows; no browser and no weights."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.limits import Limits
from playground.core.types import ModelChoice, Passage
from playground.engine.engine import Engine
from playground.ui.components.model_rows import chosen, instruction_of, offered
from playground.ui.services import Services
from playground.ui.views.compare import view as compare
from playground.ui.views.compare.comparison_details import FINENESS
from playground.ui.views.compare.shown import NOTHING_NEW, Visit
from playground.ui.wiring import Caller
from tests.embedder_checkpoints import tiny_bert_embedder
from tests.ui.views.compare.comparisons import (
    ASKED,
    BM25,
    EMBEDDER,
    FIRST,
    Rounded,
    columns,
    compared,
    keys,
    row,
    steps,
)


def test_reranker_embedder_and_keywords_stand_in_columns_each_with_its_own_scale(
    services: Services, caller: Caller
) -> None:
    shown = compared(services, caller, EMBEDDER, BM25)
    assert [(one["name"], one["kind"], one["scale"], one["state"]) for one in columns(shown)] == [
        ("reranker", "reranker", "logit", "done"),
        ("mini-embedder", "embedder", "cosine", "done"),
        ("BM25", "keywords", "bm25", "done"),
    ]
    assert [one["series"] for one in columns(shown)] == [0, 1, 2]
    place, rank, tied, raw, percentile, tokens, cut = columns(shown)[0]["scored"][0]
    assert (place, rank, tied, raw, tokens, cut) == (2, 1, False, 2.875, 4, 0)
    assert percentile == pytest.approx(83.33)
    assert shown.plots["visible"] is True
    assert json.loads(shown.shift.plot)["layout"]["meta"]["names"] == ["reranker", "mini-embedder", "BM25"]


def test_what_disagrees_most_comes_first_with_its_rank_in_every_model(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row("owner/backwards"))
    fights = shown.results["disagreement"]
    assert [(one["place"], one["spread"], one["ranks"]) for one in json.loads(fights["rows"])] == [
        (0, 2, [3, 1]),
        (2, 2, [1, 3]),
        (1, 0, [2, 2]),
    ]
    said = shown.results["headline"]
    assert keys(said) == ["compare.other_first", "compare.first_of", "compare.first_of", "compare.widest"]
    assert said[-1]["values"] == {
        "passage": 1,
        "best": 1,
        "best_model": "backwards",
        "worst": 3,
        "worst_model": "reranker",
    }


def test_agreement_gives_every_measure_of_each_two_models(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row("owner/backwards"), row("owner/same"))
    rows = shown.details["agreement"]["rows"]
    assert [(one["first"], one["second"]) for one in rows] == [
        ("reranker", "backwards"),
        ("reranker", "same"),
        ("backwards", "same"),
    ]
    reversed_, same = rows[0]["measures"], rows[1]["measures"]
    assert {name: one["value"] for name, one in same.items()} == pytest.approx(
        {"kendall_tau_b": 1, "spearman": 1, "rbo_50": 1, "rbo_90": 1, "overlap": 1, "same_top": 1}
    )
    assert [reversed_[name]["value"] for name in ("kendall_tau_b", "spearman", "overlap", "same_top")] == [-1, -1, 0, 0]


def test_scores_that_are_all_equal_make_agreement_undefined_with_the_reason(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row("owner/constant"))
    agreement = shown.details["agreement"]
    assert {one["value"] for one in agreement["rows"][0]["measures"].values()} == {None}
    assert agreement["reasons"][0]["en"].startswith("All scores of one model are equal")
    assert agreement["reasons"][0]["zh"].startswith("其中一个模型的分数全部相等")
    assert keys(shown.results["headline"]) == ["compare.silent", "compare.nothing_to_compare"]
    assert "NaN" not in json.dumps([shown.results, shown.details])


def test_a_rank_of_a_model_that_orders_nothing_is_no_opinion(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row("owner/constant"), row("owner/backwards"))
    assert shown.results["disagreement"]["silent"] == [False, True, False]
    widest = shown.results["headline"][-1]["values"]
    assert (widest["best_model"], widest["worst_model"]) == ("backwards", "reranker")


def test_one_passage_says_what_agreement_needs(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, BM25, asked=ASKED._replace(text="a red panda"))
    assert keys(shown.results["headline"]) == ["compare.one_passage"]
    assert shown.details["agreement"]["reasons"][0]["en"].startswith("Agreement needs at least two passages")


def test_equal_passages_tie_everywhere_and_break_nothing(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, BM25, asked=ASKED._replace(text="red\nred\nred"))
    assert [[each[1:3] for each in one["scored"]] for one in columns(shown)] == [[[1, True]] * 3] * 2
    assert keys(shown.results["headline"]) == ["compare.silent", "compare.nothing_to_compare"]


def test_a_blank_passage_is_left_out_with_a_warning_and_nothing_at_all_is_refused(
    services: Services, caller: Caller
) -> None:
    shown = compared(services, caller, BM25, asked=ASKED._replace(text='["red", " ", "blue"]'))
    assert [one["text"] for one in json.loads(shown.results["passages"])] == ["red", "blue"]
    assert shown.results["warnings"][0]["values"] == {"n": 1}
    with pytest.raises(InvalidInput, match="There are no passages"):
        steps(services, caller, BM25, asked=ASKED._replace(text=" \n "))


def test_one_model_is_enough(services: Services, caller: Caller) -> None:
    last = steps(services, caller)[-1]
    assert keys(last.progress["said"]) == ["compare.done"]
    assert last.shown.results["disagreement"] is None
    assert keys(last.shown.results["headline"]) == ["compare.one_model"]
    assert keys(last.shown.details["agreement"]["says"]) == ["compare.agreement_needs_two"]


def test_a_model_that_fails_says_so_in_its_column_and_the_others_stay(services: Services, caller: Caller) -> None:
    said = steps(services, caller, row("owner/gone"), BM25)
    last = said[-1]
    assert [one["state"] for one in columns(last.shown)] == ["done", "failed", "done"]
    assert columns(last.shown)[1]["said"][0]["zh"] == "没有文件夹 gone。请检查路径，或输入 Hub 模型名。"
    # What can be compared is numbered without it, as in the plots.
    assert [one["series"] for one in columns(last.shown)] == [0, None, 1]
    assert last.shown.results["disagreement"]["columns"] == [0, 2]
    assert keys(last.progress["said"]) == ["compare.done", "compare.failures"]
    assert [one.progress["running"] for one in said[:-1]] == [True] * (len(said) - 1)


def test_columns_fill_one_after_another(services: Services, caller: Caller) -> None:
    halfway = next(one.shown for one in steps(services, caller, BM25) if "columns" in one.shown.results)
    assert [one["state"] for one in columns(halfway)] == ["done", "running"]
    assert halfway.results["running"] is True
    assert halfway.results["headline"] == []


def test_stop_ends_the_run_and_starts_no_other_model(services: Services, caller: Caller) -> None:
    event = replace(caller, event={"rows": [BM25]})
    going = compare.on_compare(services, event, Visit(), *ASKED)
    for ran in going:
        if ran.progress["lines"]:
            break
    assert keys(compare.on_stop(services, caller)["said"]) == ["run.stopping"]
    last = list(going)[-1]
    assert last.progress["running"] is False
    assert keys(last.progress["said"]) in (["run.stopped_early"], ["compare.stopped"])


def test_the_same_model_twice_with_the_same_settings_is_refused(services: Services, caller: Caller) -> None:
    with pytest.raises(InvalidInput, match="stands in the comparison twice"):
        steps(services, caller, row(FIRST))


def test_more_models_than_the_limit_are_refused_with_the_limit(services: Services, caller: Caller) -> None:
    few = replace(services, engine=Engine(load_scorer=Rounded(), limits=Limits(models=2)))
    with pytest.raises(InvalidInput, match="3 models are more than the limit of 2"):
        steps(few, caller, BM25, row("owner/same"))
    assert offered(few, FIRST, "auto")["limit"] == 2


def test_the_picker_knows_the_ways_in_which_a_model_is_read(services: Services, tmp_path: Path) -> None:
    offer: Any = offered(services, "BAAI/bge-m3#mode=dense", "auto")["readings"]
    (modes,) = offer["BAAI/bge-m3"]
    assert (modes["what"], modes["model"], modes["plain"]) == ("modes", "bge-m3", "BAAI/bge-m3#mode=dense")
    assert modes["choices"][1] == {"value": "BAAI/bge-m3#mode=sparse", "label": "mode=sparse · bge-m3"}
    assert [way["what"] for way in offer["BAAI/bge-reranker-v2.5-gemma2-lightweight"]] == ["layers", "ratios"]
    (tmp_path / "sparse_linear.pt").touch()
    (tmp_path / "colbert_linear.pt").touch()
    own: Any = offered(services, str(tmp_path), "auto")["readings"]
    assert own[str(tmp_path)][0]["choices"][0]["value"] == f"{tmp_path}#mode=dense"
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    hidden: Any = offered(public, str(tmp_path), "auto")["readings"]
    assert str(tmp_path) not in hidden


def test_eight_models_on_little_memory_all_come_through(services: Services, caller: Caller) -> None:
    small = replace(services, engine=Engine(load_scorer=Rounded(), memory_limit_mib=250))
    shown = compared(small, caller, *(row(f"owner/model-{n}") for n in range(7)))
    assert [one["state"] for one in columns(shown)] == ["done"] * 8
    assert len(shown.details["agreement"]["rows"]) == 28
    assert len({one["name"] for one in columns(shown)}) == 8


def test_two_precisions_of_one_model_are_held_against_each_other(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row(FIRST, "bf16"), asked=ASKED._replace(precision="fp32"))
    (pair,) = shown.details["precisions"]
    assert pair["names"] == ["reranker · fp32", "reranker · bf16"]
    assert (pair["largest"], pair["mean"], pair["scale"]) == (0.125, 0.125, "logit")
    assert (pair["order_kept"], pair["n_moved"], pair["top_kept"], pair["speed"]) == (True, 0, True, None)
    assert FINENESS[0] == "fp32"


def test_the_finer_precision_is_the_reference_in_whatever_order_they_ran(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row(FIRST, "fp32"), asked=ASKED._replace(precision="bf16"))
    assert shown.details["precisions"][0]["pair"] == [1, 0]


def test_speed_is_measured_at_a_press_and_kept_with_the_comparison(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row(FIRST, "bf16"), asked=ASKED._replace(precision="fp32"))
    event = replace(caller, event={"pair": [0, 1]})
    said = list(compare.on_time(services, event, shown.visit))
    assert any(one.shown.details["precisions"][0]["busy"] for one in said[:-1])
    speed = said[-1].shown.details["precisions"][0]["speed"]
    assert (speed["n_rounds"], speed["n_passages"], speed["device"]) == (5, 3, "cpu")
    assert 0 < speed["least"] <= speed["most"]
    assert speed["ratio"] > 0
    assert (0, 1) in said[-1].shown.visit.speeds
    assert said[-1].progress["running"] is False


def test_nonsense_from_a_browser_times_nothing(services: Services, caller: Caller) -> None:
    visit = compared(services, caller, BM25).visit
    for pair in ([0, 1], "01", None, [0], [5, 6]):
        assert list(compare.on_time(services, replace(caller, event={"pair": pair}), visit)) == []


def test_an_embedder_and_a_reranker_of_one_id_stand_side_by_side(services: Services, caller: Caller) -> None:
    shown = compared(services, caller, row(FIRST, kind="embedder"))
    assert [one["name"] for one in columns(shown)] == ["reranker · reranker", "reranker · embedder"]
    assert [one["scale"] for one in columns(shown)] == ["logit", "cosine"]
    assert shown.details["precisions"] == []


def test_a_typed_folder_shows_its_kind_by_its_files(services: Services, tiny_embedder: Path) -> None:
    choices = chosen(services, ASKED, [row(str(tiny_embedder), kind="auto"), row("no/such-model", kind="auto")])
    assert [choice.kind for choice in choices] == ["reranker", "embedder", "reranker"]


def test_rows_from_a_browser_may_hold_anything(services: Services) -> None:
    choices = chosen(services, ASKED, [7, None, "x", {"model": "bm25", "precision": ["fp32"], "kind": {}}])
    assert choices[1:] == [ModelChoice("bm25")]
    assert len(chosen(services, ASKED, "rows")) == 1
    with pytest.raises(InvalidInput, match="Name a model"):
        chosen(services, ASKED, [row("  ")])


def test_a_folder_is_refused_on_a_public_page(services: Services) -> None:
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    with pytest.raises(InvalidInput, match="Folders of this machine"):
        chosen(public, ASKED, [row("/etc")])


def test_settings_of_the_workspace_hold_for_all_and_the_precision_for_its_row(services: Services) -> None:
    asked = ASKED._replace(max_length=20, device="cpu", precision="fp16")
    first, other = chosen(services, asked, [row("owner/same@abc", "bf16")])
    assert (first.precision, other.precision) == ("fp16", "bf16")
    assert (other.max_length, other.device, other.revision) == (20, "cpu", "abc")


def test_the_instruction_of_the_first_models_makers_is_not_put_on_the_others(
    services: Services, tmp_path: Path
) -> None:
    own = "Represent this sentence for searching relevant passages: "
    asked = ASKED._replace(model="BAAI/bge-small-en-v1.5", instruction=own)
    assert instruction_of(services, asked) is None
    assert instruction_of(services, asked._replace(instruction="Find: ")) == "Find:"
    # No folder of a public page is looked into.
    asked = asked._replace(model=str(tiny_bert_embedder(tmp_path / "m", prompts={"query": own})))
    assert instruction_of(services, asked) is None
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    assert instruction_of(public, asked) == own.strip()


def test_exports_are_those_of_the_comparison_on_the_page(services: Services, caller: Caller) -> None:
    visit = compared(services, caller, BM25).visit

    def export(kind: str, figure: str = "") -> dict[str, str] | None:
        return compare.on_export(services, replace(caller, event={"format": kind, "figure": figure}), visit)

    table = export("csv")
    assert table is not None
    assert len(list(csv.DictReader(io.StringIO(table["text"])))) == 6
    record = export("json")
    assert record is not None
    assert json.loads(record["text"])["kind"] == "comparison"
    page = export("html", "rank_shift")
    assert page is not None
    assert page["name"] == "rank-shift.html"
    assert "red panda" in page["text"]
    assert export("html", "../../etc") is None
    assert export("exe") is None


def test_a_comparison_that_cannot_be_saved_stays_on_the_page_with_the_reason(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(owner: str, manifest: object) -> str:
        raise HistoryError("The disk that holds {path} is full. Free some space and try again.", path="/data/x.db")

    monkeypatch.setattr(services.history, "save", full)
    last = steps(services, caller, BM25)[-1]
    assert last.shown.results["run_id"] is None
    assert last.shown.results["warnings"][0]["en"].startswith("This run is not in the history: The disk")


def test_what_a_model_is_and_costs_is_said_and_what_is_not_known_is_not_guessed(
    services: Services, caller: Caller
) -> None:
    reranker, embedder, keyword = compared(services, caller, EMBEDDER, BM25).details["models"]
    assert (reranker["licence"], reranker["memory_mib"], reranker["max_length"]) == (None, 100.0, 64)
    assert embedder["licence"] == "Apache-2.0"
    assert (keyword["keyword"], keyword["max_length"], keyword["memory_mib"]) == (True, 0, None)
    again = compared(services, caller, EMBEDDER, BM25).details["models"][0]
    assert (again["seconds"], again["passages_per_second"], again["n_cached"]) == (None, None, 3)


def test_labels_say_whether_the_first_place_is_relevant(services: Services, caller: Caller) -> None:
    known = (Passage("a", "blue whale", False), Passage("b", "a red panda", True), Passage("c", "red red red", False))
    asked = ASKED._replace(text="\n".join(one.text for one in known), known=known)
    said = compared(services, caller, row("owner/backwards"), asked=asked).results["right"]
    wrong = next(one for one in said if one["key"] == "compare.first_not_relevant")
    assert wrong["values"]["models"] == "reranker, backwards"


def test_another_first_model_changes_the_picker_and_keeps_its_rows(services: Services, caller: Caller) -> None:
    picker = compare.on_first(services, caller, Visit(), "built-in/mini-embedder", "fp32", "windows")
    assert picker["first"] == {
        "model": "Mini embedder (built in, English demo)",
        "id": "built-in/mini-embedder",
        "precision": "fp32",
        "reading": "windows",
    }
    assert picker["rows"] is None
    assert [one["group"] for one in picker["choices"]][:3] == ["built_in", "built_in", "keywords"]
    assert {one["group"] for one in picker["choices"]} < set(picker["groups"])
    large = next(one for one in picker["choices"] if one["value"] == "BAAI/bge-reranker-large")
    assert large["size"]["en"].startswith("560\u00a0M · 2.1\u00a0GiB")


def test_the_plots_follow_the_language(services: Services, caller: Caller) -> None:
    visit = compared(services, caller, BM25).visit
    shown = compare.on_words(services, replace(caller, event={"lang": "zh"}), visit)
    assert "百分位" in json.loads(shown.percentiles.plot)["layout"]["xaxis"]["title"]["text"]
    assert compare.on_words(services, caller, Visit()) == NOTHING_NEW
