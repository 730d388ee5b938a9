"""Trainings behind the page, each in a real process: what comes of one, what cuts it off, and what goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from playground.analysis.training_rows import rows_of
from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput, ModelEnded
from playground.core.training import RECIPES, TrainingAsk, TrainingData
from playground.core.types import ModelChoice
from playground.engine import trainable
from playground.engine.engine import Engine
from playground.engine.trained import TrainedModels, new_id
from playground.engine.training_memory import need_of
from playground.engine.training_process import TrainingProcess
from playground.history.store import HistoryStore
from playground.inputs import ready_sets
from playground.models import memory
from playground.models.resolve import resolve
from playground.ui.training_jobs import TrainingJob, TrainingJobs
from tests.ui import doubles

OWNER = "visitor-one"
PATIENCE_SECONDS = 240.0
# Each starts several processes that import torch.
pytestmark = pytest.mark.timeout(600)


def data() -> TrainingData:
    return rows_of(ready_sets.load("example"), 0.3, 0, "set")


def ask(base: Path | str, epochs: int = 1, owner: str = OWNER) -> TrainingAsk:
    found = data()
    n_train, n_dev, warnings = len(found.train), len(found.dev), found.warnings
    return TrainingAsk(
        new_id(), owner, "My own", "Example", str(base), "quick", epochs, 0, "set", "auto", n_train, n_dev, warnings,
        "2026-01-01T00:00:00+00:00", device="cpu",
    )  # fmt: skip


def jobs_of(
    tmp_path: Path,
    engine: Engine | None = None,
    start: Callable[[Sequence[str]], TrainingProcess] = TrainingProcess,
    root: Path | None = None,
    free: Callable[[str], float] = memory.free_mib,
) -> TrainingJobs:
    find_base = partial(trainable.find, offline=True, free=free)
    history = HistoryStore(tmp_path / "history.db")
    made = engine or Engine(load_scorer=doubles.load())
    return TrainingJobs(made, history, TrainedModels(root or tmp_path / "trained"), find_base, start)


def only(jobs: TrainingJobs) -> TrainingJob:
    (job,) = jobs.of(OWNER)
    return job


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


PEER = """
from FlagEmbedding import FlagReranker
reranker = FlagReranker(argv[0], use_fp16=False, devices=["cpu"])
scores = reranker.compute_score([(argv[1], text) for text in argv[2:]], normalize=False)
"""


def test_a_training_ends_with_before_and_after_and_a_model_that_peers_score_alike(
    tmp_path: Path, tiny_bert: Path, beside_flag_embedding: Interpreter
) -> None:
    engine = Engine(offline=True, cache_folder=tmp_path)
    jobs = jobs_of(tmp_path, engine)
    jobs.start(ask(tiny_bert, epochs=3), data())
    assert jobs.wait(PATIENCE_SECONDS)
    job = only(jobs)
    assert (job.state, job.error, job.total) == ("done", None, 6)
    assert [point.step for point in job.points if point.ndcg is not None] == [0, 2, 4, 6]

    models = TrainedModels(tmp_path / "trained")
    (trained,) = models.list(OWNER)
    assert models.list("visitor-two") == models.unfinished() == []
    result = trained.result
    assert result is not None
    # Five queries: whatever came of it, nothing can be said for sure.
    assert (result.n_queries, result.verdict) in ((5, "too-few"), (5, "same"))
    assert result.after - result.before == pytest.approx(result.difference)
    assert result.low <= result.difference <= result.high
    assert result.threshold is not None
    assert (result.device, result.precision, result.max_length) == (
        "cpu",
        "fp32",
        trainable.find(job.ask, offline=True).max_length,
    )
    threshold = models.threshold(OWNER, trained.ask.id)
    assert (threshold.value, threshold.spec.fingerprint) == (result.threshold, result.fingerprint)
    assert (threshold.method, threshold.parameter, threshold.n_queries) == ("f-beta", 1.0, 5)
    assert 0 < threshold.n_relevant < threshold.n_pairs
    card = (trained.path / "README.md").read_text()
    assert f"{result.before:.3f} with the base, {result.after:.3f} with this model" in card
    assert "too small to tell" in card or "the same" in card
    assert not (trained.path / "checkpoints").exists()

    row = data().dev[0]
    texts = (*row.pos, *row.neg)
    choice = ModelChoice(str(trained.path), device="cpu", precision="fp32", truncation="longest_first")
    *_, last = engine.rerank(_request(row.query, texts), choice)
    own = {scored.passage.text: scored.logit for scored in last.result.scored}
    assert last.result.spec.fingerprint == result.fingerprint

    import torch
    from sentence_transformers import CrossEncoder

    theirs = CrossEncoder(
        str(trained.path), device="cpu", activation_fn=torch.nn.Identity(), model_kwargs={"dtype": "float32"}
    )
    scores = theirs.predict([(row.query, text) for text in texts])
    assert list(scores) == pytest.approx([own[text] for text in texts], abs=2e-3)
    flag = beside_flag_embedding.run(PEER, "scores", trained.path, row.query, *texts)
    assert flag == pytest.approx([own[text] for text in texts], abs=2e-3)
    engine.close()


def _request(query: str, texts: Sequence[str]) -> object:
    from playground.core.types import Passage, RerankRequest

    return RerankRequest(query, tuple(Passage(str(place), text) for place, text in enumerate(texts)))


def test_what_was_killed_or_stopped_goes_on_and_a_second_training_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    started: list[TrainingProcess] = []

    def start(arguments: Sequence[str]) -> TrainingProcess:
        started.append(TrainingProcess(arguments))
        return started[-1]

    need = need_of(resolve(ModelChoice(str(tiny_bert)), offline=True), RECIPES["quick"], adapters=False)
    jobs = jobs_of(tmp_path, start=start, free=lambda _: need.memory_mib - 1)
    asked = ask(tiny_bert, epochs=400)
    jobs.start(asked, data())
    with pytest.raises(InvalidInput, match="Another training is under way here"):
        jobs.start(ask(tiny_bert, owner="visitor-two"), data())
    until(lambda: only(jobs).step > 2)
    assert only(jobs).warning.endswith("but they may take up to three times as long.")
    os.kill(started[-1].pid, signal.SIGKILL)
    until(lambda: only(jobs).state == "failed")
    assert isinstance(only(jobs).error, ModelEnded)
    assert "Resume goes on from its last checkpoint" in str(only(jobs).error)

    # Not another visitor's, and what he drops is not ours.
    with pytest.raises(InvalidInput, match="This training is gone"):
        jobs.resume("visitor-two", asked.id)
    jobs.forget("visitor-two", asked.id)

    # The page was started anew meanwhile; the other one, over the same folder, keeps its hands off what goes on.
    again = jobs_of(tmp_path)
    assert (only(again).state, only(again).ask.id) == ("stopped", asked.id)
    again.resume(OWNER, asked.id)
    until(lambda: only(again).step > 2)
    with pytest.raises(InvalidInput, match="Another training is under way here"):
        jobs.resume(OWNER, asked.id)
    with pytest.raises(InvalidInput, match="This training is under way"):
        jobs.forget(OWNER, asked.id)
    again.close()
    assert again.wait(PATIENCE_SECONDS)
    assert only(again).state == "stopped"
    assert TrainedModels(tmp_path / "trained").list(None) == []
    again.forget(OWNER, asked.id)
    assert (again.of(OWNER), list((tmp_path / "trained" / "work").iterdir())) == ((), [])


def test_one_cut_off_while_it_was_measured_is_measured_and_not_trained_again(tmp_path: Path, tiny_bert: Path) -> None:
    models, asked = TrainedModels(tmp_path / "trained"), ask(tiny_bert)
    found = data()
    shutil.copytree(tiny_bert, models.begin(asked, found.train, found.dev) / "model")
    placed = models.place(asked, "")
    assert models.get(OWNER, asked.id).result is None

    def start(arguments: Sequence[str]) -> TrainingProcess:
        raise AssertionError("it is trained already")

    # What a training takes need not be free.
    jobs = jobs_of(tmp_path, start=start, free=lambda _: 1.0)
    assert only(jobs).state == "stopped"
    jobs.resume(OWNER, asked.id)
    assert jobs.wait(PATIENCE_SECONDS)
    assert (only(jobs).state, only(jobs).error) == ("done", None)
    (trained,) = models.list(OWNER)
    assert trained.path == placed.path
    assert trained.result is not None
    # A double scores both, so that nothing has changed.
    assert (trained.result.n_queries, trained.result.difference, trained.result.changes) == (5, 0.0, ())
    assert models.unfinished() == []


def test_what_cannot_be_trained_or_kept_is_one_sentence(tmp_path: Path, tiny_xlmr: Path) -> None:
    jobs = jobs_of(tmp_path)
    jobs.start(ask(tmp_path / "none"), data())
    assert jobs.wait(PATIENCE_SECONDS)
    assert str(only(jobs).error).startswith("There is no folder")
    (tmp_path / "file").write_text("")
    full = jobs_of(tmp_path, root=tmp_path / "file")
    with pytest.raises(InvalidInput, match="could not be written"):
        full.start(replace(ask(tiny_xlmr), id="x"), data())
    assert full.of(OWNER) == ()
