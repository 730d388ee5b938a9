"""Windows from the boxes of the workspace to the row, the comparison, the history and the labelled set; no browser."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.core.windows import Windows
from playground.ui.components.asked import Asked
from playground.ui.components.model_rows import chosen, offered
from playground.ui.services import Services
from playground.ui.views.compare import view as compare
from playground.ui.views.compare.shown import Visit as Compared
from playground.ui.views.history import view as history
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from playground.ui.workspace.view import on_count
from playground.ui.workspace.windows import on_reading

LONG = " ".join(f"word{n}" for n in range(100))
# Of the double, 61 words fit beside the query.
CUT = Asked(
    query="red panda",
    text=f"{LONG} red panda\nred",
    split="lines",
    model="built-in/mini-reranker",
    device="auto",
    precision="auto",
    max_length=None,
    truncation="only_second",
    batch_tokens=None,
    instruction="",
    known=(),
)
READ = CUT._replace(reading="windows", window_tokens=40, window_overlap="0", window_by="mean", window_top_k=2)


def ran(services: Services, caller: Caller, asked: Asked) -> ranking.Shown:
    return list(ranking.on_rerank(services, caller, Visit(), *asked))[-1].shown


def rows(shown: ranking.Shown) -> list[dict[str, Any]]:
    return list(json.loads(shown.results["rows"]))


def test_a_row_says_which_windows_count_and_what_they_scored(services: Services, caller: Caller) -> None:
    cut = ran(services, caller, CUT)
    assert [(row["cut"], row["windows"]) for row in rows(cut)] == [(0, None), (41, None)]
    shown = ran(services, caller, CUT._replace(reading="windows", window_tokens=40, window_overlap="0"))
    assert shown.results["windows"] == {"by": "max"}
    long = rows(shown)[0]
    assert (long["tokens"], long["cut"], long["windows"]["best"]) == (102, 0, [2])
    assert [long["text"][start:end].split()[0] for start, end, _ in long["windows"]["all"]] == [
        "word0",
        "word40",
        "word80",
    ]
    assert long["text"][slice(*long["windows"]["all"][2][:2])].endswith("word99 red panda")
    assert long["logit"] == long["windows"]["all"][2][2]
    assert rows(ran(services, caller, READ))[1]["windows"]["best"] == [2, 0]
    # Another reading is another scale of thresholds.
    assert cut.results["fingerprint"] != shown.results["fingerprint"]


def test_the_history_brings_the_windows_back_and_a_replay_changes_nothing(services: Services, caller: Caller) -> None:
    run_id = ran(services, caller, READ).visit.run_id
    page = history.on_replay(services, replace(caller, event={"id": run_id}), Visit())
    assert Asked(*page.workspace)[-6:-1] == ("windows", 40, "0", "mean", 2)
    assert rows(page.shown)[1]["windows"]["best"] == [2, 0]
    again = list(ranking.on_rerank(services, caller, page.shown.visit, *page.workspace))[-1]
    assert [said["key"] for said in again.shown.results["replay"]] == ["replay.nothing"]
    other = list(ranking.on_rerank(services, caller, page.shown.visit, *CUT))[-1]
    said = [each.get("en") for each in other.shown.results["replay"]]
    assert "Long passages: windows of 40 tokens, overlap 0, mean of the best 2 → cut." in said


def test_numbers_that_make_no_windows_are_refused(services: Services, caller: Caller) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"window_tokens": 8}, "A window of 8 tokens is too short"),
        ({"window_tokens": -1}, "cannot be below zero"),
        ({"window_overlap": "-1"}, "overlap of windows cannot be below zero"),
        ({"window_overlap": "40"}, "An overlap of 40 tokens is more than half of a window of 40. Choose at most 20"),
        ({"window_overlap": "half"}, "a number of tokens, not 'half'"),
        ({"window_tokens": 65}, "reads 64 tokens at once, so a window of 65 cannot be"),
        ({"window_top_k": 0}, "at least one window"),
        ({"window_by": "least"}, "not by 'least'"),
    ]
    for changes, said in wrong:
        with pytest.raises(InvalidInput, match=said):
            ran(services, caller, READ._replace(**changes))
    # What stands in boxes that are not shown is not read.
    assert len(rows(ran(services, caller, CUT._replace(window_tokens=8, window_overlap="half")))) == 2


def test_the_live_line_says_how_many_are_read_in_windows(services: Services, caller: Caller) -> None:
    ran(services, caller, CUT._replace(text="red"))
    keys = {
        asked: on_count(services, caller, *asked).live[-1]["key"] for asked in (CUT, READ, CUT._replace(text="red"))
    }
    assert list(keys.values()) == ["live.cut", "live.windowed", "live.none_cut"]


def test_the_boxes_that_matter_are_shown(caller: Caller) -> None:
    seen = on_reading(caller, "windows", "mean")
    assert (seen.numbers["visible"], seen.top_k["visible"]) == (True, True)
    seen = on_reading(caller, "cut", "max")
    assert (seen.numbers["visible"], seen.top_k["visible"]) == (False, False)


def test_one_model_stands_beside_itself_cut_and_in_windows(services: Services, caller: Caller) -> None:
    event = replace(caller, event={"rows": [{"model": CUT.model, "precision": "auto", "reading": "windows"}]})
    last = list(compare.on_compare(services, event, Compared(), *CUT))[-1].shown
    assert [one["name"] for one in last.results["columns"]] == ["mini-reranker · cut", "mini-reranker · windows"]
    assert [model["reading"] for model in last.details["models"]] == [
        None,
        {"en": "windows as long as fits, max", "zh": "窗口放得下多长就多长，取最好的"},
    ]
    comparison = last.visit.comparison
    assert comparison is not None
    made = history.on_open(services, replace(caller, event={"id": last.visit.run_id}), Visit())
    assert Asked(*made.workspace).reading == "cut"
    assert made.compared.models["first"]["reading"] == "cut"
    assert made.compared.models["rows"][0]["reading"] == "windows"


def test_a_row_of_an_opened_comparison_keeps_its_own_windows(services: Services) -> None:
    given = {"n_tokens": 20, "n_overlap": 4, "by": "first", "top_k": 1}
    asked = [
        {"model": "a/b", "kind": "reranker", "reading": "windows", "windows": given},
        {"model": "a/b", "kind": "reranker", "reading": "windows", "windows": {"n_tokens": "many"}},
        {"model": "a/b", "kind": "reranker", "reading": "windows", "windows": {"nonsense": 1}},
        {"model": "a/b", "kind": "reranker", "reading": "cut"},
        {"model": "a/b", "kind": "reranker", "reading": ["anything"]},
        {"model": "bm25", "reading": "windows"},
    ]
    own, *others = [choice.windows for choice in chosen(services, READ, asked)]
    workspace = Windows(40, 0, "mean", 2)
    assert own == workspace
    assert others == [Windows(20, 4, "first", 1), workspace, workspace, None, workspace, None]
    assert offered(services, "m", "auto", "windows")["first"] == {
        "model": "m",
        "id": "m",
        "precision": "auto",
        "reading": "windows",
    }
