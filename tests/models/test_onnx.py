"""A cross-encoder that ONNX Runtime runs gives the scores of PyTorch, from a file that was checked and is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.core.errors import DeviceUnavailable, DiskFull, InvalidInput, ModelBroken, ModelUnsuitable
from playground.core.types import ModelChoice, PrecisionName
from playground.models import backends, measured, onnx_cache, onnx_files
from playground.models.loading import load_embedder, load_scorer
from playground.models.named import split
from playground.models.resolve import resolve
from playground.models.settings import changed, settings_of
from tests import checkpoints

QUERIES = ("what is panda?", "大熊猫吃什么？")
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 6,
    "打开设置页面，选择安全，然后点击重置按钮。",
    "hi",
)
# How far int8 may lie off, as a share of the largest score: what the check at load allows.
INT8_LIMIT = onnx_files.LIMITS["int8"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files that were made."""
    monkeypatch.setattr(onnx_cache, "folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(measured, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "onnx"


class Loads:
    """Loads as ONNX, and counts what had to be made and checked for it."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int, int]] = []

    def __call__(self, model: Path | str, precision: PrecisionName = "fp32", option: str = "") -> Any:
        choice = ModelChoice(f"{model}#{option}backend=onnx", device="cpu", precision=precision)
        return load_scorer(choice, on_progress=lambda *told: self.phases.append(told))

    @property
    def n_made(self) -> int:
        return self.phases.count(("export", 0, 2))

    @property
    def n_checks(self) -> int:
        """The load's own, and the comparison of a file that came with the model."""
        return self.phases.count(("check", 0, 0))


@pytest.fixture
def loads() -> Loads:
    return Loads()


def scores(scorer: Any) -> list[float]:
    """Padded together, and one alone."""
    together = [logit for query in QUERIES for logit in scorer.logits(scorer.encode(query, PASSAGES))]
    return [*together, *scorer.logits(scorer.encode(QUERIES[0], PASSAGES[:1]))]


def by_torch(model: Path | str) -> list[float]:
    return scores(load_scorer(ModelChoice(str(model), device="cpu", precision="fp32")))


def entry(cache: Path) -> Path:
    (found,) = [path for path in cache.iterdir() if path.is_dir()]
    return found


@pytest.mark.parametrize("name", ["tiny_xlmr", "tiny_modernbert"])
def test_fp32_scores_as_torch_and_is_exported_once(name: str, tmp_path: Path, loads: Loads) -> None:
    folder = getattr(checkpoints, name)(tmp_path / name)
    scorer = loads(folder)
    expected = by_torch(folder)
    assert scores(scorer) == pytest.approx(expected, abs=1e-4)
    assert (scorer.spec.precision, scorer.spec.replaced, scorer.spec.device) == ("fp32", (), "cpu")
    assert scorer.memory_mib > 0
    assert scores(loads(folder)) == scores(scorer)
    assert loads.n_made == 1


def test_the_built_in_reranker_in_fp32_and_int8(loads: Loads) -> None:
    expected = by_torch("built-in/mini-reranker")
    assert scores(loads("built-in/mini-reranker")) == pytest.approx(expected, abs=1e-4)
    int8 = loads("built-in/mini-reranker", "int8")
    limit = INT8_LIMIT * max(map(abs, expected))
    found = scores(int8)
    assert found == pytest.approx(expected, abs=limit)
    assert found != pytest.approx(expected, abs=1e-4)
    assert (int8.spec.precision, loads.n_made) == ("int8", 2)
    # Of the published scores, those of the plain model hold.
    assert {check.status for check in int8.checks} <= {"passed", "skipped"}


def test_other_precisions_are_replaced_and_said(tiny_bert: Path, loads: Loads) -> None:
    spec = loads(tiny_bert, "fp16").spec
    assert (spec.precision, spec.replaced) == (
        "fp32",
        ("fp16 does not run with ONNX Runtime here; fp32 was used.",),
    )
    assert loads(tiny_bert, "auto").spec.replaced == ()


def test_a_gpu_that_it_cannot_use_is_refused() -> None:
    for device in ("mps", "cuda"):
        with pytest.raises(DeviceUnavailable, match="ONNX Runtime cannot use the GPU"):
            backends.settle(device, "auto")  # type: ignore[arg-type]


def test_labels_go_with_the_backend_and_share_its_weights(tmp_path: Path, loads: Loads) -> None:
    folder = checkpoints.tiny_bert(tmp_path / "three", n_labels=3)
    chosen = f"{folder}#label=LABEL_2,backend=onnx"
    assert resolve(ModelChoice(f"{folder}#backend=onnx,label=2")).model_id == chosen
    scorer = loads(folder, option="label=1,")
    other = scorer.view(ModelChoice(chosen, device="cpu", precision="fp32"))
    plain = load_scorer(ModelChoice(f"{folder}#label=2", device="cpu", precision="fp32"))
    assert scores(other) == pytest.approx(scores(plain), abs=1e-4)
    assert len({scorer.spec.fingerprint, other.spec.fingerprint, plain.spec.fingerprint}) == 3
    assert loads.n_made == 1


@pytest.fixture
def with_file(tiny_bert: Path, tmp_path: Path, loads: Loads, cache: Path) -> Path:
    """A model that comes with an ONNX file of its own; nothing is cached."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "shipped"))
    loads(folder)
    (folder / "onnx").mkdir()
    shutil.copy(entry(cache) / "graph.onnx", folder / "onnx" / "model.onnx")
    shutil.rmtree(cache)
    loads.phases.clear()
    return folder


def test_a_file_that_came_with_the_model_is_compared_once_and_used(with_file: Path, loads: Loads, cache: Path) -> None:
    scorer = loads(with_file)
    assert scores(scorer) == pytest.approx(by_torch(with_file), abs=1e-4)
    assert (scorer.resolved.heads, loads.n_made, loads.n_checks) == (("onnx/model.onnx",), 0, 2)
    loads(with_file)
    assert (loads.n_checks, cache.exists()) == (3, False)
    shutil.copytree(with_file, plain := with_file.parent / "plain")
    shutil.rmtree(plain / "onnx")
    assert loads(plain).spec.fingerprint != scorer.spec.fingerprint


def test_a_file_that_does_not_belong_to_the_weights_is_refused(with_file: Path, tmp_path: Path, loads: Loads) -> None:
    model = checkpoints.load_file(with_file / "model.safetensors")
    model["classifier.bias"] += 0.05
    checkpoints.save_file(model, with_file / "model.safetensors", metadata={"format": "pt"})
    for _ in range(2):
        with pytest.raises(ModelBroken, match=r"gives other scores than its weights: off by 0\.0\d+ of the largest"):
            loads(with_file)
    (with_file / "onnx" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelBroken, match=r"The ONNX file of .* cannot be run"):
        loads(with_file)


@pytest.mark.parametrize("spoiled", ["graph.onnx", "record.json"])
def test_a_file_that_is_not_as_it_was_written_is_made_again(
    spoiled: str, tiny_bert: Path, loads: Loads, cache: Path
) -> None:
    first = scores(loads(tiny_bert))
    file = entry(cache) / spoiled
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert scores(loads(tiny_bert)) == first
    assert (loads.n_made, file.read_bytes()) == (2, whole)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


SPOILED: dict[str, Callable[[Path], object]] = {
    "nothing": lambda place: None,
    "a flipped byte": lambda place: flip(place / "graph.onnx"),
    "a flipped byte in the weights beside": lambda place: flip(place / "graph.onnx_data"),
    "no graph": lambda place: (place / "graph.onnx").unlink(),
    "no weights": lambda place: (place / "graph.onnx_data").unlink(),
    "no record": lambda place: (place / "record.json").unlink(),
    "an empty record": lambda place: (place / "record.json").write_text("{}"),
    "a record that is a list": lambda place: (place / "record.json").write_text('["graph.onnx"]'),
    "killed while it was made": lambda place: place.rename(place.with_suffix(".part")),
}


@pytest.mark.parametrize("how", SPOILED)
def test_only_what_is_whole_is_taken_from_the_cache(how: str, cache: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(list(folder.iterdir()))
        (folder / "graph.onnx").write_bytes(b"graph")
        (folder / "graph.onnx_data").write_bytes(b"weights")

    for _ in range(3):
        graph = onnx_cache.kept("key", "owner/name", 12, make)
        assert (graph.read_bytes(), graph.with_name("graph.onnx_data").read_bytes()) == (b"graph", b"weights")
        if len(made) == 1:
            assert onnx_cache.bytes_of(graph) > len(b"graph" + b"weights")
            SPOILED[how](graph.parent)
    # Made once, and once more where it was spoiled, each time in an empty folder.
    assert made == ([[]] if how == "nothing" else [[], []])
    assert {path.name for path in cache.iterdir()} == {"key", "key.lock"}


def test_an_export_that_is_wrong_or_stopped_leaves_nothing(tiny_bert: Path, cache: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(phase: str, done: int, _: int) -> None:
        if (phase, done) == ("export", 1):
            raise StoppedError

    with pytest.raises(StoppedError):
        load_scorer(ModelChoice(f"{tiny_bert}#backend=onnx", device="cpu"), on_progress=stop)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_what_cannot_be_exported_is_said(tiny_bert: Path) -> None:
    class Spectral(torch.nn.Module):
        """fftn has no ONNX operator."""

        config = load_scorer(ModelChoice(str(tiny_bert), device="cpu")).resolved.config

        def forward(self, input_ids: torch.Tensor, **_: torch.Tensor) -> Any:
            return type("Output", (), {"logits": torch.fft.fftn(input_ids.float()).real})

    resolved = resolve(ModelChoice(f"{tiny_bert}#backend=onnx"))
    scorer = load_scorer(ModelChoice(str(tiny_bert), device="cpu"))
    model = Spectral()
    model.config = scorer._model.config  # type: ignore[attr-defined]
    with pytest.raises(ModelUnsuitable, match=r"\(BertForSequenceClassification\) cannot be exported to ONNX \("):
        onnx_files._export(resolved, model, scorer.encode("a", ["b"]), tiny_bert / "never.onnx")
    assert not (tiny_bert / "never.onnx").exists()


PROCESS = """
import os, resource, signal, sys, time
from pathlib import Path
from playground.core.errors import DiskFull
from playground.models import onnx_cache
home, what = Path(sys.argv[1]), sys.argv[2]
onnx_cache.folder = lambda: home
def make(folder):
    with (home / "made").open("a") as log: log.write("x")
    if what == "full": resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    (folder / "graph.onnx").write_bytes(b"0" * 1000)
    if what == "killed": os.kill(os.getpid(), signal.SIGKILL)
    (folder / "graph.onnx_data").write_bytes(b"1" * 2000)
    time.sleep(0.2)
try:
    print(onnx_cache.kept("key", "owner/name", 3000, make).read_bytes() == b"0" * 1000)
except DiskFull as error:
    print(error)
"""


def process(home: Path, what: str) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-c", PROCESS, str(home), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_make_one_file_and_one_that_is_killed_leaves_none(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    assert process(home, "killed").communicate()[0] == ""
    assert not (home / "onnx" / "key").exists()
    both = [process(home, "whole") for _ in range(2)]
    assert [each.communicate()[0].strip() for each in both] == ["True", "True"]
    assert (home / "made").read_text() == "xx"
    assert {path.name for path in (home / "onnx").iterdir()} == {"key", "key.lock"}


def test_a_full_disk_is_said_and_nothing_stays(tmp_path: Path) -> None:
    said = process(tmp_path / "shared", "full").communicate()[0]
    assert "cannot be kept in" in said
    assert "Make room there, or leave out #backend=onnx." in said
    assert {path.name for path in (tmp_path / "shared" / "onnx").iterdir()} == {"key.lock"}
    with pytest.raises(DiskFull, match=r"takes 1048576\.0 GiB, and the disk of the cache"):
        onnx_cache.kept("key", "owner/name", 2**50, lambda folder: None)


def test_onnx_runtime_is_told_to_report_to_nobody(tmp_path: Path) -> None:
    code = "import sys; from playground.models import backends; backends.runtime(); print('torch' in sys.modules)"
    # None of the variables of this process: in CI it is silent of itself.
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    # It keeps the number that it gives a machine, and what is still to be sent, in the user's cache.
    assert (done.stdout.strip(), list(tmp_path.iterdir())) == ("False", [])


def test_without_the_extra_one_sentence_says_how_to_install_it(
    tiny_bert: Path, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(ModelUnsuitable) as refused:
        loads(tiny_bert)
    assert 'pip install "rerank-playground[onnx]"' in str(refused.value)
    assert 'pip install -e ".[onnx]"' in str(refused.value)
    assert settings_of("BAAI/bge-reranker-base").backends == ()


@pytest.mark.parametrize("model", ["BAAI/bge-m3#mode=dense,backend=onnx", "Qwen/Qwen3-Reranker-0.6B#backend=onnx"])
def test_other_families_are_refused(model: str) -> None:
    with pytest.raises(InvalidInput, match="ONNX Runtime is for rerankers with a classification head"):
        settings_of(model)


def test_an_embedder_and_an_unknown_backend_are_refused(tiny_embedder: Path, tiny_bert: Path) -> None:
    with pytest.raises(InvalidInput, match="runs with PyTorch alone"):
        load_embedder(ModelChoice(f"{tiny_embedder}#backend=onnx", kind="embedder", device="cpu"))
    with pytest.raises(InvalidInput, match="There is no backend tensorrt"):
        load_scorer(ModelChoice(f"{tiny_bert}#backend=tensorrt", device="cpu"))


def test_the_setting_reads_and_writes_the_id(tiny_bert: Path) -> None:
    onnx = "BAAI/bge-reranker-base#backend=onnx@abc"
    assert (settings_of(onnx).backend, settings_of(onnx).model) == ("onnx", onnx)
    assert changed(onnx, backend="") == "BAAI/bge-reranker-base@abc"
    assert changed("built-in/mini-reranker", backend="onnx") == "built-in/mini-reranker#backend=onnx"
    assert settings_of(str(tiny_bert)).backends == ("torch", "onnx")
    assert settings_of("BAAI/bge-m3").backends == ()


def test_an_id_says_whose_weights_it_reads() -> None:
    named = split("owner/name#label=yes,backend=onnx")
    assert (named.weights, named.plain, named.text) == (
        "owner/name#backend=onnx",
        "owner/name#label=yes",
        "owner/name#label=yes,backend=onnx",
    )
