"""The figures of the Threshold view: what is drawn is what was counted."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from playground.analysis.abstention import abstention
from playground.analysis.by_query import by_query
from playground.analysis.calibration import calibrate
from playground.analysis.curves import first_relevant, points
from playground.core.scales import COSINE, LOGIT
from playground.plots import find
from playground.plots.first_relevant import LAST_RANK, MOST_QUERIES
from playground.plots.level_by_query import MOST_ROWS
from playground.plots.pair_distributions import MOST_MARKS
from playground.plots.palette import IRRELEVANT, RELEVANT
from playground.plots.words import Words
from playground.ui.components.figures import words
from tests.analysis.planted import drawn, pairs

FEW = drawn(12, 2, 6, places=1, seed=3)
MANY = drawn(60, 2, 18, seed=4)
QUERIES = [f"query <b>{number}</b>" for number in range(60)]


def test_each_kind_is_drawn_as_shares_of_its_own_pairs() -> None:
    figure = find("pair_distributions")(FEW.score, FEW.relevant, LOGIT)
    not_relevant, relevant = figure.data[:2]
    meta = figure.layout.meta
    assert sum(meta["n_not"]) == 72
    assert sum(meta["n_relevant"]) == 24
    assert list(relevant.y[1:-1]) == [pytest.approx(100 * n / 24) for n in meta["n_relevant"]]
    assert sum(not_relevant.y) == pytest.approx(100)
    assert (not_relevant.line.color, relevant.line.color) == (IRRELEVANT.mark, RELEVANT.mark)


def test_with_few_pairs_every_one_has_its_mark() -> None:
    figure = find("pair_distributions")(FEW.score, FEW.relevant, LOGIT)
    assert sorted([*figure.data[2].x, *figure.data[3].x]) == sorted(FEW.score.tolist())
    assert len(MANY) > MOST_MARKS
    assert len(find("pair_distributions")(MANY.score, MANY.relevant, LOGIT).data) == 2


@pytest.mark.parametrize("judged", [pairs([1.0, 2.0], [0, 0]), pairs([5.0, 5.0, 5.0], [1, 0, 0]), pairs([1.0], [1])])
def test_one_class_one_score_and_one_pair_are_still_drawn(judged: object) -> None:
    figure = find("pair_distributions")(judged.score, judged.relevant, COSINE)  # type: ignore[attr-defined]
    low, high = figure.layout.xaxis.range
    assert low < min(judged.score) <= max(judged.score) < high  # type: ignore[attr-defined]
    assert figure.layout.xaxis.title.text == "cosine"


def test_the_precision_recall_curve_is_scikit_learns() -> None:
    curve = find("precision_recall")(points(FEW)).data[0]
    precision, recall, _ = precision_recall_curve(FEW.relevant, FEW.score)
    # Ours ends at the last cut that keeps something, scikit-learn's at (0, 1).
    assert list(curve.x) == pytest.approx(recall[:-1].tolist())
    assert list(curve.y) == pytest.approx(precision[:-1].tolist())


def test_the_roc_curve_is_scikit_learns() -> None:
    curve = find("roc")(points(FEW)).data[0]
    fpr, tpr, _ = roc_curve(FEW.relevant, FEW.score, drop_intermediate=False)
    assert sorted(zip(curve.x, curve.y, strict=True)) == [
        pytest.approx(each) for each in sorted(zip(fpr.tolist(), tpr.tolist(), strict=True))
    ]


def test_the_ends_of_a_curve_say_what_they_keep() -> None:
    said = find("roc")(points(FEW)).data[0].hovertext
    assert said[0].startswith("threshold keep all: keeps 100.0 % of the relevant, 100.0 %")
    assert said[-1].startswith("threshold drop all: keeps 0.0 %")


def test_a_long_curve_has_fewer_points_all_of_them_true() -> None:
    judged = drawn(200, 2, 18, seed=5)
    curve = find("precision_recall")(points(judged)).data[0]
    precision, recall, _ = precision_recall_curve(judged.relevant, judged.score)
    true = set(zip(recall.round(12).tolist(), precision.round(12).tolist(), strict=True))
    assert len(curve.x) <= 400
    assert {(round(x, 12), round(y, 12)) for x, y in zip(curve.x, curve.y, strict=True)} <= true


def test_a_random_order_would_give_the_share_of_relevant_pairs() -> None:
    assert list(find("precision_recall")(points(FEW)).data[1].y) == [0.25, 0.25]


def test_the_first_relevant_of_each_query_stands_at_its_rank_and_score() -> None:
    judged = pairs([3.0, 1.0, 2.0, 5.0, 0.0], [1, 0, 0, 0, 1], query=[0, 0, 1, 2, 2])
    figure = find("first_relevant")(first_relevant(judged), ["one", "two", "<i>three</i>"], LOGIT)
    marks = figure.data[0]
    assert [round(x) for x in marks.x] == [1, 2]
    assert (list(marks.y), list(marks.customdata)) == ([3.0, 0.0], [0, 2])
    assert marks.hovertext[1] == "&lt;i&gt;three&lt;/i&gt;<br>rank 2 · 0.000"


def test_late_ranks_share_the_last_column_and_marks_of_one_rank_do_not_hide_each_other() -> None:
    judged = pairs([*np.arange(15.0), *np.arange(15.0)], ([1] + [0] * 14) * 2, query=[0] * 15 + [1] * 15)
    figure = find("first_relevant")(first_relevant(judged), QUERIES, LOGIT)
    assert len(set(figure.data[0].x)) == 2
    assert all(abs(x - LAST_RANK) < 0.5 for x in figure.data[0].x)
    assert figure.layout.xaxis.ticktext[-1] == "10+"


def test_of_very_many_queries_a_part_is_drawn_and_said() -> None:
    judged = drawn(MOST_QUERIES + 500, 1, 1, seed=2)
    figure = find("first_relevant")(first_relevant(judged), ["q"] * 1500, LOGIT)
    assert len(figure.data[0].x) == 750
    assert figure.layout.xaxis.title.text.endswith("750 of 1500 queries")


def test_levels_are_ordered_and_a_querys_own_best_cuts_span_its_bar() -> None:
    judged = pairs([5.0, 1.0, 3.0, -2.0], [1, 0, 1, 0], query=[0, 0, 1, 1])
    figure = find("level_by_query")(by_query(judged).queries, judged, QUERIES, LOGIT)
    bars, not_relevant, relevant = figure.data
    assert [text.split("&lt;")[0] for text in figure.layout.yaxis.ticktext] == ["query ", "query "]
    assert list(bars.base) == [-2.0, 1.0]
    assert list(bars.x) == [5.0, 4.0]
    assert sorted(relevant.x) == [3.0, 5.0]
    assert sorted(not_relevant.x) == [-2.0, 1.0]


def test_of_many_queries_the_lowest_and_the_highest_level_are_among_the_rows() -> None:
    found = by_query(MANY).queries
    figure = find("level_by_query")(found, MANY, QUERIES, LOGIT)
    assert len(figure.layout.yaxis.tickvals) == MOST_ROWS
    assert figure.layout.xaxis.title.text == "logit · 30 of 60 queries, from the lowest level to the highest"
    medians = [one.median_relevant for one in found if one.median_relevant is not None]
    lowest = min(medians)
    drawn_at = [y for x, y in zip(figure.data[2].x, figure.data[2].y, strict=True) if abs(y) < 0.5]
    assert drawn_at
    assert np.median([x for x, y in zip(figure.data[2].x, figure.data[2].y, strict=True) if abs(y) < 0.5]) == lowest


def test_the_reliability_diagram_shows_every_bin_with_its_count() -> None:
    found = calibrate(MANY, "platt")
    figure = find("reliability")(found.bins)
    marks = figure.data[1]
    assert sum(int(text.removeprefix("n=")) for text in marks.text) == len(MANY)
    assert list(marks.y) == [one.share for one in found.bins if one.n]
    assert figure.layout.xaxis.title.text == "calibrated probability"


def test_the_abstention_curve_falls_from_all_queries() -> None:
    scores = [2.0, 1.0, 0.5, 0.0, -1.0, -2.0]
    judged = pairs(scores, [1, 0, 1, 0, 0, 0], query=[0, 1, 2, 3, 4, 5])
    answered, with_relevant, top = find("abstention")(abstention(judged), LOGIT).data
    assert list(answered.y) == [pytest.approx(n / 6) for n in (5, 4, 3, 2, 1)]
    assert list(with_relevant.y) == list(top.y)
    assert with_relevant.y[-1] == 1.0


def test_every_word_of_the_figures_has_a_translation() -> None:
    english, chinese = words("en"), words("zh")
    assert english == Words()
    own = ("relevant", "share_of_kind", "in_bin", "cut_says", "roc_says", "rank_of_first", "predicted", "answered")
    assert all(getattr(chinese, name) != getattr(english, name) for name in own)
    assert "probability" not in json.dumps(
        {name: text for name, text in dataclasses.asdict(english).items() if name not in ("predicted",)}
    ).replace("not a probability", "")
