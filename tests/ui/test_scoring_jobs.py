"""Scoring behind the page: progress, Stop, and what a killed process leaves to the next one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput, ModelNotFound
from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.limits import Limits
from playground.core.types import ModelChoice, Passage
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from tests.ui import doubles

OWNER = "visitor-one"
# Batches of three pairs, as many as a query of `labelled` has.
CHOICE = ModelChoice("owner/reranker", batch_tokens=21)
PATIENCE_SECONDS = 60.0


def labelled(n_queries: int = 4, n_passages: int = 3, id: str = "example") -> LabelledSet:
    """Queries of passages that all differ."""
    queries = []
    for number in range(n_queries):
        texts = [f"panda {number} eats {place}" for place in range(n_passages)]
        passages = tuple(Passage(str(place), text) for place, text in enumerate(texts))
        queries.append(LabelledQuery(str(number), f"panda {number}", passages, (None,) * n_passages))
    return LabelledSet(id, "", tuple(queries))


class Loaded:
    """Remembers the scorers that were loaded, to count their forward passes."""

    def __init__(self, gate: doubles.Gate | None = None) -> None:
        self.gate = gate
        self.scorers: list[doubles.OverlapScorer] = []

    def __call__(self, choice: ModelChoice, *, offline: bool = False, on_progress: object = None) -> object:
        if choice.model_id == "owner/gone":
            raise ModelNotFound("There is no folder {folder}. Check the path, or type a Hub id.", folder="gone")
        if choice.model_id == "owner/bug":
            raise ZeroDivisionError
        scorer = doubles.OverlapScorer(choice, gate=self.gate)
        self.scorers.append(scorer)
        return scorer

    @property
    def n_forwards(self) -> int:
        return sum(scorer.n_forwards for scorer in self.scorers)


Started = Callable[..., tuple[Services, Loaded]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """A process as far as the jobs can tell: engine, services and models of its own over the same database."""
    running: list[tuple[Services, Loaded]] = []

    def started(gate: doubles.Gate | None = None, **options: Limits) -> tuple[Services, Loaded]:
        settings = Settings(db=tmp_path / "history.db", offline=True)
        loaded = Loaded(gate)
        services = Services(settings, Engine(load_scorer=loaded, **options), HistoryStore(settings.db))
        running.append((services, loaded))
        return services, loaded

    yield started
    for services, loaded in running:
        services.close()
        if loaded.gate is not None:
            free(loaded.gate)
        assert services.jobs.wait(OWNER, PATIENCE_SECONDS)


def until(true: Callable[[], bool]) -> None:
    """Waits for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def closed() -> doubles.Gate:
    gate = doubles.Gate()
    gate.closed = True
    return gate


def free(gate: doubles.Gate) -> None:
    """Lets everything through, whoever waits already included."""
    gate.closed = False
    gate.let(100)


def n_scored(services: Services, of: LabelledSet) -> list[int]:
    return [row.n_scored for row in services.history.sets.scorers(OWNER, of)]


def test_a_set_is_scored_behind_the_page_and_every_pair_is_kept(start: Started) -> None:
    services, loaded = start()
    services.jobs.start(OWNER, labelled(), [CHOICE])
    assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    (job,) = services.jobs.of(OWNER)
    assert (job.state, job.done, job.total) == ("done", 12, 12)
    assert n_scored(services, labelled()) == [12]
    assert loaded.n_forwards == 4


def test_progress_counts_pairs_and_each_query_is_on_the_disk_before_the_next(start: Started) -> None:
    gate = closed()
    services, _ = start(gate)
    services.jobs.start(OWNER, labelled(), [CHOICE])
    gate.let(2)
    until(lambda: n_scored(services, labelled()) == [6])
    (job,) = services.jobs.of(OWNER)
    assert (job.state, job.phase, job.done, job.total) == ("running", "score", 6, 12)
    free(gate)


def test_stop_keeps_what_was_scored_and_lets_the_next_model_not_begin(start: Started) -> None:
    gate = closed()
    services, loaded = start(gate)
    services.jobs.start(OWNER, labelled(), [CHOICE, replace(CHOICE, model_id="owner/second")])
    gate.let()
    until(lambda: n_scored(services, labelled()) == [3] and gate.n_waiting == 1)
    services.jobs.stop(OWNER)
    first, second = services.jobs.of(OWNER)
    assert (first.stopping, second.state) == (True, "stopped")
    free(gate)
    assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    first, second = services.jobs.of(OWNER)
    # The batch under way is finished, and no other is begun.
    assert (first.state, first.done, second.state) == ("stopped", 6, "stopped")
    assert n_scored(services, labelled()) == [6]
    assert loaded.n_forwards == 2


