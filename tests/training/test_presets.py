"""What the presets bring: the same draws for each, told with an interval."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from playground.core.errors import InvalidInput
from playground.core.training import Recipe
from playground.training import presets
from playground.training.__main__ import app
from playground.training.rows import Row
from tests.checkpoints import ENGLISH

ROWS = [Row(f"{text} {n}?", (ENGLISH[0],), tuple(ENGLISH[1:4])) for n in range(8) for text in ENGLISH[4:7]]


def test_no_query_is_drawn_twice_and_too_few_are_refused() -> None:
    again = [Row(row.query.upper(), row.pos, row.neg) for row in ROWS]
    parts = presets.draws([*ROWS, *again], n_seeds=2, n_train=8, n_dev=4)
    assert [(len(train), len(dev)) for train, dev in parts] == [(8, 4), (8, 4)]
    drawn = [row.query.upper() for train, dev in parts for row in (*train, *dev)]
    assert len(set(drawn)) == len(drawn) == len(ROWS)
    with pytest.raises(InvalidInput, match=r"24 queries are too few\. Give at least 36\."):
        presets.draws([*ROWS, *again], n_seeds=3, n_train=8, n_dev=4)


def test_a_preset_that_is_not_there_is_refused_before_rows_are_read() -> None:
    asked = ["presets", "--rows", "nowhere.jsonl", "--preset", "fast"]
    with pytest.raises(typer.BadParameter, match=r"--preset takes quick or careful\."):
        app(asked, standalone_mode=False)


def test_each_preset_is_measured_on_all_dev_queries_beside_its_base(tiny_bert: Path) -> None:
    said: list[str] = []
    recipes = {"one": Recipe(1, 1e-3, 64, 4), "none": Recipe(1, 0.0, 64, 4)}
    contest = presets.measure(ROWS, str(tiny_bert), recipes, n_seeds=2, n_train=6, n_dev=5, say=said.append)
    assert (contest.n_models, len(contest.queries)) == (3, 10)
    assert [line.split(":")[0] for line in said] == [
        *(f"seed {seed}, {name}" for seed in (0, 1) for name in ("before", "one", "none")),
        "one less before",
        "none less before",
        "none less one",
    ]
    # A base that learned nothing, but for weights in fp16.
    assert contest.differences[2, 0, presets.KEY].estimate.mean == pytest.approx(0, abs=0.05)
    assert said[-2].endswith(contest.differences[2, 0, presets.KEY].verdict)
