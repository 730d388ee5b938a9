"""The command for people: every way to run a model beside fp32, with a sentence at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playground.bench import people
from playground.bench.__main__ import app
from playground.core.errors import DeviceUnavailable
from playground.core.speeds import Speeds, TimedRun
from playground.core.types import ModelChoice


def test_the_command_times_the_built_in_model_and_ends_with_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MOST_PASSAGES", 2)
    files = ["--json", str(tmp_path / "speed.json"), "--plot", str(tmp_path / "speed.html")]
    done = CliRunner().invoke(app, ["--seconds", "0.1", *files])
    assert done.exit_code == 0, done.output
    lines = done.stdout.strip().splitlines()
    assert lines[0].startswith("| model | run as | pairs/s | tokens/s | times fp32 | Kendall tau |")
    assert lines[2].startswith("| built-in/mini-reranker | fp32 |")
    assert lines[-1].startswith("3 rounds of 4 pairs in English and Chinese. Fastest here for built-in/mini-reranker")
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert (rows[0]["run_as"], rows[0]["ratio"], rows[0]["drift"], rows[0]["keeps_order"]) == ("fp32", 1.0, 0.0, True)
    assert "plotly" in (tmp_path / "speed.html").read_text(encoding="utf-8").lower()


def found(*runs: TimedRun, random_weights: bool = False) -> people.Found:
    from playground.analysis.fastest import rows

    choice = ModelChoice("m")
    return people.Found(people.Model("m", choice, random_weights), rows(Speeds(runs, 12)), 12, 3)


def run(precision: str, seconds: float, outputs: tuple[float, ...]) -> TimedRun:
    choice = ModelChoice("m", precision=precision)  # type: ignore[arg-type]
    return TimedRun(choice, None, (seconds,) * 3, (outputs,), 100, 10.0)


def test_the_sentence_names_the_fastest_that_keeps_the_order() -> None:
    order = tuple(float(place) for place in range(12))
    slow, swift, wrong = run("fp32", 4.0, order), run("bf16", 2.0, order), run("fp16", 1.0, order[::-1])
    refused = TimedRun(ModelChoice("m", precision="int8"), error=DeviceUnavailable("int8 is not here."))
    assert people.sentence(found(slow, swift, wrong, refused)) == (
        "Fastest here for m, with the order of fp32: bf16, 2.0 times fp32."
    )
    assert people.sentence(found(slow, wrong)) == (
        "Fastest here for m: fp32; no other way that keeps its order is clearly faster."
    )
    assert people.sentence(found(slow, random_weights=True)).endswith(f"({people.RANDOM}).")
    assert people.sentence(found(refused, slow)).startswith("m could not be timed in fp32")
    assert people.COLUMNS["pairs/s"](("m", found(refused).rows[0])) == "not offered: int8 is not here."
