"""Two workers of Ray on this machine: the scores of one process, and a worker that dies loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from playground.bench.environments import Interpreter, python_with
from playground.score.__main__ import main
from tests.score.corpora import corpus

REQUIREMENT = "ray[data]==2.60.0"
OPTIONS = ("--precision", "fp32", "--device", "cpu", "--block-rows", "5")

# One of the workers is killed once a block is on the disk.
PROGRAM = """
import contextlib, io, os, signal, threading, time
from pathlib import Path

import psutil

from playground.score.__main__ import main

os.chdir(argv[0])
parts = Path("on-ray.parquet.parts")
killed = []

def kill():
    while not killed:
        if list(parts.glob("*.parquet")):
            of_ours = psutil.Process().children(recursive=True)
            alive = [each for each in of_ours if "MapWorker" in " ".join(each.cmdline())]
            for each in alive[:1]:
                os.kill(each.pid, signal.SIGKILL)
                killed.append(each.pid)
        time.sleep(0.02)

killer = threading.Thread(target=kill, daemon=True)
killer.start()
said = io.StringIO()
with contextlib.redirect_stderr(said):
    status = main(["corpus.parquet", "--out", "on-ray.parquet", "--workers", "2", *argv[1:]])
answer = {"status": status, "killed": len(killed), "said": said.getvalue()}
"""


@pytest.fixture(scope="module")
def beside_ray() -> Iterator[Interpreter]:
    interpreter = Interpreter(python_with([REQUIREMENT]))
    yield interpreter
    interpreter.close()


@pytest.mark.slow  # Ray starts a head and two workers, one of them twice.
def test_two_workers_give_the_scores_of_one_process_and_one_that_is_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside_ray: Interpreter
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = corpus(100)
    frame.to_parquet("corpus.parquet")
    assert main(["corpus.parquet", "--out", "alone.parquet", *OPTIONS]) == 0

    answer = beside_ray.run(PROGRAM, "answer", tmp_path, *OPTIONS)

    assert (answer["status"], answer["killed"]) == (0, 1), answer["said"]
    alone, on_ray = pd.read_parquet("alone.parquet"), pd.read_parquet("on-ray.parquet")
    assert on_ray["id"].tolist() == frame["id"].tolist()
    assert on_ray["logit"].tolist() == pytest.approx(alone["logit"].tolist(), abs=1e-4)
    assert on_ray.drop(columns=["logit", "score"]).equals(alone.drop(columns=["logit", "score"]))
    assert "100 of 100 pairs" in answer["said"]
