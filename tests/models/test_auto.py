"""What `auto` takes on a CPU: int8 where it is faster and keeps the order of real texts, and it says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.types import ModelChoice, PrecisionName
from playground.models import auto, measured
from playground.models.auto import Verdict
from playground.models.loading import load_scorer

MINI = ModelChoice("built-in/mini-reranker", device="cpu")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """A processor that multiplies int8 so many times as fast, and layers of any width."""
    times = {"gain": 1.9}
    measured_in = tmp_path / "measured"
    monkeypatch.setattr(auto, "cpu_has_int8", lambda: True)
    monkeypatch.setattr(auto, "LEAST_WIDTH", 1)
    # The built-in model is small, and no processor rounds its sums alike.
    monkeypatch.setattr(auto, "LEAST_TAU", 0.9)
    monkeypatch.setattr(auto, "gain", lambda config, precision: times["gain"])
    monkeypatch.setattr(measured, "folder", lambda: measured_in)
    return times


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The precisions in which weights were loaded."""
    from playground.models.cross_encoder import CrossEncoder

    found: list[str] = []
    original = CrossEncoder.load.__func__  # type: ignore[attr-defined]

    def load(cls, resolved, choice, device, precision, replaced=()):  # type: ignore[no-untyped-def]
        found.append(precision)
        return original(cls, resolved, choice, device, precision, replaced)

    monkeypatch.setattr(CrossEncoder, "load", classmethod(load))
    return found


def why(model) -> str:  # type: ignore[no-untyped-def]
    return next(check.detail for check in model.checks if check.name == auto.NAME)


def test_int8_is_taken_where_it_keeps_the_order_and_the_verdict_is_kept(loads: list[str]) -> None:
    model = load_scorer(MINI)
    assert (model.spec.precision, loads) == ("int8", ["fp32", "int8"])
    assert why(model).startswith("int8: its layers are 1.90 times as fast as in ")
    assert "it orders as fp32 (tau 0.9" in why(model)
    load_scorer(MINI)
    assert loads == ["fp32", "int8", "int8"]


def test_it_is_left_where_it_changes_the_order(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "LEAST_TAU", 0.99999)
    model = load_scorer(MINI)
    default = model.spec.precision
    assert default != "int8"
    assert loads == ["fp32", "int8", default]
    assert why(model).startswith(f"{default}: int8 would be 1.90 times as fast, but changes the order (tau 0.9")
    load_scorer(MINI)
    assert loads[3:] == [default]


def test_it_is_not_tried_where_it_gains_little_or_cannot_run(
    loads: list[str], fast: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast["gain"] = 1.1
    assert "int8 would be 1.10 times as fast here, too little" in why(load_scorer(MINI))
    fast["gain"] = None  # type: ignore[assignment]
    assert "too busy to time int8" in why(load_scorer(MINI))
    monkeypatch.setattr(auto, "cpu_has_int8", lambda: False)
    assert why(load_scorer(MINI)).endswith("int8 is not tried for this model on this processor")
    assert len(loads) == 3
    assert "int8" not in loads


def test_a_precision_that_was_asked_for_is_taken_as_it_is(loads: list[str]) -> None:
    model = load_scorer(replace(MINI, precision="fp32"))
    assert loads == ["fp32"]
    assert auto.NAME not in {check.name for check in model.checks}


def test_random_weights_go_by_speed_alone(loads: list[str]) -> None:
    model = load_scorer(MINI, run_checks=False)
    assert loads == ["int8"]
    assert why(model).endswith("nothing says whether it keeps the order")


def test_another_way_to_read_the_weights_keeps_what_was_found() -> None:
    model = load_scorer(MINI)
    assert why(load_scorer(MINI, weights_of=model)) == why(model)


@pytest.mark.parametrize(
    ("coarse", "verdict", "keeps"),
    [
        ([5.0, 3.0, 1.0, -1.0], Verdict(1.0, 10, 0.0), True),
        ([5.0, 3.3, 1.0, -1.0], Verdict(1.0, 10, 0.05), True),
        ([5.0, 3.6, 1.0, -1.0], Verdict(1.0, 10, 0.1), False),
        ([5.0, 0.9, 1.0, -1.0], Verdict(2 / 3, 10, 0.35), False),
        ([5.0, 1.9, 2.0, -1.0], Verdict(2 / 3, 10, 1.1 / 6), False),
        ([1.0, 1.0, 1.0, 1.0], Verdict(-1.0, 10, 2 / 3), False),
    ],
)
def test_a_verdict_tells_order_and_drift(coarse: list[float], verdict: Verdict, keeps: bool) -> None:
    found = auto.compared([[5.0, 3.0, 1.0, -1.0]], [coarse])
    assert (found.tau, found.same_top, found.drift) == pytest.approx(
        (verdict.tau, verdict.same_top, verdict.drift), abs=1e-6
    )
    assert found.keeps is keeps


def test_a_passage_that_leaves_the_top_is_seen() -> None:
    exact = [float(-place) for place in range(12)]
    coarse = list(exact)
    coarse[9], coarse[10] = coarse[10], coarse[9]
    assert auto.compared([exact], [coarse]).same_top == 9


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_gain_is_measured_once(precision: PrecisionName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    config = {"hidden_size": 64, "intermediate_size": 128}
    found = auto._timed(64, 128, precision)
    assert found is None or 0.01 < found < 100
    answers = iter([None, 2.5])
    monkeypatch.setattr(auto, "_timed", lambda *_: next(answers))
    # On a busy machine it is not known, and measured again.
    assert [auto.gain(config, precision) for _ in range(4)] == [None, 2.5, 2.5, 2.5]
