"""Real training runs of a few steps on a tiny random BERT."""

import json
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from playground.core.errors import InvalidInput
from playground.training import bi_encoder, cross_encoder, loop
from playground.training.settings import TrainingSettings
from tests.checkpoints import ENGLISH


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with an easy rule: each query has its one answer, which shares no word with it."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = []
    for i, text in enumerate(ENGLISH * 6):
        answer = ENGLISH[(i + 1) % len(ENGLISH)]
        others = [other for other in ENGLISH if other not in (text, answer)]
        lines.append({"query": text, "pos": [f"{answer} {i}"], "neg": others[:4]})
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def settings(rows: Path, tiny_bert: Path, tmp_path: Path) -> TrainingSettings:
    return TrainingSettings(
        train=(rows,), dev=rows, base=str(tiny_bert), out=tmp_path / "out", epochs=2, lr=3e-3, max_length=64,
        group_size=4, rows_per_step=4, dev_rows=6, checkpoint_every=3, precision="fp32", device="cpu",
        freeze_embeddings=False,
    )  # fmt: skip


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).state_dict()


def test_the_loss_falls_and_plain_transformers_loads_what_was_written(settings: TrainingSettings) -> None:
    said: list[str] = []
    folder = cross_encoder.run(replace(settings, epochs=5), said.append)
    record = json.loads((folder / "training.json").read_text())
    losses = [point["loss"] for point in record["curve"]]
    assert losses[-1] < losses[0] - 0.1
    assert record["steps"] == 5 * 11
    assert record["settings"]["train"][0]["sha256"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.num_labels == 1
    assert (folder / "model.safetensors").exists()
    assert torch.isfinite(model(**tokenizer("a", "b", return_tensors="pt")).logits.float()).all()
    assert not (folder / "draft").exists()


def test_a_killed_run_resumes_to_the_very_same_weights(settings: TrainingSettings, tmp_path: Path) -> None:
    whole = cross_encoder.run(settings, lambda _: None)
    broken = replace(settings, out=tmp_path / "broken")
    script = (
        "import sys, pickle; from playground.training import cross_encoder; "
        "s = pickle.load(open(sys.argv[1], 'rb')); cross_encoder.run(s, print)"
    )
    (tmp_path / "s.pickle").write_bytes(pickle.dumps(broken))
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s.pickle")], stdout=subprocess.DEVNULL)
    checkpoint, until = broken.out / "checkpoints" / "checkpoint.pt", time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    resumed = cross_encoder.run(broken, lambda _: None)
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(resumed)[name]), name
    curves = [json.loads((folder / "training.json").read_text())["curve"][-1] for folder in (whole, resumed)]
    assert curves[0]["ndcg@10"] == curves[1]["ndcg@10"]


def test_a_checkpoint_of_other_settings_is_not_resumed(settings: TrainingSettings) -> None:
    cross_encoder.run(settings, lambda _: None)
    with pytest.raises(InvalidInput, match="holds a checkpoint of other settings"):
        cross_encoder.run(replace(settings, lr=1e-4), lambda _: None)


def test_layers_are_dropped_and_a_layer_that_is_not_there_is_refused(settings: TrainingSettings) -> None:
    folder = cross_encoder.run(replace(settings, layers=(1,), epochs=1), lambda _: None)
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 1
    shutil.rmtree(folder)
    with pytest.raises(InvalidInput, match=r"Layers \(0, 9\) cannot be kept"):
        cross_encoder.run(replace(settings, layers=(0, 9)), lambda _: None)


def test_frozen_layers_stay_as_they_are_and_those_above_learn(settings: TrainingSettings, tiny_bert: Path) -> None:
    folder = cross_encoder.run(replace(settings, epochs=1, freeze_layers=1), lambda _: None)
    before, after = weights(tiny_bert), weights(folder)
    moved = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-3)}
    assert not any("embeddings" in name or ".layer.0." in name for name in moved)
    assert any(".layer.1." in name for name in moved)


def test_early_stop_ends_a_run_that_no_longer_gets_better(settings: TrainingSettings) -> None:
    said: list[str] = []
    cross_encoder.run(replace(settings, epochs=6, evaluate_every=1, patience=2, lr=1e-9), said.append)
    assert any(line.startswith("stopped early") for line in said)


def test_a_wrong_base_is_one_sentence(settings: TrainingSettings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="is not a model that can be loaded"):
        cross_encoder.run(replace(settings, base=str(tmp_path / "empty")), lambda _: None)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow past 40 kB, which is what a full disk looks like to a writer.

    No fixture: pytest's own report may be such a file, and it is written between set-up and test.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_says_so_and_leaves_no_half_checkpoint(settings: TrainingSettings) -> None:
    with full_disk(), pytest.raises(InvalidInput, match=r"The checkpoint could not be written to .* resumes"):
        cross_encoder.run(settings, lambda _: None)
    assert list((settings.out / "checkpoints").iterdir()) == []


def test_a_bi_encoder_learns_and_sentence_transformers_agrees_with_it(
    settings: TrainingSettings, tiny_embedder: Path
) -> None:
    chosen = replace(settings, base=str(tiny_embedder), epochs=10, lr=3e-4, group_size=3)
    folder = bi_encoder.run(chosen, lambda _: None)
    curve = json.loads((folder / "training.json").read_text())["curve"]
    # Not the loss: a batch holds copies of an answer as negatives of each other, so that it cannot fall far.
    assert curve[0]["ndcg@10"] < 0.8
    assert curve[-1]["ndcg@10"] > 0.95
    from sentence_transformers import SentenceTransformer

    ours = bi_encoder.embed(*bi_encoder.load(str(folder), None), list(ENGLISH), 64)
    theirs = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32}).encode(list(ENGLISH))
    assert abs(ours @ ours.T - theirs @ theirs.T).max() < 1e-5


def test_batches_are_made_in_other_processes_only_for_many_rows_on_a_gpu_where_fork_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["fork", "spawn"])
    assert [loop.n_workers(n, device) for n, device in ((20_001, "cuda"), (20_000, "cuda"), (20_001, "cpu"))] == [
        6,
        0,
        0,
    ]
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    assert loop.n_workers(20_001, "cuda") == 0
