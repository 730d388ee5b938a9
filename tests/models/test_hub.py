"""Downloads go through a Hub on this machine that answers the few requests `huggingface_hub` makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub
import pytest

from playground.core.errors import ModelNotFound, ModelUnsuitable, NoRoom
from playground.core.types import ModelChoice
from playground.models.catalog import find
from playground.models.loading import load_scorer
from playground.models.resolve import resolve
from tests.checkpoints import edit_json
from tests.checkpoints_apart import tiny_m3
from tests.embedder_checkpoints import tiny_embeddinggemma
from tests.models.test_resolve import shard

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "someone/tiny"


class Hub:
    """A folder served as the model `someone/tiny`; remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(f"{self.command} {path}")
                status, content, headers = hub.respond(path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if path in (
            f"/api/models/{MODEL}",
            f"/api/models/{MODEL}/revision/main",
            f"/api/models/{MODEL}/revision/{COMMIT}",
        ):
            files = [{"rfilename": name, "size": size} for name, size in self.files().items()]
            return 200, json.dumps({"id": MODEL, "sha": COMMIT, "siblings": files}).encode(), {}
        if path.startswith(f"/api/models/{MODEL}/revision/"):
            return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
        if path.startswith(f"/api/models/{MODEL}/tree/"):
            tree = [{"type": "file", "path": n, "size": s, "oid": n} for n, s in self.files().items()]
            return 200, json.dumps(tree).encode(), {}
        prefix = f"/{MODEL}/resolve/{COMMIT}/"
        if path.startswith(prefix) and (self.folder / path.removeprefix(prefix)).is_file():
            content = (self.folder / path.removeprefix(prefix)).read_bytes()
            return 200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound" if MODEL not in path else "EntryNotFound"}

    def files(self) -> dict[str, int]:
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in paths}

    def fetched(self) -> set[str]:
        return {line.rsplit("/", 1)[-1] for line in self.asked if line.startswith("GET") and "/resolve/" in line}


