"""The panel, called without a browser: a task that is here, an uploaded one, and what a public page refuses."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput, ModelNotFound
from playground.evaluate.results import Evaluation
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.components.run_buttons import on_stop
from playground.ui.services import Services
from playground.ui.views.funnel.evaluation_panel import Ran, on_json, on_run, on_trec
from playground.ui.views.funnel.evaluation_task import Form, opened, opening
from playground.ui.wiring import Caller
from tests.remote import servers
from tests.remote.servers import serving

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
    """The last step, with the table and the rest of the step before, which the page keeps."""
    *_, made, last = on_run(services, CALLER, *wanted, *ASKED)
    assert (last.run["interactive"], last.stop["interactive"]) == (True, False)
    return made._replace(status=last.status)


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
    assert last.json["visible"] is True
    saved = on_json(services, CALLER, found)
    assert json.loads(saved["text"])["task"]["n_queries"] == 3
    assert [said["key"] for said in last.status[:2]] == ["evaluation.done", "evaluation.first"]
    lines = on_trec(services, CALLER, found)["text"].splitlines()
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
    for models, said in (([], "Choose at least one model"), ([f"some/{n}" for n in range(21)], "21 models are more")):
        with pytest.raises(InvalidInput, match=said):
            ended(services, form(models=models))


def test_rows_that_are_made_stay_where_a_later_model_fails_or_is_stopped(services: Services) -> None:
    made: list[Ran] = []
    with pytest.raises(ModelNotFound, match="is not on this machine"):
        made.extend(on_run(services, CALLER, *form(models=["bm25", "some/model-that-is-not-here"]), *ASKED))
    (row,) = [each for each in made if isinstance(each.found, Evaluation)]
    assert [one.name for one in row.found.rows] == ["bm25"]
    assert (row.json["visible"], len(row.table["value"]["data"])) == (True, 1)
    steps = on_run(services, CALLER, *form("microbiology", queries=2), *ASKED)
    for last in steps:
        if isinstance(last.found, Evaluation):
            on_stop(services, CALLER)
    assert [phrase["key"] for phrase in last.status[:2]] == ["evaluation.stopped", "evaluation.done"]


def test_stop_ends_the_opening_and_the_first_stage_and_the_page_can_go_on(services: Services) -> None:
    seen: list[str] = []
    steps = on_run(services, CALLER, *form("microbiology", queries=2), *ASKED)
    for step in steps:
        seen.append(step.status[0]["key"])
        if seen[-1] == "evaluation.search":
            on_stop(services, CALLER)
    assert {"evaluation.reading", "corpus.read", "evaluation.search"} <= {*seen}
    assert seen[-1] == "evaluation.stopped"
    stop = threading.Event()
    stop.set()
    assert [*opening(services, form("microbiology"), stop, lambda said: said)] == []
    assert ended(services, form()).status[0]["key"] == "evaluation.done"


def test_a_typed_key_goes_with_every_request_of_its_server(tmp_path: Path) -> None:
    services = Services.from_settings(Settings(db=tmp_path / "history.db"))
    with serving(servers.tei) as server:
        model = f"tei://{server.host}"
        asked = ASKED._replace(model=model, key="typed")
        *_, last = on_run(services, CALLER, *form(models=[model], queries=1), *asked)
        sent = {each.headers.get("Authorization") for each in server.posts()}
    assert (last.status[0]["key"], sent) == ("evaluation.done", {"Bearer typed"})


def test_a_public_page_names_no_folder_and_no_other_data_set(tmp_path: Path) -> None:
    public = Services.from_settings(Settings(db=tmp_path / "history.db", offline=True, public=True))
    for name in (str(tmp_path), "someone/task"):
        with pytest.raises(InvalidInput, match="On a public page a task is one of the list"):
            opened(public, form(name))
    assert len(opened(public, form("traps", queries=0)).queries) == 20
