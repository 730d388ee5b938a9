"""Figures of a comparison for Python, and figures as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground import figures
from playground.core.errors import InvalidInput, ModelNotFound, PlaygroundError
from playground.core.scales import COSINE
from playground.core.types import Comparison, ModelChoice, ModelRun
from playground.plots import files
from tests.analysis.results import result_of

FIRST = result_of([3.0, 1.0, 2.0], model_id="maker/one")
SECOND = result_of([0.1, 0.9, 0.5], scale=COSINE, model_id="maker/two", fingerprint="f2")
CHOICE = ModelChoice("maker/one")
COMPARISON = Comparison(
    FIRST.request,
    (
        ModelRun(CHOICE, FIRST),
        ModelRun(ModelChoice("maker/gone"), None, ModelNotFound("There is no folder {folder}.", folder="gone")),
        ModelRun(ModelChoice("maker/two"), SECOND),
    ),
)


def test_rank_shift_draws_the_models_that_did_not_fail() -> None:
    figure = figures.rank_shift(COMPARISON)
    assert figure.layout.meta["names"] == ["one", "two"]
    assert [list(line.customdata) for line in figure.data] == [[0, 0], [1, 1], [2, 2]]
    assert [list(line.y) for line in figure.data] == [[0, 2], [2, 0], [1, 1]]


def test_what_a_model_scored_before_it_failed_is_not_drawn() -> None:
    halfway = replace(COMPARISON.runs[2], error=ModelNotFound("gone"))
    figure = figures.score_percentiles(replace(COMPARISON, runs=(COMPARISON.runs[0], halfway)))
    assert figure.layout.meta["names"] == ["one"]


def test_percentiles_put_no_raw_score_on_the_axis() -> None:
    one, two = figures.score_percentiles(COMPARISON).data
    assert sorted(one.x) == sorted(two.x) == pytest.approx([100 / 6, 50, 500 / 6])
    assert "cosine 0.9000" in two.hovertext[list(two.customdata).index(1)]


def test_one_model_says_that_movement_needs_two() -> None:
    figure = figures.rank_shift(replace(COMPARISON, runs=COMPARISON.runs[:1]))
    assert figure.layout.meta["empty"] is True
    assert "needs two models" in figure.layout.annotations[0].text


def test_a_page_holds_all_it_needs_and_runs_nothing_of_a_users_text(tmp_path: Path) -> None:
    title = "</script><img src=x onerror=window.PWN=1> ${1} $x^2$"
    path = figures.write(figures.rank_shift(COMPARISON), tmp_path / "ranks.html", title=title)
    page = path.read_text(encoding="utf-8")
    assert "<script src=" not in page
    assert "<img src=x" not in page
    assert 'src="http' not in page
    assert len(page) > 1_000_000


def test_the_figure_itself_stays_without_title_and_colours() -> None:
    figure = figures.rank_shift(COMPARISON)
    height = figure.layout.height
    printed = files.printed(figure, "what is panda?")
    assert (printed.layout.title.text, printed.layout.paper_bgcolor) == ("what is panda?", "#ffffff")
    assert printed.layout.height > height
    assert (figure.layout.title.text, figure.layout.height) == (None, height)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_without_its_package_says_what_to_install(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=f"{kind.upper()} pictures need the package kaleido"):
        figures.write(figures.rank_shift(COMPARISON), tmp_path / f"ranks.{kind}")


def test_another_end_of_the_name_or_no_place_to_write_is_one_sentence(tmp_path: Path) -> None:
    figure = figures.rank_shift(COMPARISON)
    with pytest.raises(InvalidInput, match=r"not '\.pdf'"):
        figures.write(figure, tmp_path / "ranks.pdf")
    with pytest.raises(PlaygroundError, match="could not be written to"):
        figures.write(figure, tmp_path / "no" / "ranks.html")
