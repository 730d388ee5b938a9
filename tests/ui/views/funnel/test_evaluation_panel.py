"""The panel, called without a browser: a task that is here, an uploaded one, and what a public page refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.evaluate.results import Evaluation
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.funnel.evaluation_panel import Ran, on_json, on_run, on_stop, on_trec
from playground.ui.views.funnel.evaluation_task import Form, opened
from playground.ui.wiring import Caller

CALLER = Caller("session", "owner")
ASKED = Asked("", "", "auto", "bm25", "auto", "auto", None, "only_second", None, "", ())
ROWS = '{"query": "where do pandas live?", "positive": ["Pandas live in China."], "negative": ["A word.", "Trains."]}\n'


def form(task: str = "example", files: list[Path] | None = None, **more: object) -> Form:
    said = {"models": ["bm25"], "retriever": "bm25", "depth": 5, "queries": 3} | more
    return Form(task, [str(path) for path in files or ()], **said)  # type: ignore[arg-type]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services.from_settings(Settings(db=tmp_path / "history.db", offline=True))


def ended(services: Services, wanted: Form) -> Ran:
    *_, last = on_run(services, CALLER, *wanted, *ASKED)
    return last


def test_a_task_is_evaluated_and_saved_as_json_and_as_runs(services: Services) -> None:
    last = ended(services, form())
    found = last.found
    assert isinstance(found, Evaluation)
    assert last.table["value"]["headers"] == [
        "Run",
        "MAP@1000",
        "MRR@10",
        "NDCG@10",
        "Tokens",
        "Precision",
        "Device",
        "Seconds",
    ]
    (row,) = last.table["value"]["data"]
    assert row[0] == "BM25 (keywords)"
    assert float(row[1]) == pytest.approx(100 * (found.rows[0].found.mean("map@1000") or 0), abs=0.005)
    assert (last.run["interactive"], last.json["visible"]) == (True, True)
    saved = on_json(found)
    assert json.loads(saved["text"])["task"]["n_queries"] == 3
    lines = on_trec(found)["text"].splitlines()
    assert len(lines) == sum(len(scores) for scores in found.rows[0].run.values())
    assert lines[0].split()[1::4] == ["Q0", "bm25"]


def test_a_retrieval_task_shows_its_first_stage_and_uploaded_rows_are_a_task(
    services: Services, tmp_path: Path
) -> None:
    last = ended(services, form("microbiology", queries=2))
    assert [row[0] for row in last.table["value"]["data"]] == ["BM25 (keywords)", "BM25 (keywords)"]
    assert last.table["value"]["headers"][1:6] == ["NDCG@10", "MRR@10", "MAP", "recall@10", "recall@5"]
    (tmp_path / "rows.jsonl").write_text(ROWS)
    assert ended(services, form(files=[tmp_path / "rows.jsonl"])).table["value"]["data"][0][1] == "100.00"
    (step, *_), none = [*on_run(services, CALLER, *form(models=[]), *ASKED)]
    assert step is not None
    assert none.status[0]["key"] == "evaluation.no_models"


def test_stop_ends_the_opening_and_the_first_stage_and_the_page_can_go_on(services: Services) -> None:
    seen: list[str] = []
    steps = on_run(services, CALLER, *form("microbiology", queries=2), *ASKED)
    for step in steps:
        seen.append(step.status[0]["key"])
        if seen[-1] == "evaluation.search":
            on_stop(services, CALLER)
    assert {"evaluation.reading", "corpus.read", "evaluation.search"} <= {*seen}
    assert seen[-1] == "evaluation.stopped"
    steps = on_run(services, CALLER, *form("microbiology", queries=2), *ASKED)
    first, second = next(steps), next(steps)
    on_stop(services, CALLER)
    *_, last = steps
    assert {each.status[0]["key"] for each in (first, second)} == {"evaluation.reading"}
    assert (last.status[0]["key"], last.run["interactive"]) == ("evaluation.stopped", True)


def test_a_public_page_names_no_folder_and_no_other_data_set(tmp_path: Path) -> None:
    public = Services.from_settings(Settings(db=tmp_path / "history.db", offline=True, public=True))
    for name in (str(tmp_path), "someone/task"):
        with pytest.raises(InvalidInput, match="On a public page a task is one of the list"):
            opened(public, form(name))
    assert len(opened(public, form("traps", queries=0)).queries) == 20
