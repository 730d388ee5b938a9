"""A training on labels in its process: what it tells, what it leaves, and what cuts it off."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from playground.core.errors import InvalidInput
from playground.training import cross_encoder, labels
from playground.training.labels import LabelSettings
from playground.training.rows import Row
from tests.checkpoints import ENGLISH
from tests.training.test_runs import full_disk, weights


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Twelve queries to train on, six to measure on."""
    lines = []
    for i, text in enumerate((*ENGLISH, *ENGLISH, *ENGLISH)[:18]):
        others = [other for other in ENGLISH if other != text]
        lines.append(json.dumps({"query": f"{text} {i}", "pos": [others[0]], "neg": others[1:4]}))
    (tmp_path / "train.jsonl").write_text("\n".join(lines[:12]), encoding="utf-8")
    (tmp_path / "dev.jsonl").write_text("\n".join(lines[12:]), encoding="utf-8")
    return tmp_path


def settings(work: Path, base: Path, **more: Any) -> LabelSettings:
    return LabelSettings(work, str(base), **{"epochs": 4, "lr": 1e-3, "max_length": 64, "device": "cpu"} | more)


def run(
    settings: LabelSettings, stop: threading.Event | None = None, at_first_dev: bool = False
) -> tuple[bool, list[Any]]:
    """Whether it is finished, and its events; `at_first_dev` stops it after the first evaluation."""
    told: list[Any] = []
    stop = stop or threading.Event()

    def tell(event: str, **values: Any) -> None:
        told.append({"event": event, **values})
        if at_first_dev and event == "dev":
            stop.set()

    return labels.run(settings, tell, stop), told


def test_it_tells_where_it_stands_and_leaves_a_model_that_others_load(work: Path, tiny_bert: Path) -> None:
    finished, told = run(settings(work, tiny_bert))
    kinds = [each["event"] for each in told]
    assert finished
    assert (kinds[0], kinds[-1], kinds.count("dev")) == ("began", "finished", 4)
    assert told[0]["total"] == 8
    assert 0 <= told[0]["ndcg"] <= 1
    assert [each["step"] for each in told if each["event"] == "dev"] == [2, 4, 6, 8]

    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(work / "model"), device="cpu")
    scores = model.predict([(ENGLISH[0], ENGLISH[1]), (ENGLISH[0], ENGLISH[2])])
    assert scores.shape == (2,)
    assert scores[0] != scores[1]
    assert "step" in kinds


def test_a_stopped_run_goes_on_to_the_weights_of_an_unbroken_one(
    work: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = tmp_path_factory.mktemp("whole") / "work"
    shutil.copytree(work, whole)
    run(settings(whole, tiny_bert))

    finished, told = run(settings(work, tiny_bert), at_first_dev=True)
    assert (finished, told[-1]) == (False, {"event": "stopped", "step": 2})
    assert not (work / "model" / "model.safetensors").exists()
    finished, told = run(settings(work, tiny_bert))

    assert finished
    # The curve of before comes again, so that who reads has all of it.
    assert [each["step"] for each in told if each["event"] == "dev"] == [2, 4, 6, 8]
    for name, tensor in weights(whole / "model").items():
        assert torch.equal(tensor, weights(work / "model")[name]), name


def command(settings: LabelSettings) -> Sequence[str]:
    options = {"work": settings.work, "base": settings.base, "epochs": settings.epochs, "lr": settings.lr}
    named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "playground.training", "labels", *named, "--device", "cpu", "--follow-stdin"]


def test_a_killed_process_resumes_and_one_whose_parent_is_gone_ends_with_a_checkpoint(
    work: Path, tiny_bert: Path
) -> None:
    asked = settings(work, tiny_bert, epochs=2000)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command(asked), **pipes)
    # The first is told before its checkpoint is written.
    for _ in range(2):
        next(line for line in process.stdout or () if '"dev"' in line)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = torch.load(work / "model" / "checkpoints" / "checkpoint.pt", weights_only=True)["step"]
    assert kept > 0

    process = subprocess.Popen(command(asked), **pipes)
    assert process.stdin is not None
    assert process.stdout is not None
    told = [json.loads(line) for line in (process.stdout.readline(), process.stdout.readline())]
    assert told[0]["event"] == "began"
    assert told[1]["event"] == "dev"
    # As Ctrl+C in the parent's terminal, which every process of the group hears.
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert process.wait() == 0
    assert last["event"] == "stopped"
    assert last["step"] > kept
    assert torch.load(work / "model" / "checkpoints" / "checkpoint.pt", weights_only=True)["step"] == last["step"]
    assert not (work / "model" / "model.safetensors").exists()