def test_a_new_process_computes_only_what_the_killed_one_had_not_scored(start: Started) -> None:
    gate = closed()
    killed, before = start(gate)
    killed.jobs.start(OWNER, labelled(), [CHOICE])
    gate.let(3)
    until(lambda: n_scored(killed, labelled()) == [9])

    restarted, after = start()
    assert restarted.jobs.of(OWNER) == ()
    assert n_scored(restarted, labelled()) == [9]
    restarted.jobs.start(OWNER, labelled(), [CHOICE])
    assert restarted.jobs.wait(OWNER, PATIENCE_SECONDS)
    assert n_scored(restarted, labelled()) == [12]
    assert (before.n_forwards, after.n_forwards) == (3, 1)


def test_another_length_limit_is_another_scorer_and_scores_everything(start: Started) -> None:
    services, _ = start()
    services.jobs.start(OWNER, labelled(), [CHOICE, replace(CHOICE, max_length=20)])
    assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    assert n_scored(services, labelled()) == [12, 12]


def test_the_same_work_is_not_queued_twice(start: Started) -> None:
    gate = closed()
    services, _ = start(gate)
    assert len(services.jobs.start(OWNER, labelled(), [CHOICE, CHOICE])) == 1
    assert services.jobs.start(OWNER, labelled(), [CHOICE]) == ()
    assert len(services.jobs.start(OWNER, labelled(id="other"), [CHOICE])) == 1
    free(gate)


def test_a_new_attempt_takes_the_place_of_the_old_one(start: Started) -> None:
    services, _ = start()
    for _ in range(2):
        services.jobs.start(OWNER, labelled(), [CHOICE])
        assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    assert [job.state for job in services.jobs.of(OWNER)] == ["done"]
    services.jobs.forget(OWNER)
    assert services.jobs.of(OWNER) == ()


def test_a_model_that_cannot_be_found_keeps_its_sentence_and_the_next_one_runs(start: Started) -> None:
    services, _ = start()
    services.jobs.start(OWNER, labelled(), [replace(CHOICE, model_id="owner/gone"), CHOICE])
    assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    gone, scored = services.jobs.of(OWNER)
    assert (gone.state, str(gone.error)) == ("failed", "There is no folder gone. Check the path, or type a Hub id.")
    assert gone.error is not None
    assert gone.error.__traceback__ is None
    assert (scored.state, scored.done) == ("done", 12)


def test_an_error_of_ours_is_logged_and_ends_the_job(start: Started, caplog: pytest.LogCaptureFixture) -> None:
    services, _ = start()
    services.jobs.start(OWNER, labelled(), [replace(CHOICE, model_id="owner/bug")])
    assert services.jobs.wait(OWNER, PATIENCE_SECONDS)
    assert services.jobs.of(OWNER)[0].state == "failed"
    assert "scoring owner/bug failed" in caplog.text


def test_at_most_two_visitors_compute_at_the_same_time(start: Started) -> None:
    gate = closed()
    services, _ = start(gate)
    owners = [OWNER, "visitor-two", "visitor-three"]
    for owner in owners:
        services.jobs.start(owner, labelled(), [replace(CHOICE, model_id=f"owner/{owner}")])
    until(lambda: sum(services.jobs.of(owner)[0].phase == "score" for owner in owners) == 2)
    assert sorted(services.jobs.of(owner)[0].state for owner in owners) == ["running", "running", "waiting"]
    free(gate)
    assert all(services.jobs.wait(owner, PATIENCE_SECONDS) for owner in owners)
    assert [services.jobs.of(owner)[0].state for owner in owners] == ["done"] * 3


def test_nobody_sees_or_stops_the_jobs_of_another(start: Started) -> None:
    gate = closed()
    services, _ = start(gate)
    services.jobs.start(OWNER, labelled(), [CHOICE])
    services.jobs.stop("visitor-two")
    assert services.jobs.of("visitor-two") == ()
    assert not services.jobs.of(OWNER)[0].stopping
    free(gate)


def test_what_cannot_be_scored_is_refused_before_anything_is_queued(start: Started) -> None:
    services, _ = start(limits=Limits(pairs=11, models=2))
    with pytest.raises(InvalidInput, match="This set holds no pairs"):
        services.jobs.start(OWNER, LabelledSet("example", "", ()), [CHOICE])
    with pytest.raises(InvalidInput, match="12 pairs; the limit is 11"):
        services.jobs.start(OWNER, labelled(), [CHOICE])
    with pytest.raises(InvalidInput, match="No model is chosen"):
        services.jobs.start(OWNER, labelled(1), [])
    three = [replace(CHOICE, model_id=f"owner/{number}") for number in range(3)]
    with pytest.raises(InvalidInput, match="At most 2 models can wait"):
        services.jobs.start(OWNER, labelled(1), three)
    assert services.jobs.of(OWNER) == ()
