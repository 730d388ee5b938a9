"""Models in a process of their own: the same scores, and a page that outlives their end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from playground.core.errors import InvalidInput, ModelChanged, ModelEnded
from playground.core.types import ModelChoice, RerankResult
from playground.engine.engine import Engine
from playground.engine.worker import Worker
from tests.engine.doubles import numbered, request_of, run

MINI = ModelChoice("built-in/mini-reranker", device="cpu", precision="fp32")
EMBEDDER = ModelChoice("built-in/mini-embedder", kind="embedder", device="cpu", precision="fp32")
TEXTS = ("a red panda eats bamboo", "the sky is blue", "red pandas live in trees " * 200)
posix = pytest.mark.skipif(os.name != "posix", reason="signals of this kind need POSIX")


@pytest.fixture(scope="module")
def here() -> Iterator[Engine]:
    engine = Engine(offline=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def apart() -> Iterator[Engine]:
    engine = Engine(offline=True, worker=True)
    yield engine
    engine.close()


def worker(engine: Engine) -> Worker:
    assert engine.workers is not None
    return engine.workers.current()


def logits(result: RerankResult) -> list[float]:
    return [scored.logit for scored in sorted(result, key=lambda scored: scored.index)]


@pytest.mark.parametrize("choice", [MINI, EMBEDDER], ids=["reranker", "embedder"])
def test_scores_reports_and_settings_are_those_of_the_same_process(
    here: Engine, apart: Engine, choice: ModelChoice
) -> None:
    request = request_of("what do red pandas eat?", *TEXTS)
    for asked in (choice, replace(choice, max_length=64)):
        one, other = run(here, request, asked), run(apart, request, asked)
        assert logits(other) == pytest.approx(logits(one), abs=1e-5)
        assert other.spec == one.spec
        assert other.scale == one.scale
        assert [scored.n_cut for scored in other] == [scored.n_cut for scored in one]
        assert other.n_tokens == one.n_tokens
    (loaded,) = [model for model in apart.loaded() if model.spec.model_id == choice.model_id]
    assert loaded.memory_mib == pytest.approx(next(m.memory_mib for m in here.loaded() if m.spec == loaded.spec))


def test_our_errors_come_through_as_they_are_and_others_leave_their_traceback_in_the_log(
    apart: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidInput) as refused:
        run(apart, request_of("red", "panda"), ModelChoice("built-in/mini-reranker", device="cpu", max_length=9999))
    assert refused.value.values
    with pytest.raises(RuntimeError, match=r"^something unexpected in the process of the models; the log says what$"):
        worker(apart).call("logits", 999, ([],))
    assert "Traceback" in caplog.text
    assert "KeyError: 999" in caplog.text


def test_a_model_that_is_unloaded_goes_from_the_process(apart: Engine) -> None:
    run(apart, request_of("red", "panda"), EMBEDDER)
    before = psutil.Process(worker(apart).pid).memory_full_info().uss
    apart.unload(next(model.spec.fingerprint for model in apart.loaded() if model.spec.kind == "embedder"))
    for _ in range(400):
        if psutil.Process(worker(apart).pid).memory_full_info().uss < before - 30 * 2**20:
            return
        time.sleep(0.05)
    raise AssertionError("the memory was kept")


@posix
def test_the_end_of_the_process_ends_one_run_with_a_sentence_and_the_others_go_on(here: Engine, apart: Engine) -> None:
    requests = [request_of(f"red panda {visitor}", *numbered(40)) for visitor in range(3)]
    found: dict[int, RerankResult | ModelEnded] = {}
    run(apart, request_of("red", "panda"), MINI)
    process = worker(apart)
    # It stands still, so one of the runs is in its forward pass when the process ends, and the others wait.
    os.kill(process.pid or 0, signal.SIGSTOP)

    def visit(visitor: int) -> None:
        try:
            found[visitor] = run(apart, requests[visitor], MINI)
        except ModelEnded as error:
            found[visitor] = error

    visits = [threading.Thread(target=visit, args=(visitor,)) for visitor in range(3)]
    for each in visits:
        each.start()
    while len(process._waiting) < 3:
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGCONT)
    while not any(turns.n_waiting for turns in apart._pool._turns.values()):
        time.sleep(0.001)
    os.kill(process.pid or 0, signal.SIGKILL)
    for each in visits:
        each.join()

    ended = [result for result in found.values() if isinstance(result, ModelEnded)]
    assert len(ended) <= 1
    assert all("Run again" in str(error) for error in ended)
    for visitor, result in found.items():
        if isinstance(result, RerankResult):
            assert logits(result) == pytest.approx(logits(run(here, requests[visitor], MINI)), abs=1e-5)
    assert worker(apart).pid != process.pid
    assert run(apart, requests[0], MINI).complete


@posix
def test_a_forward_pass_that_ends_the_process_is_told_once_and_not_tried_again(apart: Engine) -> None:
    run(apart, request_of("red", "panda"), MINI)
    process = worker(apart)
    os.kill(process.pid or 0, signal.SIGSTOP)
    told: list[Exception] = []

    def forward() -> None:
        lease = apart._pool.peek(MINI)
        assert lease is not None
        with lease:
            try:
                lease.logits([])
            except ModelEnded as error:
                told.append(error)

    visit = threading.Thread(target=forward)
    visit.start()
    while not process._waiting:
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    visit.join()

    assert [str(error) for error in told] == [
        "The process of the models was ended by the system while built-in/mini-reranker was at work, most likely for "
        "want of memory. Run again; if it ends once more, take a smaller model or fewer tokens per batch."
    ]


@posix
def test_a_model_whose_files_changed_is_not_taken_for_the_one_before_nor_loaded_again_to_find_that(
    apart: Engine, tmp_path: Path, tiny_bert: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    choice = replace(MINI, model_id=str(folder))
    first = run(apart, request_of("red", "panda"), choice)
    with (folder / "config.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    process = worker(apart)
    os.kill(process.pid or 0, signal.SIGKILL)
    while not process.gone:
        time.sleep(0.01)

    said = r"^The files of .* changed since it was loaded, and its process ended\."
    refused = pytest.raises(ModelChanged, match=said)
    with refused:
        run(apart, request_of("red", "bamboo"), choice)
    # Nobody looks for them again.
    away = folder.rename(tmp_path / "away")
    with refused:
        run(apart, request_of("red", "bamboo"), choice)
    with refused:
        run(apart, request_of("red", "bamboo"), replace(choice, max_length=64))
    away.rename(folder)
    apart.unload(first.spec.fingerprint)

    assert run(apart, request_of("red", "bamboo"), choice).spec.fingerprint != first.spec.fingerprint


@posix
def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "if __name__ == '__main__':\n"
        "    import time\n"
        "    from playground.engine.worker import Worker\n"
        "    print(Worker().pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    root = Path(__file__).parents[2]
    environ = os.environ | {"PYTHONPATH": str(root)}
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True, env=environ)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    child.wait(30)
    assert not child.is_running()
