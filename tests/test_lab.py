"""The Threshold Lab in a terminal: it says what the analysis says, and a bad call ends in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playground import lab
from playground.analysis import quality, thresholds
from playground.analysis.judged import judged
from playground.core.labels import LabelledSet, SetScores
from playground.engine.set_scoring import collected
from playground.inputs import labelled_sets
from tests.ui import doubles

LABELS = """query,passage,label
what do pandas eat,pandas eat bamboo,1
what do pandas eat,the panda is a bear,0
what do pandas eat,trains run on time,0
where is berlin,berlin is in germany,1
where is berlin,where is the exit,0
where is berlin,berlin has zoos,0
"""


def scored(tmp_path: Path) -> tuple[LabelledSet, SetScores]:
    from playground.core.types import ModelChoice
    from playground.engine.engine import Engine

    path = tmp_path / "labels.csv"
    path.write_text(LABELS, encoding="utf-8")
    labelled = labelled_sets.read([path]).labelled
    found = collected(labelled, Engine(load_scorer=doubles.load()).score_set(labelled, ModelChoice("double")))
    assert found is not None
    return labelled, found


def test_the_report_gives_the_figures_of_the_analysis(tmp_path: Path) -> None:
    labelled, scores = scored(tmp_path)

    text = lab.report(labelled, scores, "recall", 1.0)

    best = thresholds.suggest(judged(labelled, scores), "recall", 1.0)
    mean = quality.measure(labelled, scores).mean("map")
    assert best.value is not None
    assert f"MAP {mean:.4f}" in text
    assert f"threshold by recall 1: {best.value:.3f}, 95 % band" in text
    assert "6 pooled pairs" in text


def test_the_report_says_why_there_is_no_threshold(tmp_path: Path) -> None:
    labelled, scores = scored(tmp_path)
    same = SetScores(scores.spec, scores.scale, "", tuple(tuple(1.0 for _ in row) for row in scores.logits))

    text = lab.report(labelled, same, "precision", 0.9)

    assert "threshold by precision 0.9: none. No threshold reaches a precision" in text


def test_a_file_that_is_not_there_ends_in_one_sentence(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "playground.lab", str(tmp_path / "none.csv")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "none.csv" in ran.stderr


def test_a_method_that_is_not_one_ends_in_one_sentence() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "playground.lab", "--method", "luck"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert ran.stderr == "There is no method 'luck'. Choose one of: f-beta, precision, recall, cost.\n"