@pytest.fixture
def hub(tiny_xlmr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(Path(shutil.copytree(tiny_xlmr, tmp_path / "served")))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def test_a_model_is_downloaded_with_progress_in_bytes(hub: Hub) -> None:
    told: list[tuple[str, int, int]] = []
    found = resolve(ModelChoice(MODEL), on_progress=lambda *told_now: told.append(told_now))
    size = (hub.folder / "model.safetensors").stat().st_size
    assert (found.model_id, found.revision, found.label) == (MODEL, COMMIT, (0, "LABEL_0"))
    assert told[0][0] == "resolve"
    assert told[-1] == ("download", size, size)
    assert (found.folder / "model.safetensors").read_bytes() == (hub.folder / "model.safetensors").read_bytes()


def test_only_what_a_score_needs_is_downloaded(hub: Hub) -> None:
    for name in ("pytorch_model.bin", "README.md", "training_log.json", "model.onnx"):
        (hub.folder / name).write_bytes(b"{}")
    resolve(ModelChoice(MODEL))
    assert hub.fetched() == {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}


def test_shards_are_downloaded_through_their_index(hub: Hub) -> None:
    shard(hub.folder)
    found = resolve(ModelChoice(MODEL))
    assert found.weights == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_linear_steps_after_pooling_are_downloaded(hub: Hub, tmp_path: Path) -> None:
    hub.folder = tiny_embeddinggemma(tmp_path / "gemma")
    found = resolve(ModelChoice(MODEL, kind="embedder"))
    assert found.weights == ("model.safetensors", "2_Dense/model.safetensors", "3_Dense/model.safetensors")
    assert all((found.folder / name).read_bytes() == (hub.folder / name).read_bytes() for name in found.weights)


def test_an_embedder_that_does_not_run_is_refused_before_its_weights_are_downloaded(hub: Hub, tmp_path: Path) -> None:
    hub.folder = tiny_embeddinggemma(tmp_path / "gemma")
    edit_json(hub.folder / "3_Dense" / "config.json", use_residual=True)
    with pytest.raises(ModelUnsuitable, match="adds a step"):
        resolve(ModelChoice(MODEL, kind="embedder"))
    assert "model.safetensors" not in hub.fetched()


def test_a_second_run_downloads_nothing(hub: Hub) -> None:
    resolve(ModelChoice(MODEL))
    hub.asked.clear()
    resolve(ModelChoice(MODEL))
    assert hub.fetched() == set()


def test_a_mode_brings_the_heads_beside_the_weights(hub: Hub) -> None:
    tiny_m3(hub.folder)
    resolve(ModelChoice(MODEL, kind="embedder"))
    assert not {name for name in hub.fetched() if name.endswith(".pt")}
    found = resolve(ModelChoice(f"{MODEL}#mode=dense+sparse"))
    assert found.model_id == f"{MODEL}#mode=0.4dense+0.2sparse"
    assert {"sparse_linear.pt", "colbert_linear.pt"} <= {path.name for path in found.folder.iterdir()}


def test_an_onnx_file_comes_only_for_the_backend_that_runs_it_with_its_bytes_counted(hub: Hub) -> None:
    (hub.folder / "onnx").mkdir()
    own = ("onnx/model.onnx", "onnx/model.onnx_data")
    for place, name in enumerate((*own, "onnx/model_quantized.onnx")):
        (hub.folder / name).write_bytes(bytes([place]) * 1000)
    assert resolve(ModelChoice(MODEL)).heads == ()
    assert not {name for name in hub.fetched() if "onnx" in name}
    told: list[tuple[str, int, int]] = []
    room: list[tuple[int, int]] = []
    found = resolve(
        ModelChoice(f"{MODEL}#backend=onnx"),
        on_progress=lambda *told_now: told.append(told_now),
        before_download=lambda *asked: room.append(asked),
    )
    assert (found.model_id, found.heads, told[-1]) == (f"{MODEL}#backend=onnx", own, ("download", 2000, 2000))
    assert [n_bytes for _, n_bytes in room] == [2000]
    assert {name for name in hub.fetched() if "onnx" in name} == {"model.onnx", "model.onnx_data"}


def test_an_unsuitable_model_is_refused_before_its_weights_are_downloaded(hub: Hub) -> None:
    edit_json(hub.folder / "config.json", id2label={str(n): str(n) for n in range(5)})
    with pytest.raises(ModelUnsuitable, match="someone/tiny is a classifier with the labels 0, 1, 2"):
        resolve(ModelChoice(MODEL))
    assert "model.safetensors" not in hub.fetched()


def test_pickles_are_refused_before_they_are_downloaded(hub: Hub) -> None:
    (hub.folder / "model.safetensors").rename(hub.folder / "pytorch_model.bin")
    with pytest.raises(ModelUnsuitable, match="only as pickles"):
        resolve(ModelChoice(MODEL))
    assert "pytorch_model.bin" not in hub.fetched()


def test_what_was_downloaded_works_offline_and_when_the_hub_is_gone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve(ModelChoice(MODEL))
    hub.asked.clear()
    assert resolve(ModelChoice(MODEL), offline=True).folder == first.folder
    assert hub.asked == []
    monkeypatch.setenv("HF_ENDPOINT", closed_port())
    assert resolve(ModelChoice(MODEL)).folder == first.folder


def test_offline_and_not_cached_offers_the_built_in_model(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match=r"the playground runs offline. Use the built-in model"):
        resolve(ModelChoice(MODEL), offline=True)
    assert hub.asked == []


def test_small_files_without_weights_are_not_a_model_offline(hub: Hub, tmp_path: Path) -> None:
    found = resolve(ModelChoice(MODEL))
    (found.folder / "model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match="is not on this machine, or only half"):
        resolve(ModelChoice(MODEL), offline=True)


def test_a_hub_that_cannot_be_reached_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_port())
    with pytest.raises(ModelNotFound, match="the Hub cannot be reached"):
        resolve(ModelChoice(MODEL))


def test_the_catalogues_revision_is_taken_where_none_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    known = find("BAAI/bge-reranker-base")
    assert known is not None
    monkeypatch.setattr("playground.models.resolve.find", lambda _: replace(known, id=MODEL, revision="refs/pr/1"))
    with pytest.raises(ModelNotFound, match="someone/tiny has no revision refs/pr/1"):
        resolve(ModelChoice(MODEL))
    assert resolve(ModelChoice(MODEL, revision="main")).revision == COMMIT


def test_an_unknown_model_and_revision_are_said(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match="There is no public model someone/else on the Hub"):
        resolve(ModelChoice("someone/else"))
    with pytest.raises(ModelNotFound, match="someone/tiny has no revision v9"):
        resolve(ModelChoice(MODEL, revision="v9"))


@pytest.mark.parametrize("text", ["a/b/c", "no spaces please", "-x"])
def test_what_is_no_id_is_said(hub: Hub, text: str) -> None:
    with pytest.raises(ModelNotFound, match="is no model id"):
        resolve(ModelChoice(text))


def test_a_caller_can_stop_a_download(hub: Hub) -> None:
    class StoppedError(Exception):
        pass

    def stop(phase: str, *_: int) -> None:
        if phase == "download":
            raise StoppedError

    with pytest.raises(StoppedError):
        resolve(ModelChoice(MODEL), on_progress=stop)


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_what_does_not_fit_is_refused_before_its_weights_are_downloaded(hub: Hub) -> None:
    told: list[tuple[int, int]] = []

    def refuse(n_parameters: int, n_bytes: int) -> None:
        told.append((n_parameters, n_bytes))
        raise NoRoom("No room.")

    with pytest.raises(NoRoom):
        resolve(ModelChoice(MODEL), before_download=refuse)
    size = (hub.folder / "model.safetensors").stat().st_size
    assert told == [(size // 4, size)]
    assert "model.safetensors" not in hub.fetched()
    with pytest.raises(NoRoom, match="The largest known model that fits is built-in/mini-reranker"):
        load_scorer(ModelChoice(MODEL, device="cpu"), free=lambda device: 0.0)
    assert "model.safetensors" not in hub.fetched()
    resolve(ModelChoice(MODEL))
    resolve(ModelChoice(MODEL), before_download=refuse)
    assert len(told) == 1
