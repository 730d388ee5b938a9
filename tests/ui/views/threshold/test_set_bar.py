"""The strip over the Threshold view, from the choice of a set to what is shown of it; no browser, no weights."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, LabelledSet
from playground.core.limits import PUBLIC
from playground.core.types import Passage
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.inputs import ready_sets
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.threshold import set_bar
from playground.ui.views.threshold import view as threshold
from playground.ui.views.threshold.labelled_set_in_view import (
    EXAMPLE,
    MINE,
    PAGE,
    READY,
    Selection,
    SetInView,
    open_set,
)
from playground.ui.views.threshold.set_bar import Chosen
from playground.ui.views.threshold.set_files import as_download
from playground.ui.wiring import Caller
from tests.ui import doubles

EXAMPLE_SET = ready_sets.load()
N_PAIRS = EXAMPLE_SET.n_pairs
PATIENCE_SECONDS = 60.0
MODEL = "owner/reranker"
ASKED = Asked(
    query="red panda",
    text="a red panda\nblue whale",
    split="auto",
    model=MODEL,
    device="auto",
    precision="auto",
    max_length=None,
    truncation="only_second",
    batch_tokens=None,
    instruction="",
    known=(),
)
ROWS = [
    {
        "query": "panda",
        "pos": ["a red panda"],
        "neg": ["blue whale", "green tea"],
        "pos_scores": [2.5],
        "neg_scores": [0.5, -1.0],
    },
    {"query": "tea", "pos": ["green tea leaves"], "neg": ["a bear"], "pos_scores": [1.5], "neg_scores": [-2.0]},
]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    made = Services(settings, Engine(load_scorer=doubles.load()), HistoryStore(settings.db))
    yield made
    made.close()


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "animals.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    return path


def said(caller: Caller, **event: object) -> Caller:
    return replace(caller, event=event)


def strip(services: Services, caller: Caller, selection: Selection) -> dict[str, Any]:
    return dict(set_bar.bar_payload(services, caller, selection, open_set(services, caller, selection)))


def keys(notice: Any) -> list[object]:
    return [phrase.get("key") or phrase.get("template") or phrase["en"] for phrase in notice["said"]]


def score(
    services: Services, caller: Caller, selection: Selection, *models: str, asked: Asked = ASKED
) -> set_bar.Asking:
    asking = set_bar.on_score(services, said(caller, models=list(models)), selection, *asked)
    assert services.jobs.wait(caller.owner, PATIENCE_SECONDS)
    return asking


def test_the_example_is_on_the_desk_of_a_new_visitor(services: Services, caller: Caller) -> None:
    shown = strip(services, caller, Selection())
    counts = EXAMPLE_SET.counts()
    assert shown["set"] == EXAMPLE
    assert shown["facts"] == {
        "queries": 20,
        "pairs": N_PAIRS,
        "relevant": counts[1] + counts[2] + counts[3],
        "not": counts[0],
        "unsure": 0,
        "none": 0,
    }
    assert (shown["scorers"], shown["scorer"], shown["graded"]) == ([], "", True)
    assert [each["id"] for each in shown["sets"]] == list(READY)


def test_the_visitors_own_labels_count_in_every_set(services: Services, caller: Caller) -> None:
    query = EXAMPLE_SET.queries[0]
    services.history.labels.put(caller.owner, query.query, query.passages[0].text, UNSURE)
    assert strip(services, caller, Selection())["facts"]["unsure"] == 1
    mine = strip(services, caller, Selection(MINE))
    assert mine["facts"] == {"queries": 1, "pairs": 1, "relevant": 0, "not": 0, "unsure": 1, "none": 0}
    assert strip(services, replace(caller, owner="visitor-two"), Selection())["facts"]["unsure"] == 0


def test_a_higher_grade_to_count_from_moves_pairs_to_not_relevant(services: Services, caller: Caller) -> None:
    selection = set_bar.on_pick(services, said(caller, **{"from": 3}), Selection()).selection
    facts, counts = strip(services, caller, selection)["facts"], EXAMPLE_SET.counts()
    assert (facts["relevant"], facts["not"]) == (counts[3], counts[0] + counts[1] + counts[2])
    assert set_bar.on_pick(services, said(caller, **{"from": 9}), selection).selection.relevant_from == 3


def test_this_page_is_the_workspace_with_its_labels(services: Services, caller: Caller) -> None:
    known = (Passage("1", "a red panda", label=True), Passage("2", "blue whale", label=False))
    selection = set_bar.on_choose(services, said(caller, set=PAGE), Selection(), *ASKED._replace(known=known)).selection
    assert strip(services, caller, selection)["facts"] == {
        "queries": 1,
        "pairs": 2,
        "relevant": 1,
        "not": 1,
        "unsure": 0,
        "none": 0,
    }
    assert set_bar.on_enter(services, caller, selection, *ASKED) == gr.skip()
    later = set_bar.on_enter(services, caller, selection, *ASKED._replace(text="a red panda\nblue whale\na bear"))
    assert strip(services, caller, later)["facts"]["pairs"] == 3
    assert set_bar.on_enter(services, caller, Selection(), *ASKED) == gr.skip()


def test_a_page_without_a_query_is_an_empty_set(services: Services, caller: Caller) -> None:
    selection = set_bar.on_choose(services, said(caller, set=PAGE), Selection(), *ASKED._replace(query=" ")).selection
    assert strip(services, caller, selection)["facts"]["pairs"] == 0
    with pytest.raises(InvalidInput, match="This set holds no pairs"):
        set_bar.on_score(services, said(caller, models=[MODEL]), selection, *ASKED)


def test_a_set_is_scored_with_several_models_and_the_page_shows_it_once_each_is_over(
    services: Services, caller: Caller
) -> None:
    asking = score(services, caller, Selection(), MODEL, "bm25")
    assert asking.timer == gr.update(active=True)
    assert asking.seen == ()
    assert asking.strip["busy"] is True
    ticked = set_bar.on_tick(services, caller, (), 0)
    assert (ticked.ended, ticked.timer) == (1, gr.update(active=False))
    assert [line["said"]["key"] for line in ticked.jobs["lines"]] == ["labelled_set.job_done"] * 2
    assert set_bar.on_tick(services, caller, ticked.seen, 1).ended == gr.skip()
    shown = strip(services, caller, Selection())
    assert sorted((each["name"], each["n"]) for each in shown["scorers"]) == [
        ("BM25 (keywords)", N_PAIRS),
        (MODEL, N_PAIRS),
    ]
    assert shown["busy"] is False


def test_what_is_shown_does_not_change_when_another_model_finishes(services: Services, caller: Caller) -> None:
    score(services, caller, Selection(), MODEL)
    first = strip(services, caller, Selection())["scorer"]
    score(services, caller, Selection(), "bm25")
    assert strip(services, caller, Selection())["scorer"] == first
    line = set_bar.on_tick(services, caller, (), 0).jobs["lines"][1]
    selection = set_bar.on_show(services, said(caller, scorer=line["key"], set=EXAMPLE), Selection(), *ASKED).selection
    assert strip(services, caller, selection)["scorer"] == line["key"] != first


def test_continue_runs_the_model_as_it_ran_before(services: Services, caller: Caller) -> None:
    score(services, caller, Selection(), MODEL, asked=ASKED._replace(max_length=20.0))
    (row,) = strip(services, caller, Selection())["scorers"]
    query = EXAMPLE_SET.queries[0]
    larger = LabelledSet("larger", "Larger", (query, replace(query, id="more", query="another question")))
    selection = Selection(services.history.sets.save(caller.owner, larger))
    n = len(query.passages)
    assert [each["n"] for each in strip(services, caller, selection)["scorers"]] == [n]
    set_bar.on_continue(services, said(caller, scorer=row["key"]), selection, *ASKED)
    assert services.jobs.wait(caller.owner, PATIENCE_SECONDS)
    assert [(each["key"], each["n"]) for each in strip(services, caller, selection)["scorers"]] == [(row["key"], 2 * n)]


def test_a_folder_cannot_be_scored_with_on_a_public_page(tmp_path: Path, caller: Caller) -> None:
    settings = Settings(db=tmp_path / "history.db", offline=True, public=True)
    public = Services(settings, Engine(load_scorer=doubles.load(), limits=PUBLIC), HistoryStore(settings.db))
    with pytest.raises(InvalidInput, match="Folders of this machine"):
        set_bar.on_score(public, said(caller, models=[str(tmp_path)]), Selection(), *ASKED)
    with pytest.raises(InvalidInput, match="No model is chosen"):
        set_bar.on_score(public, said(caller, models=[]), Selection(), *ASKED)


def test_an_import_is_on_the_desk_at_once_with_the_scores_of_its_file(
    services: Services, caller: Caller, jsonl: Path
) -> None:
    chosen = set_bar.on_import(services, caller, [str(jsonl)])
    assert keys(chosen.notice)[:2] == ["labelled_set.imported", "labelled_set.scores_came"]
    shown = strip(services, caller, chosen.selection)
    assert shown["name"] == "animals"
    assert (shown["facts"]["pairs"], shown["facts"]["relevant"]) == (5, 2)
    (scorer,) = shown["scorers"]
    assert (scorer["file"], scorer["n"], scorer["goes_on"]) == (True, 5, False)
    assert shown["scorer"] == scorer["key"] == chosen.selection.scorer
    in_view = open_set(services, caller, chosen.selection)
    assert in_view.judged is not None
    assert sorted(in_view.judged.score.tolist()) == [-2.0, -1.0, 0.5, 1.5, 2.5]


def test_a_broken_line_is_named_and_nothing_is_imported(services: Services, caller: Caller, jsonl: Path) -> None:
    with jsonl.open("a", encoding="utf-8") as file:
        file.write('{"query": "bear", "pos": ["a bear"], "neg": [}\n')
    with pytest.raises(InvalidInput, match=r"animals\.jsonl.*line 3"):
        set_bar.on_import(services, caller, [str(jsonl)])
    assert services.history.sets.list(caller.owner) == []
    assert services.history.labels.count(caller.owner) == 0


def test_a_set_is_renamed_deleted_and_taken_back(services: Services, caller: Caller, jsonl: Path) -> None:
    selection = set_bar.on_import(services, caller, [str(jsonl)]).selection
    set_bar.on_act(services, said(caller, verb="rename", id=selection.set_id, name="Beasts"), selection)
    assert strip(services, caller, selection)["name"] == "Beasts"
    deleted = set_bar.on_act(services, said(caller, verb="delete", id=selection.set_id), selection)
    assert (deleted.selection.set_id, deleted.notice["undo"]) == (EXAMPLE, selection.set_id)
    assert deleted.notice["said"][0]["values"] == {"name": "Beasts"}
    assert len(strip(services, caller, deleted.selection)["sets"]) == len(READY)
    back = set_bar.on_act(services, said(caller, verb="restore", id=selection.set_id), deleted.selection).selection
    assert strip(services, caller, back)["name"] == "Beasts"
    with pytest.raises(HistoryError, match="A set needs a name"):
        set_bar.on_act(services, said(caller, verb="rename", id=selection.set_id, name=" "), selection)
    with pytest.raises(HistoryError, match="no labelled set"):
        set_bar.on_act(
            services, said(replace(caller, owner="visitor-two"), verb="delete", id=selection.set_id), selection
        )


@pytest.mark.parametrize("kind", ["flagembedding", "sentence-transformers", "csv", "trec"])
def test_an_export_is_read_back_with_the_same_pairs(
    services: Services, caller: Caller, jsonl: Path, tmp_path: Path, kind: str
) -> None:
    selection = set_bar.on_import(services, caller, [str(jsonl)]).selection
    file = set_bar.on_export(services, said(caller, format=kind), selection).download
    assert file["name"].startswith(f"animals-{kind}.")
    folder = tmp_path / "out"
    folder.mkdir()
    if "base64" in file:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(file["base64"]))) as archive:
            archive.extractall(folder)
    else:
        (folder / file["name"]).write_text(file["text"], encoding="utf-8")
    again = set_bar.on_import(
        services, replace(caller, owner="visitor-two"), sorted(map(str, folder.iterdir()))
    ).selection
    pairs = [
        {
            (query.query, passage.text, grade)
            for query in services.history.sets.get(owner, set_id).queries
            for passage, grade in zip(query.passages, query.grades(), strict=True)
        }
        for owner, set_id in ((caller.owner, selection.set_id), ("visitor-two", again.set_id))
    ]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == 5


def test_a_file_takes_the_sets_name_without_what_a_file_system_refuses() -> None:
    named = LabelledSet("1", 'Bären / "Tee": 2', ())
    assert as_download(named, "csv", {"labels.csv": "x"})["name"] == "Bären-Tee-2-csv.csv"
    assert as_download(replace(named, name="../.."), "csv", {"labels.csv": "x"})["name"] == "labelled-set-csv.csv"


def test_the_desk_is_opened_once_until_a_label_changes(services: Services, caller: Caller) -> None:
    in_view = open_set(services, caller, Selection())
    assert open_set(services, caller, Selection()) is in_view
    query = EXAMPLE_SET.queries[0]
    services.history.labels.put(caller.owner, query.query, query.passages[0].text, UNSURE)
    assert open_set(services, caller, Selection()) is not in_view
    assert open_set(services, replace(caller, owner="visitor-two"), Selection()).labelled.counts()[UNSURE] == 0


class Shows:
    """A part of the view with one component."""

    def __init__(self, value: object) -> None:
        self.value = value

    def show(
        self, services: Services, caller: Caller, selection: Selection, in_view: SetInView, *settings: Any
    ) -> tuple[Any, ...]:
        if isinstance(self.value, Exception):
            raise self.value
        return ((self.value, *settings),)


def part(name: str, value: object, n_settings: int = 0) -> threshold.Part:
    widgets: Any = SimpleNamespace(shown=[None], settings=[None] * n_settings)
    trouble: Any = None
    return threshold.Part(name, Shows(value), widgets, trouble)


WORKING = {
    "key": "labelled_set.working",
    "values": {"done": 0, "total": 0},
    "tone": "muted",
    "bar": {"done": 0, "total": 0},
}


def opened(services: Services, parts: list[threshold.Part], name: str, caller: Caller, *settings: Any) -> list[Any]:
    """What is sent when a tab is opened, step by step."""
    return [fresh(each) for each in threshold.on_open(services, parts, name, caller, Selection(), *settings)]


def fresh(step: tuple[Any, ...]) -> list[Any]:
    return [each for each in step if each != gr.skip()]


def test_the_strip_and_the_open_tab_are_shown_and_the_others_once_they_are_opened(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a", 1), part("panel", "b"), part("quality", "c", 2)]
    steps = list(threshold.on_refresh(services, parts, caller, Selection(), 1, 2, 3))
    assert [fresh(step) for step in steps] == [[], [[], ("a", 1), [WORKING]], [[], ("b",)]]
    assert {len(step) for step in steps} == {6}
    assert opened(services, parts, "quality", caller, 1, 2, 3) == [[[WORKING]], [[], ("c", 2, 3)]]
    assert opened(services, parts, "panel", caller, 1, 2, 3) == [[]]
    assert opened(services, parts, "quality", caller, 1, 2, 3) == [[]]
    steps = list(threshold.on_refresh(services, parts, caller, Selection(), 1, 2, 3))
    assert [fresh(step) for step in steps] == [[], [[], ("a", 1)], [[], ("c", 2, 3)]]
    assert opened(services, parts, "panel", caller, 1, 2, 3)[-1] == [[], ("b",)]


def test_a_tab_that_is_opened_before_anything_was_asked_for_waits(services: Services, caller: Caller) -> None:
    assert opened(services, [part("panel", "b")], "panel", caller) == [[]]


def test_a_visitor_who_was_quicker_than_the_page_sees_everything_once_there_is_an_id(
    services: Services, caller: Caller
) -> None:
    parts = [part("data", "a"), part("panel", "b")]
    early = replace(caller, owner="")
    assert [fresh(step) for step in threshold.on_arrived(services, parts, caller, Selection())] == [[]]
    assert [fresh(step) for step in threshold.on_refresh(services, parts, early, Selection())] == [[]]
    steps = list(threshold.on_arrived(services, parts, caller, Selection()))
    assert [fresh(step) for step in steps][1:] == [[[], ("a",), [WORKING]], [[], ("b",)]]


def test_a_part_that_fails_says_so_in_its_place_and_the_others_are_shown(
    services: Services, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [part("data", ZeroDivisionError()), part("panel", InvalidInput("No.")), part("quality", "c")]
    steps = list(threshold.on_refresh(services, parts, caller, Selection()))
    assert [fresh(step) for step in steps] == [
        [],
        [[{"key": "app.unexpected", "values": {}, "tone": "bad"}], [WORKING]],
        [[{"en": "No.", "zh": "No.", "tone": "bad"}]],
    ]
    assert opened(services, parts, "quality", caller)[-1] == [[], ("c",)]
    assert "ZeroDivisionError" in caplog.text


def test_an_older_answer_ends_where_the_page_asked_again(services: Services, caller: Caller) -> None:
    older = threshold.on_refresh(services, [part("data", "a"), part("panel", "b")], caller, Selection())
    assert len([next(older), next(older)]) == 2
    newer = threshold.on_refresh(services, [part("data", "c"), part("panel", "d")], caller, Selection(relevant_from=2))
    next(newer)
    assert list(older) == []
    other_page = threshold.on_refresh(
        services, [part("data", "e"), part("panel", "f")], replace(caller, session="other"), Selection()
    )
    next(other_page)
    assert [fresh(step) for step in newer] == [[[], ("c",), [WORKING]], [[], ("d",)]]


def test_a_set_that_is_gone_leaves_the_others_to_choose_from(services: Services, caller: Caller) -> None:
    data = threshold.Part("data", set_bar, SimpleNamespace(shown=[None] * 3, settings=[]), None)  # type: ignore[arg-type]
    _, (trouble, shown, *_), _ = threshold.on_refresh(
        services, [data, part("panel", "b")], caller, Selection("nowhere")
    )
    assert trouble[0]["en"].startswith("There is no labelled set 'nowhere' of yours.")
    assert [each["id"] for each in shown["sets"]] == list(READY)


def test_an_unusable_file_leaves_its_sentence_under_the_strip() -> None:
    left = set_bar.failed({"en": "No.", "tone": "bad"})
    assert left == Chosen(notice={"said": [{"en": "No.", "tone": "bad"}], "undo": ""})
