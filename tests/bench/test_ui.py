"""What a visitor waits for, measured: the table, and what is said where nothing can be measured. The page itself is
driven by the same scripts in tests/browser/test_page.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.bench import served, ui
from playground.bench.tables import markdown
from playground.core.errors import InvalidInput


def test_a_figure_is_the_median_of_its_rounds_in_the_order_of_the_first() -> None:
    figures = ui.Figures()
    for ready, first in ((900.0, 0.5), (100.0, 0.25), (300.0, 0.75)):
        figures.add("page ready", "ms", ready)
        figures.add("first score", "s", first)
    assert markdown(figures.all(), ui.COLUMNS).splitlines()[2:] == [
        "| page ready | 300 | 100 | 900 | ms | 3 |",
        "| first score | 0.50 | 0.25 | 0.75 | s | 3 |",
    ]
    rows = json.loads(ui.as_json(figures.all()))["figures"]
    assert rows[0] == {"what": "page ready", "unit": "ms", "median": 300.0, "values": [900.0, 100.0, 300.0]}


def test_passages_are_all_different_and_none_breaks_a_line() -> None:
    import random

    chance = random.Random(0)
    passages = [ui._passage(chance) for _ in range(ui.MANY)]
    assert len(set(passages)) == ui.MANY
    assert not any("\n" in passage for passage in passages)


def test_a_start_without_a_page_says_why(tmp_path: Path) -> None:
    said = r"launch\.py ended before there was a page: .*there is no folder"
    with pytest.raises(InvalidInput, match=said), served.page(tmp_path, "--model", "./not-there"):
        pass


def test_a_shape_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(InvalidInput, match=r"No shape is called owner/none\. Known are .*BAAI/bge-reranker-base"):
        ui.shaped("owner/none")
