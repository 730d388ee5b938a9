"""The folder of trained models: what is listed, renamed, deleted and handed out; and what can be trained at all."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from playground.core.errors import InvalidInput, ModelError
from playground.core.training import Change, TrainingAsk, TrainingResult, TrainingRow
from playground.engine import trainable
from playground.engine.trained import TrainedModels, slug
from playground.models.named import refuse_folder, short_name
from tests import checkpoints
from tests.engine.saved_thresholds import threshold

ASK = TrainingAsk(
    "0123456789abcdef", "me", "My own!", "Ready example", "built-in/mini-reranker", "quick", 2, 0, "set", "auto",
    70, 30, ("9 queries are few.",), "2026-01-01T00:00:00+00:00", set_id="example",
)  # fmt: skip
RESULT = TrainingResult(
    0.5, 0.75, 0.25, 0.125, 0.375, "better", 30, 20, 5, (Change("q", 0.5, 1.0, "a", "b"),), -1.25, 0.8, "logit"
)
ROWS = [TrainingRow("q", ("a",), ("b",), ("c",))]


@pytest.fixture
def models(tmp_path: Path) -> TrainedModels:
    """With one finished model."""
    made = TrainedModels(tmp_path / "trained")
    work = made.begin(ASK, ROWS, ROWS)
    assert made.unfinished() == [ASK]
    assert made.dev_rows(ASK.id) == [TrainingRow("q", ("a",), ("b", "c"))]
    (work / "model" / "checkpoints").mkdir(parents=True)
    (work / "model" / "model.safetensors").write_text("weights")
    (work / "start.json").write_text("0.5")
    curve = [{"step": 2.0, "loss": 1.0, "ndcg@10": 0.75}]
    (work / "model" / "training.json").write_text(json.dumps({"curve": curve}))
    made.measured(replace(made.place(ASK, ""), result=RESULT), threshold(value=-1.25, set_name="Ready example"))
    return made


def test_a_finished_model_is_whole_and_its_work_is_gone(models: TrainedModels) -> None:
    (found,) = models.list("me")
    assert (found.ask, found.result) == (ASK, RESULT)
    assert found.path.name == "my-own-0123456789abcdef"
    assert [(point.step, point.ndcg) for point in found.points] == [(0, 0.5), (2, 0.75)]
    assert sorted(path.name for path in found.path.iterdir()) == [
        "README.md",
        "model.safetensors",
        "start.json",
        "threshold.json",
        "trained.json",
        "training.json",
    ]
    assert models.unfinished() == models.list("you") == []
    card = (found.path / "README.md").read_text()
    assert "+0.250, with a 95 % interval from +0.125 to +0.375" in card
    assert "better" in card
    assert "- 9 queries are few." in card
    assert 'labels of the set "Ready example"' in card


def test_a_disk_that_takes_nothing_more_leaves_the_model_and_its_work_to_go_on_with(models: TrainedModels) -> None:
    ask = replace(ASK, id="f" * 16)
    made = models.begin(ask, ROWS, ROWS) / "model"
    made.mkdir()
    (made / "model.safetensors").write_text("weights")
    trained = models.place(ask, "")
    # A draft that cannot be written, whoever runs the test.
    (trained.path / "trained.draft").mkdir()
    with pytest.raises(InvalidInput, match=r"could not be written: .* Free some space"):
        models.measured(replace(trained, result=RESULT))
    assert (models.get("me", ask.id).result, models.unfinished()) == (None, [ask])
    (trained.path / "trained.draft").rmdir()
    models.measured(replace(trained, result=RESULT))
    assert (models.get("me", ask.id).result, models.unfinished()) == (RESULT, [])


def test_a_name_changes_and_the_folder_stays(models: TrainedModels) -> None:
    (before,) = models.list("me")
    models.rename("me", ASK.id, "  Another \n one ")
    (after,) = models.list("me")
    assert (after.ask.name, after.path) == ("Another one", before.path)
    assert (after.path / "README.md").read_text().count("# Another one") == 1
    kept = models.threshold("me", ASK.id)
    assert (kept.name, kept.value, kept.id) == ("Another one", -1.25, "")
    with pytest.raises(InvalidInput, match="needs a name"):
        models.rename("me", ASK.id, " ")
    (after.path / "threshold.json").unlink()
    with pytest.raises(InvalidInput, match="No threshold was kept with this model"):
        models.threshold("me", ASK.id)


def test_only_its_owner_touches_a_model(models: TrainedModels, tmp_path: Path) -> None:
    for touch in (models.delete, models.threshold, lambda owner, id: models.zipped(owner, id, tmp_path)):
        with pytest.raises(InvalidInput, match="This trained model is gone"):
            touch("you", ASK.id)
    # As while it is measured.
    lock = FileLock(models.work(ASK.id) / "lock")
    with lock, pytest.raises(InvalidInput, match="This training is under way"):
        models.delete("me", ASK.id)
    with lock, pytest.raises(InvalidInput, match="This training is under way"):
        models.drop(ASK.id)
    models.drop(ASK.id)
    assert not models.work(ASK.id).exists()
    models.delete("me", ASK.id)
    assert models.list(None) == []
    (models.root / "work" / "gone-1").mkdir()
    models.sweep()
    assert list((models.root / "work").iterdir()) == []
    assert [path.name for path in models.root.iterdir()] == ["work"]


def test_the_file_to_take_away_holds_no_text_of_the_visitor(models: TrainedModels, tmp_path: Path) -> None:
    made = models.zipped("me", ASK.id, tmp_path / "zips")
    with zipfile.ZipFile(made) as file:
        names = [name.split("/")[-1] for name in file.namelist()]
    first = made.stat().st_ino
    assert models.zipped("me", ASK.id, tmp_path / "zips").stat().st_ino == first
    models.rename("me", ASK.id, "Other")
    assert models.zipped("me", ASK.id, tmp_path / "zips").stat().st_ino != first
    assert [path.name for path in (tmp_path / "zips").iterdir()] == [made.name]
    assert names == ["README.md", "model.safetensors", "training.json"]


def test_a_damaged_record_is_left_out_and_the_others_are_listed(models: TrainedModels) -> None:
    (models.root / "broken").mkdir()
    (models.root / "broken" / "trained.json").write_text("{")
    assert [each.ask.id for each in models.list(None)] == [ASK.id]


def test_a_name_becomes_a_folder_s() -> None:
    assert short_name("/data/trained/my-own-0123456789abcdef") == "my-own"
    assert short_name("/data/trained/my-own-0123456789abcdef#backend=onnx") == "my-own#backend=onnx"
    assert short_name("/data/trained/my-own") == "/data/trained/my-own"
    assert (slug("Ünser Modell / 2"), slug("我的"), slug("../..")) == ("unser-modell-2", "trained", "trained")


def test_on_a_public_page_only_folders_of_trained_models_may_be_opened(models: TrainedModels, tmp_path: Path) -> None:
    (own,) = models.list("me")
    refuse_folder(str(own.path), models.root)
    for path in (tmp_path, models.root, own.path / "..", own.path / ".." / "..", models.root / "work" / ASK.id):
        with pytest.raises(InvalidInput, match="cannot be opened on a public page"):
            refuse_folder(str(path), models.root)


def test_what_cannot_be_trained_says_why_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "gguf").mkdir()
    (tmp_path / "gguf" / "model.gguf").write_bytes(b"GGUF")
    language_model = checkpoints.tiny_qwen3(tmp_path / "qwen", classifier=False)
    for base, sentence in {
        "bm25": "has no weights to train",
        "tei://localhost:8080": "runs on another machine",
        "built-in/mini-reranker#backend=onnx": "only the model itself can be trained",
        str(tmp_path / "gguf"): "has no config.json",
        str(tmp_path / "none"): "There is no folder",
        f"{language_model}#prompt=qwen3": "only the model itself can be trained",
        str(language_model): "Qwen3ForCausalLM",
    }.items():
        with pytest.raises(ModelError) as caught:
            trainable.find(replace(ASK, base=base), offline=True)
        assert sentence in str(caught.value)


def test_a_folder_is_named_in_full(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_bert.parent)
    ask = replace(ASK, base=f"./{tiny_bert.name}")
    assert trainable.find(ask, offline=True).folder == str(tiny_bert.absolute())
