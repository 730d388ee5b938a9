"""The corpus of the Funnel view: files become a corpus of one visitor, and its indexes are made and stopped."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from playground.core.errors import HistoryError, InvalidInput
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.views.funnel import corpus_panel as panel
from playground.ui.wiring import Caller
from tests.engine.embedders import EmbedderShelf


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    made = Services(settings, Engine(load_embedder=EmbedderShelf(), offline=True), HistoryStore(settings.db))
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "panda.md").write_text("# Panda\n\nEats bamboo.\n\n## Home\n\nChina and <b>more</b>.", encoding="utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    return [str(tmp_path / "panda.md"), str(tmp_path / "broken.pdf")]


def keys(said: list[dict[str, object]]) -> list[object]:
    return [each.get("key") for each in said]


def test_the_ready_corpus_is_in_view_at_once(services: Services, caller: Caller) -> None:
    shown = panel.on_enter(services, caller, None)

    ((label, id),) = shown.chosen["choices"]
    assert label == "Microbiology (OpenStax) · 2,025"
    assert shown.chosen["value"] == id
    again = panel.on_enter(services, caller, id)
    assert keys(again.state) == ["corpus.facts", "corpus.keywords_missing", "corpus.licence"]
    assert again.state[0]["values"] == {"n": 2025, "documents": 155, "mb": "1.7"}
    assert keys(panel.on_ask_delete(services, caller, id).notice) == ["corpus.stays"]


def test_a_preview_keeps_nothing_and_names_what_cannot_be_read(
    services: Services, caller: Caller, files: list[str]
) -> None:
    made = panel.on_preview(services, caller, files, "", "", 120, 20, True)

    assert [(row["title"], row["text"]) for row in made.drawn["rows"]] == [
        ("Panda", "Eats bamboo."),
        ("Panda › Home", "China and more."),
    ]
    assert str(made.listed.notice[0]["en"]).startswith("broken.pdf: This is not a PDF")
    assert str(made.listed.notice[0]["zh"]).startswith("broken.pdf：这不是 PDF")
    assert [info.owner for info in services.corpora.list(caller.owner)] == [""]


def test_a_preview_reads_the_beginning_of_large_files_and_says_so(
    services: Services, caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "large.jsonl").write_text('{"text": "a panda eats bamboo"}\n' * 200_000, encoding="utf-8")
    (tmp_path / "large.md").write_text("# Panda\n\n" + "Eats bamboo.\n\n" * 200_000, encoding="utf-8")
    for name, key, n in (("large.jsonl", "corpus.previewed_part", None), ("large.md", "corpus.previewed", 1)):
        made = panel.on_preview(services, caller, [str(tmp_path / name)], "", "", 20, 0, True)
        assert len(made.drawn["rows"]) == 30
        assert made.drawn["said"]["key"] == key
        assert n is None or made.drawn["said"]["values"] == {"n": n, "shown": 30}
    paths = [tmp_path / f"{n}.txt" for n in range(40)]
    for path in paths:
        path.write_text(path.name)
    made = panel.on_preview(services, caller, [str(path) for path in paths], "", "", 20, 0, True)
    assert (len(made.drawn["rows"]), made.drawn["said"]["key"]) == (30, "corpus.previewed_part")


def test_files_become_a_corpus_that_is_indexed_exported_and_deleted(
    services: Services, caller: Caller, files: list[str]
) -> None:
    made = panel.on_create(services, caller, files[:1], "", "", 120, 20, True)
    id = made.listed.chosen["value"]
    assert keys(made.listed.notice) == ["corpus.created"]
    assert made.listed.chosen["choices"][1] == ("panda · 2", id)
    # Of a corpus that was not in view before, the view says this together with its query.
    assert made.listed.state == panel.on_enter(services, caller, None).state == gr.skip()
    assert keys(panel.on_enter(services, caller, id).state) == ["corpus.facts", "corpus.keywords_missing"]

    steps = list(panel.on_index(services, caller, id, "owner/embedder"))

    assert keys(steps[0].progress) == ["corpus.begun"]
    assert (steps[0].index["visible"], steps[0].stop["visible"]) == (False, True)
    assert keys(steps[-1].progress) == ["corpus.done"]
    assert (steps[-1].index["visible"], steps[-1].stop["visible"]) == (True, False)
    assert keys(steps[-1].state) == ["corpus.facts", "corpus.keywords_ready", "corpus.vectors_ready"]
    assert any(step.progress[0].get("bar") == {"done": 2, "total": 2} for step in steps)
    file = panel.on_export(services, caller, id)
    rows = gzip.decompress(base64.b64decode(file["base64"])).decode().splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["Eats bamboo.", "China and more."]
    with pytest.raises(HistoryError, match="not there any more"):
        panel.on_export(services, replace(caller, owner="somebody else"), id)
    asked = panel.on_ask_delete(services, caller, id).notice[0]
    assert asked["act"] == {"id": id}
    gone = panel.on_delete(services, replace(caller, event={"id": id}))
    assert len(gone.chosen["choices"]) == 1


def test_stop_ends_the_indexing_of_this_page_and_says_that_it_goes_on_later(
    services: Services, caller: Caller, files: list[str]
) -> None:
    id = panel.on_create(services, caller, files[:1], "", "", 120, 20, True).listed.chosen["value"]
    steps = panel.on_index(services, caller, id, "owner/embedder")
    next(steps)
    panel.on_stop(services, caller)

    assert keys(list(steps)[-1].progress) == ["corpus.stopped"]
    assert keys(list(panel.on_index(services, caller, id, ""))[-1].progress) == ["corpus.done"]


def test_a_folder_is_read_on_ones_own_machine_only(services: Services, caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("one", encoding="utf-8")
    folder = str(tmp_path / "docs")
    assert panel.on_preview(services, caller, None, folder, "", 0, 0, False).drawn["rows"][0]["text"] == "one"
    assert panel.on_create(services, caller, None, folder, "", 0, 0, False).listed.chosen["choices"][1][0] == "docs · 1"

    public = Services(Settings(db=services.settings.db, host="0.0.0.0"), services.engine, services.history)
    with pytest.raises(InvalidInput, match="Folders can be named on a page of one's own only"):
        panel.on_preview(public, caller, None, folder, "", 0, 0, False)
    with pytest.raises(InvalidInput, match="There is no folder"):
        panel.on_preview(services, caller, None, f"{folder}/none", "", 0, 0, False)
    with pytest.raises(InvalidInput, match="Choose files first"):
        panel.on_preview(services, caller, None, " ", "", 0, 0, False)
    with pytest.raises(InvalidInput, match="Choose a corpus first"):
        list(panel.on_index(services, caller, None, ""))
