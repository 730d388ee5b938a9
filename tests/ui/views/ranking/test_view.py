"""The run, from the values of the boxes to what the page shows; no browser."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any, cast

import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.types import Passage
from playground.engine import snippets
from playground.engine.engine import Engine
from playground.ui.components.asked import Asked
from playground.ui.components.run_buttons import on_stop
from playground.ui.services import Services
from playground.ui.views.history import view as history
from playground.ui.views.ranking import saved_thresholds
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Ran, Visit
from playground.ui.wiring import Caller
from tests.ui import doubles

ASKED = Asked(
    query="red panda",
    text="blue whale\na red panda eats bamboo\nred paint",
    split="auto",
    model="built-in/mini-reranker",
    device="auto",
    precision="auto",
    max_length=None,
    truncation="only_second",
    batch_tokens=None,
    instruction="",
    known=(),
)


def run(services: Services, caller: Caller, asked: Asked = ASKED, visit: Visit | None = None) -> list[Ran]:
    return list(ranking.on_rerank(services, caller, visit or Visit(), *asked))


def rows(ran: Ran) -> list[dict[str, Any]]:
    return list(json.loads(ran.shown.results["rows"]))


def test_a_run_ranks_the_passages_best_first_and_keeps_them(services: Services, caller: Caller) -> None:
    last = run(services, caller)[-1]
    assert [row["text"] for row in rows(last)] == ["a red panda eats bamboo", "red paint", "blue whale"]
    assert [row["index"] for row in rows(last)] == [1, 2, 0]
    assert last.status[0]["key"] == "run.done"
    saved = services.history.search(caller.owner)
    assert [row.query for row in saved] == ["red panda"]
    assert last.shown.visit.run_id == saved[0].id


def test_the_first_step_frees_stop_and_the_last_frees_rerank(services: Services, caller: Caller) -> None:
    steps = run(services, caller)
    assert (steps[0].run["interactive"], steps[0].stop["interactive"]) == (False, True)
    assert (steps[-1].run["interactive"], steps[-1].stop["interactive"]) == (True, False)


def test_an_empty_query_is_refused_in_one_sentence(services: Services, caller: Caller) -> None:
    with pytest.raises(InvalidInput, match="The query is empty"):
        run(services, caller, ASKED._replace(query="  "))


def test_labels_of_an_example_stay_with_the_lines_that_were_not_edited(services: Services, caller: Caller) -> None:
    known = (Passage("a", "blue whale", False), Passage("b", "red panda", True))
    last = run(services, caller, ASKED._replace(text="blue whale\nred pandas", known=known))[-1]
    assert {row["text"]: row["label"] for row in rows(last)} == {"blue whale": False, "red pandas": None}


def test_stop_before_the_first_batch_says_so_and_shows_nothing_new(services: Services, caller: Caller) -> None:
    steps = ranking.on_rerank(services, caller, Visit(), *ASKED)
    next(steps)
    assert on_stop(services, caller)[0]["key"] == "run.stopping"
    last = list(steps)[-1]
    assert last.status[0]["key"] == "run.stopped_early"
    assert services.history.search(caller.owner) == []


def test_one_visitors_stop_leaves_the_others_run_alone(services: Services, caller: Caller) -> None:
    steps = ranking.on_rerank(services, caller, Visit(), *ASKED)
    next(steps)
    on_stop(services, Caller(session="another page", owner="visitor-two"))
    assert list(steps)[-1].status[0]["key"] == "run.done"


def test_a_result_that_cannot_be_saved_stays_on_the_page_with_the_reason(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(owner: str, manifest: object) -> str:
        raise HistoryError("The disk that holds {path} is full. Free some space and try again.", path="/data/x.db")

    monkeypatch.setattr(services.history, "save", full)
    last = run(services, caller)[-1]
    assert len(rows(last)) == 3
    assert last.shown.results["run_id"] is None
    assert last.status[1]["zh"] == "本次运行未存入历史： /data/x.db 所在的磁盘已满。请腾出空间后重试。"


def test_a_folder_is_refused_on_a_public_page(services: Services, caller: Caller) -> None:
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    with pytest.raises(InvalidInput, match="Folders of this machine"):
        run(public, caller, ASKED._replace(model="/etc"))


def test_exports_are_those_of_the_run_on_the_page(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].shown.visit

    def export(kind: str) -> ranking.Exported:
        return ranking.on_export(services, replace(caller, event={"format": kind}), visit)

    table = export("csv").download
    assert table["name"] == "reranked.csv"
    assert len(list(csv.reader(io.StringIO(table["text"])))) == 4
    assert json.loads(export("json").download["text"])["query"] == "red panda"
    own = export("snippet").snippet
    assert "rerank(" in own["text"]
    assert [each["value"] for each in own["libraries"]] == [snippets.OWN, *snippets.LIBRARIES]


def test_the_run_on_the_page_is_code_of_a_library_or_says_why_not(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].shown.visit

    def asked(library: str) -> dict[str, Any]:
        return cast("dict[str, Any]", ranking.on_code(services, replace(caller, event={"library": library}), visit))

    code = asked("sentence-transformers")
    assert (code["name"], code["library"], code["reason"]) == (
        "rerank_sentence_transformers.py",
        "sentence-transformers",
        None,
    )
    assert "scored = list(zip(passages, scores))" in code["text"]
    assert "THRESHOLD" not in code["text"]
    none = asked("pylate")
    assert none["text"] == ""
    assert "PyLate does not score as the playground does with" in none["reason"]["en"]
    assert "PyLate" in none["reason"]["zh"]


def test_a_saved_run_opens_as_it_was_without_any_model(services: Services, caller: Caller) -> None:
    ran = run(services, caller, ASKED._replace(max_length=20, truncation="longest_first"))[-1]

    def no_model(*args: object, **options: object) -> Any:
        raise AssertionError("a model was loaded")

    bare = replace(services, engine=Engine(load_scorer=no_model))
    event = {"id": ran.shown.visit.run_id}
    page = history.on_open(bare, replace(caller, event=event), Visit())
    assert page.workspace.query == "red panda"
    assert page.workspace.passages == ASKED.text
    assert (page.workspace.max_length, page.workspace.truncation) == (20, "longest_first")
    assert page.shown.results["rows"] == ran.shown.results["rows"]
    assert page.tabs["selected"] == "ranking"


def test_a_replay_of_the_same_run_says_that_nothing_changed(services: Services, caller: Caller) -> None:
    run_id = run(services, caller)[-1].shown.visit.run_id
    page = history.on_replay(services, replace(caller, event={"id": run_id}), Visit())
    again = run(services, caller, Asked(*page.workspace), page.shown.visit)[-1]
    assert [said["key"] for said in again.shown.results["replay"]] == ["replay.nothing"]


def test_a_replay_with_another_length_says_what_changed(services: Services, caller: Caller) -> None:
    run_id = run(services, caller)[-1].shown.visit.run_id
    page = history.on_replay(services, replace(caller, event={"id": run_id}), Visit())
    asked = Asked(*page.workspace)._replace(max_length=4)
    said = run(services, caller, asked, page.shown.visit)[-1].shown.results["replay"]
    assert said[0]["en"] == "Maximum length: 64 → 4."
    assert said[0]["zh"] == "最大长度：64 → 4。"
    assert any(item.get("key") == "replay.logits" for item in said)


def test_while_it_streams_only_the_best_rows_are_sent(caller: Caller, services: Services) -> None:
    from playground.ui.views.ranking.payload import MAX_STREAMED_ROWS, payload

    asked = ASKED._replace(text="\n".join(f"red line {n}" for n in range(200)))
    result = run(services, caller, asked)[-1].shown.visit.result
    assert len(json.loads(str(payload(result, streaming=True)["rows"]))) == MAX_STREAMED_ROWS
    assert len(json.loads(str(payload(result)["rows"]))) == 200


def test_what_is_all_known_is_shown_once_and_never_as_a_stream(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "SECONDS_BETWEEN_TABLES", 0.0)
    asked = ASKED._replace(text="\n".join(f"red line {n}" for n in range(60)))

    def tables() -> list[tuple[bool, int]]:
        shown = [ran.shown.results for ran in run(services, caller, asked)]
        return [
            (each["streaming"], each["run"]["n_cached"]) for each in shown if isinstance(each, dict) and "rows" in each
        ]

    tables()
    assert tables() == [(False, 60)]


def test_rows_reach_the_page_as_one_text(services: Services, caller: Caller) -> None:
    # Gradio's scripts copy every value that a component holds, at each event.
    shown = run(services, caller, ASKED._replace(text="\n".join(f"red line {n}" for n in range(200))))[-1].shown.results

    def count(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, inner))

    assert count(shown) < 100


def test_a_tab_that_opens_before_the_browser_has_an_id_asks_for_no_thresholds(services: Services) -> None:
    assert saved_thresholds.on_ask(services, Caller("s", ""), Visit())["saved"] == []


def test_an_event_with_nonsense_in_it_breaks_nothing(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].shown.visit
    odd = replace(caller, event={"format": ["csv"], "unit": 7, "threshold": "x"})
    ranking.on_export(services, odd, visit)
    assert ranking.on_unit(services, odd, visit).visit.unit == "logit"


def test_the_double_is_only_a_double() -> None:
    scorer = doubles.load()(ranking.ModelChoice("x"))
    long, short = scorer.encode("red panda", ["red " * 100, "panda"])
    assert (long.n_cut, short.n_cut) == (100 - long.n_tokens, 0)
