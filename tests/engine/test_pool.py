"""Loaded models: once each, shared, bounded."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from playground.core.errors import InvalidInput, ModelNotFound, NoRoom, OutOfMemory
from playground.core.types import ModelChoice, RerankResult
from playground.engine.engine import Engine
from playground.engine.loaded import OnProgress
from playground.models.memory import memory_mib
from tests.engine.doubles import CHOICE, OverlapScorer, Shelf, numbered, request_of, run


def in_threads(n: int, work: Callable[[int], object]) -> list[object]:
    """What each thread returned or raised."""
    answers: list[object] = [None] * n

    def answer(place: int) -> None:
        try:
            answers[place] = work(place)
        except Exception as error:  # noqa: BLE001 - the error is the answer
            answers[place] = error

    threads = [threading.Thread(target=answer, args=(place,)) for place in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("never came true")


def loaded(engine: Engine) -> list[str]:
    return [model.spec.model_id for model in engine.loaded()]


def test_two_threads_that_ask_for_one_model_load_it_once() -> None:
    shelf = Shelf(gate=threading.Event())
    engine = Engine(load_scorer=shelf)
    assert shelf.gate is not None
    threading.Thread(target=lambda: (shelf.started.wait(20), time.sleep(0.1), shelf.gate and shelf.gate.set())).start()
    answers = in_threads(4, lambda place: run(engine, request_of("red", f"red {place}")))
    assert all(isinstance(answer, RerankResult) for answer in answers)
    assert len(shelf.loads) == 1
    assert not engine.loaded()[0].in_use


def test_a_failing_load_raises_to_all_who_wait_and_is_not_kept() -> None:
    shelf = Shelf(gate=threading.Event(), error=ModelNotFound("No model {id!r}.", id="overlap"))
    engine = Engine(load_scorer=shelf)
    assert shelf.gate is not None
    threading.Thread(target=lambda: (shelf.started.wait(20), time.sleep(0.1), shelf.gate and shelf.gate.set())).start()
    answers = in_threads(2, lambda place: run(engine, request_of("red", f"red {place}")))
    assert [str(answer) for answer in answers] == ["No model 'overlap'."] * 2
    assert answers[0] is not answers[1]
    assert len(shelf.loads) == 1
    assert engine.loaded() == ()
    shelf.error = None
    assert len(run(engine, request_of("red", "a"))) == 1


def test_a_load_that_fails_by_a_bug_keeps_its_traceback() -> None:
    engine = Engine(load_scorer=Shelf(error=ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError, match="bug"):
        run(engine, request_of("red", "a"))


def test_one_forward_at_a_time_per_model_and_both_visitors_get_their_own_scores() -> None:
    shelf = Shelf(change={"before_forward": lambda: time.sleep(0.001)})
    engine = Engine(load_scorer=shelf)
    choice = replace(CHOICE, batch_tokens=12)

    def visit(place: int) -> RerankResult:
        return run(engine, request_of("red panda", *(f"{text} for {place}" for text in numbered(20))), choice)

    answers = in_threads(3, visit)
    assert shelf.scorer.most_running == 1
    for place, answer in enumerate(answers):
        assert isinstance(answer, RerankResult)
        assert answer.complete
        assert all(passage.passage.text.endswith(f"for {place}") for passage in answer)


def test_the_least_recently_used_model_goes_when_memory_is_full() -> None:
    engine = Engine(load_scorer=Shelf(), memory_limit_mib=250)
    for name in ("a", "b", "a", "c"):
        run(engine, request_of("red", "x"), ModelChoice(name))
    assert loaded(engine) == ["c", "a"]


def test_a_model_in_use_is_never_evicted() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf, memory_limit_mib=150)
    running = engine.rerank(request_of("red", *numbered(5)), ModelChoice("a", batch_tokens=1))
    while next(running).phase != "score":
        pass
    run(engine, request_of("red", "x"), ModelChoice("b"))
    assert set(loaded(engine)) == {"a", "b"}
    last = list(running)[-1]
    assert last.phase == "done"
    run(engine, request_of("red", "x"), ModelChoice("c"))
    assert loaded(engine) == ["c"]


def test_one_model_larger_than_the_limit_still_runs() -> None:
    engine = Engine(load_scorer=Shelf(), memory_limit_mib=1)
    assert len(run(engine, request_of("red", "x"))) == 1
    assert loaded(engine) == ["overlap"]


def test_each_device_has_its_own_limit() -> None:
    engine = Engine(load_scorer=Shelf(), memory_limit_mib=150)
    run(engine, request_of("red", "x"), ModelChoice("a", device="cpu"))
    run(engine, request_of("red", "x"), ModelChoice("b", device="cuda"))
    assert set(loaded(engine)) == {"a", "b"}


def test_auto_and_what_it_settles_on_share_one_model() -> None:
    engine = Engine(load_scorer=Shelf())
    run(engine, request_of("red", "x"), replace(CHOICE, device="auto"))
    run(engine, request_of("red", "x"), replace(CHOICE, device="cpu"))
    assert loaded(engine) == ["overlap"]


def test_a_length_limit_costs_no_second_load_and_is_what_the_result_says() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    long = " ".join("x" * 100)
    lengths = [
        run(engine, request_of("red", long), replace(CHOICE, max_length=n)).spec.max_length for n in (None, 16, 99)
    ]
    assert lengths == [64, 16, 99]
    other = run(engine, request_of("red", long), replace(CHOICE, truncation="longest_first"))
    assert other.spec.truncation == "longest_first"
    assert len(shelf.loads) == 1
    counted = engine.count("red", [long], replace(CHOICE, max_length=128))
    assert counted is not None
    assert counted.n_cut_passages == 0


def test_a_length_the_model_does_not_allow_is_refused_and_lets_the_model_go() -> None:
    engine = Engine(load_scorer=Shelf())
    with pytest.raises(InvalidInput, match="reads at most 128 tokens"):
        run(engine, request_of("red", "x"), replace(CHOICE, max_length=999))
    assert not engine.loaded()[0].in_use


@pytest.mark.parametrize("preloaded", [False, True])
def test_a_download_that_nobody_waits_for_ends_unless_it_was_preloaded(preloaded: bool) -> None:
    stopped = threading.Event()
    outcome: list[str] = []
    shelf = Shelf()

    def download(choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> OverlapScorer:
        assert on_progress is not None
        try:
            on_progress("download", 1, 10)
            assert stopped.wait(20)
            on_progress("download", 2, 10)
        except Exception:
            outcome.append("ended")
            raise
        outcome.append("went on")
        return shelf(choice, offline=offline, on_progress=None)

    engine, stop = Engine(load_scorer=download), threading.Event()
    if preloaded:
        engine.preload(CHOICE)
    for step in engine.rerank(request_of("red", "x"), CHOICE, stop=stop):
        if step.phase == "download":
            stop.set()
    stopped.set()
    wait_until(lambda: bool(outcome))
    assert outcome == ["went on" if preloaded else "ended"]
    # Whoever asks next gets the model: the one on its way, or by a new download.
    assert len(run(engine, request_of("red", "x"))) == 1


def test_a_load_that_runs_out_of_memory_tries_again_without_the_idle_models() -> None:
    shelf = Shelf()

    def load(choice: ModelChoice, **settings: object) -> OverlapScorer:
        if choice.model_id == "big" and loaded(engine):
            raise OutOfMemory("No room.")
        return shelf(choice, offline=False, on_progress=None)

    engine = Engine(load_scorer=load)
    run(engine, request_of("red", "x"), ModelChoice("small"))
    run(engine, request_of("red", "x"), ModelChoice("big"))
    assert loaded(engine) == ["big"]


def test_preload_loads_in_the_background_and_its_error_waits_for_the_run() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    engine.preload(CHOICE)
    wait_until(lambda: loaded(engine) == ["overlap"])
    assert not engine.loaded()[0].in_use
    run(engine, request_of("red", "x"))
    assert len(shelf.loads) == 1
    shelf.error = ModelNotFound("No such model.")
    engine.preload(ModelChoice("gone"))
    with pytest.raises(ModelNotFound):
        run(engine, request_of("red", "x"), ModelChoice("gone"))


def test_unload_drops_an_idle_model_now_and_a_used_one_when_its_run_is_over() -> None:
    engine = Engine(load_scorer=Shelf())
    run(engine, request_of("red", "x"))
    engine.unload(engine.loaded()[0].spec.fingerprint)
    assert loaded(engine) == []
    running = engine.rerank(request_of("red", *numbered(3)), replace(CHOICE, batch_tokens=1))
    while next(running).phase != "score":
        pass
    engine.unload(engine.loaded()[0].spec.fingerprint)
    assert loaded(engine) == ["overlap"]
    assert list(running)[-1].phase == "done"
    assert loaded(engine) == []


def test_close_drops_models_and_scores() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf)
    run(engine, request_of("red", "x"))
    engine.close()
    assert loaded(engine) == []
    assert run(engine, request_of("red", "x")).n_cached == 0


def test_the_memory_of_the_cpu_is_known_without_torch() -> None:
    assert 256 < memory_mib("cpu") < 16 * 1024 * 1024


def test_room_is_made_for_a_model_only_where_that_would_be_enough() -> None:
    shelf = Shelf()

    def load(choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> OverlapScorer:
        missing_mib = {"medium": 60.0, "huge": 6000.0}.get(choice.model_id, 0.0)
        if missing_mib and loaded(engine):
            raise NoRoom("No room.", on="cpu", missing_mib=missing_mib)
        return shelf(choice, offline=False, on_progress=None)

    engine = Engine(load_scorer=load)
    run(engine, request_of("red", "x"), ModelChoice("small"))
    with pytest.raises(NoRoom, match="No room"):
        run(engine, request_of("red", "x"), ModelChoice("huge"))
    assert loaded(engine) == ["small"]
    run(engine, request_of("red", "x"), ModelChoice("medium"))
    assert loaded(engine) == ["medium"]


def test_a_model_too_large_for_the_device_is_refused_before_it_is_loaded() -> None:
    engine = Engine(offline=True, free_mib=lambda device: 10.0)
    choice = ModelChoice("built-in/mini-reranker", device="cpu", precision="fp32")
    with pytest.raises(NoRoom, match="needs about 74 MiB of memory in fp32, and 10 MiB is free on the CPU"):
        run(engine, request_of("red", "x"), choice)
    assert loaded(engine) == []