def test_one_killed_while_the_model_was_written_writes_the_same_model_again(work: Path, tiny_bert: Path) -> None:
    run(settings(work, tiny_bert))
    whole = weights(work / "model")
    # As a kill leaves it: the weights are moved last, and a part of the draft is there.
    (work / "model" / "model.safetensors").unlink()
    (work / "model" / "draft").mkdir()
    (work / "model" / "draft" / "model.safetensors").write_bytes(b"half")

    finished, told = run(settings(work, tiny_bert))

    assert (finished, told[-1]["step"]) == (True, 8)
    assert not (work / "model" / "draft").exists()
    for name, tensor in weights(work / "model").items():
        assert torch.equal(tensor, whole[name]), name


def test_a_loss_that_is_no_number_keeps_the_last_good_weights(
    work: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="at step 2, before the first checkpoint, so there is no model"):
        run(settings(work, tiny_bert, lr=1e30))
    assert not (work / "model" / "model.safetensors").exists()

    real, n_steps = cross_encoder.pair_loss, iter(range(100))

    def spoilt(*given: Any) -> torch.Tensor:
        return real(*given) * (float("nan") if next(n_steps) == 4 else 1.0)

    monkeypatch.setattr(cross_encoder, "pair_loss", spoilt)
    finished, told = run(settings(work, tiny_bert))
    assert finished
    assert told[-1]["warning"] == (
        "The loss was no longer a number at step 5, so the training ended there. The model has the weights of the last "
        "checkpoint, after step 4."
    )
    assert json.loads((work / "model" / "training.json").read_text())["steps"] == told[-1]["step"] == 4
    # Nothing is chosen on dev, and so nothing kept for it.
    assert [path.name for path in (work / "model" / "checkpoints").iterdir()] == ["checkpoint.pt"]
    assert all(torch.isfinite(tensor).all() for tensor in weights(work / "model").values())


def test_a_full_disk_is_one_sentence_and_leaves_no_half_model(work: Path, tiny_bert: Path) -> None:
    with full_disk(), pytest.raises(InvalidInput, match="The checkpoint could not be written"):
        run(settings(work, tiny_bert))
    assert list((work / "model" / "checkpoints").iterdir()) == []
    assert run(settings(work, tiny_bert))[0]


def test_two_processes_do_not_train_at_one_folder(work: Path, tiny_bert: Path) -> None:
    with FileLock(work / "lock"), pytest.raises(InvalidInput, match="goes on in another process already"):
        run(settings(work, tiny_bert))


def test_adapters_alone_learn_and_are_merged_into_a_plain_model(work: Path, tiny_xlmr: Path) -> None:
    pytest.importorskip("peft")
    learns = labels.with_adapters(labels.cross_encoder.load(str(tiny_xlmr), None)[0])
    names = [name for name, parameter in learns.named_parameters() if parameter.requires_grad]
    assert all("lora" in name or "classifier" in name for name in names)
    finished, _ = run(replace(settings(work, tiny_xlmr), adapters=True))
    assert finished
    before, after = weights(tiny_xlmr), weights(work / "model")
    assert before.keys() == after.keys()
    assert any(not torch.allclose(before[name], after[name], atol=1e-2) for name in before if "query.weight" in name)
    assert all(torch.allclose(before[name], after[name], atol=1e-2) for name in before if "embeddings" in name)


def test_what_the_page_starts_says_an_error_in_a_line(work: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(settings(work, tmp_path / "none")), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["template"] == "{base} is not a model that can be loaded: {reason}"


def test_a_step_in_parts_has_the_loss_and_the_gradients_of_the_whole_one(tiny_bert: Path, tmp_path: Path) -> None:
    taught = Row(ENGLISH[0], (ENGLISH[1],), tuple(ENGLISH[2:4]), (2.0,), (-1.0, 0.5), labelled=False)
    rows = [taught, *(Row(text, (ENGLISH[1],), tuple(ENGLISH[2:5])) for text in ENGLISH[4:6])]
    how = settings(tmp_path, tiny_bert).training(len(rows))
    model, tokenizer = cross_encoder.load(str(tiny_bert), None)
    collate = cross_encoder.collator(tokenizer, rows, how)
    (batch,) = collate([(row, random.Random(place)) for place, row in enumerate(rows)])
    n, length = batch.inputs["input_ids"].shape

    def step(step_tokens: int) -> tuple[float, list[torch.Tensor], list[int]]:
        read: list[int] = []
        seen = model.register_forward_pre_hook(lambda *given: read.append(len(given[2]["input_ids"])), with_kwargs=True)
        model.zero_grad()
        loss = cross_encoder.pair_loss(model, batch, how, step_tokens)
        loss.backward()
        seen.remove()
        return loss.item(), [each.grad.clone() for each in model.parameters() if each.grad is not None], read

    loss, gradients, read = step(0)
    assert read == [n]
    for step_tokens, size in ((5 * length, 5), (1, 1)):
        same, alike, parts = step(step_tokens)
        # Each part is read again on the way back.
        assert (max(parts), sum(parts)) == (size, 2 * n)
        assert same == pytest.approx(loss, abs=1e-6)
        assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(gradients, alike, strict=True))
    assert step(n * length)[2] == [n]
