"""The strip over the Threshold view, from the choice of a set to what is shown of it; no browser, no weights."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import UNSURE, LabelledSet
from playground.core.types import Passage
from playground.inputs import ready_sets
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.threshold import scoring_requests, set_bar
from playground.ui.views.threshold.labelled_set_in_view import (
    EXAMPLE,
    MINE,
    PAGE,
    READY,
    Selection,
    open_set,
)
from playground.ui.views.threshold.set_bar import Chosen
from playground.ui.views.threshold.set_bar_payload import bar_payload
from playground.ui.views.threshold.set_files import as_download
from playground.ui.wiring import Caller

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
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "animals.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    return path


def said(caller: Caller, **event: object) -> Caller:
    return replace(caller, event=event)


def strip(services: Services, caller: Caller, selection: Selection) -> dict[str, Any]:
    return dict(bar_payload(services, caller, selection, open_set(services, caller, selection)))


def keys(notice: Any) -> list[object]:
    return [phrase.get("key") or phrase["en"] for phrase in notice]


def test_a_new_visitor_sees_the_example(services: Services, caller: Caller) -> None:
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
    services.turns.take(caller.session, ["data"])
    assert set_bar.on_enter(services, caller, selection, {}, *ASKED) == Chosen()
    asked = ASKED._replace(text="a red panda\nblue whale\na bear")
    later = set_bar.on_enter(services, caller, selection, {}, *asked).selection
    assert strip(services, caller, later)["facts"]["pairs"] == 3
    assert set_bar.on_enter(services, caller, Selection(), {}, *ASKED) == Chosen()


def test_a_page_without_a_query_is_an_empty_set(services: Services, caller: Caller) -> None:
    selection = set_bar.on_choose(services, said(caller, set=PAGE), Selection(), *ASKED._replace(query=" ")).selection
    assert strip(services, caller, selection)["facts"]["pairs"] == 0
    with pytest.raises(InvalidInput, match="This set holds no pairs"):
        scoring_requests.on_score(services, said(caller, models=[MODEL]), selection, *ASKED)


def test_an_import_is_in_view_at_once_with_the_scores_of_its_file(
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
    said_of_it, undo = deleted.notice
    assert (deleted.selection.set_id, said_of_it["values"]) == (EXAMPLE, {"name": "Beasts"})
    assert undo["act"] == {"verb": "restore", "id": selection.set_id}
    assert len(strip(services, caller, deleted.selection)["sets"]) == len(READY)
    back = set_bar.on_act(services, said(caller, **undo["act"]), deleted.selection).selection
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


def test_an_unusable_file_leaves_its_sentence_under_the_strip() -> None:
    left = set_bar.failed({"en": "No.", "tone": "bad"})
    assert left == Chosen(notice=[{"en": "No.", "tone": "bad"}])


def kept(services: Services, caller: Caller, selection: Selection) -> Any:
    """What the browser keeps of a page."""
    return set_bar.show(services, caller, selection, open_set(services, caller, selection), {})[-1]


def test_another_page_of_the_browser_shows_what_it_looked_at_last(
    services: Services, caller: Caller, jsonl: Path
) -> None:
    chosen = replace(set_bar.on_import(services, caller, [str(jsonl)]).selection, relevant_from=2)
    found = kept(services, caller, chosen)
    assert json.loads(json.dumps(found)) == found
    again = replace(caller, session="after a reload")
    entered = set_bar.on_enter(services, again, Selection(), found, *ASKED)
    now = entered.selection
    assert (now.set_id, now.scorer, now.relevant_from) == (chosen.set_id, chosen.scorer, 2)
    assert entered.notice == gr.skip()
    # Once the page shows something, what another page of the browser chose is not for it.
    services.turns.take(again.session, ["data"])
    assert set_bar.on_enter(services, again, Selection(), found, *ASKED) == Chosen()


def test_the_workspace_is_read_anew_after_a_reload(services: Services, caller: Caller) -> None:
    chosen = set_bar.on_choose(services, said(caller, set=PAGE), Selection(), *ASKED).selection
    again = replace(caller, session="after a reload")
    asked = ASKED._replace(text="green tea")
    now = set_bar.on_enter(services, again, Selection(), kept(services, caller, chosen), *asked).selection
    assert strip(services, again, now)["facts"]["pairs"] == 1


def test_a_set_that_is_gone_after_a_reload_gives_way_to_the_example_and_says_so(
    services: Services, caller: Caller, jsonl: Path
) -> None:
    chosen = set_bar.on_import(services, caller, [str(jsonl)]).selection
    found = kept(services, caller, chosen)
    services.history.sets.delete(caller.owner, chosen.set_id)
    entered = set_bar.on_enter(services, replace(caller, session="after a reload"), Selection(), found, *ASKED)
    assert (entered.selection.set_id, keys(entered.notice)) == (EXAMPLE, ["labelled_set.gone"])
    stranger = replace(caller, owner="visitor-two")
    assert keys(set_bar.on_enter(services, stranger, Selection(), found, *ASKED).notice) == ["labelled_set.gone"]


@pytest.mark.parametrize("wild", [None, [], {}, {"set_id": 3, "scorer": None, "relevant_from": "x"}, {"set_id": ""}])
def test_what_a_browser_may_have_kept_otherwise_is_the_example(services: Services, caller: Caller, wild: Any) -> None:
    now = set_bar.on_enter(services, caller, Selection(), wild, *ASKED).selection
    assert (now.set_id, now.scorer, now.relevant_from) == (EXAMPLE, "", 1)
