"""Data sets come from a Hub on this machine: only the files of the task, and from the cache where the Hub is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from playground.core.errors import Busy, DiskFull, InvalidInput, ModelNotFound
from playground.core.limits import LOCAL
from playground.core.types import Phase
from playground.evaluate.tasks import open_task
from tests.models.test_hub import COMMIT, MODEL, Hub

NAME = "someone/nano"
FILES = {
    "corpus.jsonl": '{"_id": "d1", "text": "one"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "first"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    "qrels/train.tsv": "query-id\tcorpus-id\tscore\n",
    "README.md": "# A task\n",
}


class DataHub(Hub):
    """A folder served as the data set `someone/nano`."""

    def respond(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if path.startswith(f"/api/datasets/{NAME}") and "/tree/" not in path:
            if path.endswith("/revision/old"):
                return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
            files = [{"rfilename": name, "size": size} for name, size in self.files().items()]
            return 200, json.dumps({"id": NAME, "sha": COMMIT, "siblings": files}).encode(), {}
        own = path.replace("/api/datasets/", "/api/models/").replace("/datasets/", "/").replace(NAME, MODEL)
        return super().respond(own) if "someone/nano" in path else (404, b"{}", {"X-Error-Code": "RepoNotFound"})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataHub]:
    for name, text in FILES.items():
        path = tmp_path / "served" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    hub = DataHub(tmp_path / "served")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def test_a_task_of_the_hub_is_downloaded_once_and_no_more_than_is_read(hub: DataHub) -> None:
    task = open_task([NAME])
    assert (task.name, task.qrels, task.passages) == (NAME, {"q1": {"d1": 1}}, {"d1": "one"})
    assert hub.fetched() == {"corpus.jsonl", "queries.jsonl", "test.tsv"}
    hub.asked.clear()
    assert open_task([NAME], offline=True).qrels == task.qrels
    assert hub.asked == []


def test_what_the_hub_does_not_give_is_one_sentence(hub: DataHub) -> None:
    with pytest.raises(ModelNotFound, match="someone/other is neither here nor a public data set of the Hub"):
        open_task(["someone/other"])
    with pytest.raises(ModelNotFound, match="someone/nano has no revision old"):
        open_task([f"{NAME}@old"])
    with pytest.raises(ModelNotFound, match="is not on this machine, and the Hub is not asked"):
        open_task(["someone/new"], offline=True)
    with pytest.raises(ModelNotFound, match="a//b/c is neither here nor the id of a data set"):
        open_task(["a//b/c"])


def test_what_is_too_large_is_refused_before_it_is_downloaded_and_a_download_can_be_ended(
    hub: DataHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match=r"corpus\.jsonl is too big"):
        open_task([NAME], limits=replace(LOCAL, set_chars=2))
    monkeypatch.setattr("playground.models.room.shutil.disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(DiskFull, match=r"someone/nano is a download of 0 MiB, and the disk that holds .* has 0 MiB"):
        open_task([NAME])
    monkeypatch.setattr("playground.models.room.shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    assert hub.fetched() == set()

    def ended(phase: Phase, done: int, total: int) -> None:
        if phase == "download":
            raise Busy("enough")

    with pytest.raises(Busy, match="enough"):
        open_task([NAME], on_progress=ended)
    with pytest.raises(ModelNotFound, match="is not on this machine"):
        open_task([NAME], offline=True)


def test_a_data_set_is_here_only_with_every_file_that_is_chosen(hub: DataHub, tmp_path: Path) -> None:
    open_task([NAME])
    for names in ([NAME], [f"{NAME}@{COMMIT}"]):
        assert open_task(names, offline=True).qrels == {"q1": {"d1": 1}}
    with pytest.raises(ModelNotFound, match="someone/nano is not on this machine, and the Hub is not asked"):
        open_task([NAME], split="train", offline=True)
    hub.server.shutdown()
    hub.server.server_close()
    assert open_task([NAME]).passages == {"d1": "one"}
    (corpus,) = (tmp_path / "cache").rglob("snapshots/*/corpus.jsonl")
    corpus.unlink()
    with pytest.raises(ModelNotFound, match="someone/nano is not on this machine"):
        open_task([NAME])
