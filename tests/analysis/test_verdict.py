"""The verdict in a plain sentence, and that single labels do not turn it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from playground.analysis.curves import ALL_RELEVANT, NO_PAIRS, NONE_RELEVANT
from playground.analysis.judged import Judged
from playground.analysis.thresholds import TIED
from playground.analysis.verdict import CLEAN, TOO_FEW, Kind, Offender, verdict
from tests.analysis.planted import drawn, pairs

ROWS = st.lists(st.tuples(st.integers(-4, 4).map(lambda n: n / 2), st.booleans(), st.integers(0, 6)), max_size=30)


def flipped(judged: Judged, *places: int) -> Judged:
    """The same pairs with these labels wrong."""
    relevant = judged.relevant.copy()
    relevant[list(places)] ^= True
    return replace(judged, relevant=relevant, grade=relevant.astype(np.int64))


def test_a_clean_gap_separates() -> None:
    judged = drawn(10, 2, 6, apart=20.0)
    found = verdict(judged, n_resamples=50)
    assert found.kind == "separates"
    assert found.single_threshold
    assert found.sentences == (CLEAN,)
    assert (found.fewest_errors, found.overlap, found.n_right_below, found.share_right_below) == (0, None, 0, 0.0)
    assert (found.wrong, found.right) == ((), ())
    assert found.worst_right is not None
    assert found.best_wrong is not None
    assert found.best_wrong < (found.fewest_errors_at or 0.0) < found.worst_right
    assert (found.auc.value, found.auc_within, found.n_within) == (1.0, 1.0, 10)


def test_some_overlap_is_said_with_its_size() -> None:
    # 12 relevant at 1..12; 12 wrong at -11..-1 and 2.5: two relevant ones score below the best wrong one.
    judged = pairs([*range(1, 13), *range(-11, 0), 2.5], [1] * 12 + [0] * 12, [*range(12), *range(12)])
    found = verdict(judged, n_resamples=50)
    assert found.kind == "overlaps"
    assert found.single_threshold
    assert (found.best_wrong, found.worst_right, found.overlap) == (2.5, 1.0, (1.0, 2.5))
    assert (found.n_right_below, found.n_wrong_above, found.fewest_errors) == (2, 1, 1)
    assert found.share_right_below == pytest.approx(2 / 12)
    assert found.sentences[:2] == (
        "One threshold separates with overlap: 16.7 % of the relevant pairs score no higher than the best wrong one, "
        "and the cut with fewest errors leaves 1 of 24 pairs on the wrong side.",
        "Relevant and wrong scores overlap from 1 to 2.5: 2 relevant and 1 not relevant pairs lie there.",
    )
    assert found.wrong == (Offender(11, 1, 2.5),)
    assert found.right == (Offender(0, 0, 1.0), Offender(1, 0, 2.0))


def test_where_most_right_ones_lie_below_the_best_wrong_one_there_is_no_single_number() -> None:
    judged = pairs([*range(1, 13), *range(-11, 0), 7.5], [1] * 12 + [0] * 12, [*range(12), *range(12)])
    found = verdict(judged, n_resamples=50)
    assert found.kind == "does-not-separate"
    assert not found.single_threshold
    assert found.overlap == (1.0, 7.5)
    assert found.sentences[0] == (
        "No single threshold separates: 58.3 % of the relevant pairs score no higher than the best wrong one. "
        "Look at the overlap before you choose."
    )
    # Just half of them below is not most of them.
    half = pairs([*range(1, 13), *range(-11, 0), 6.5], [1] * 12 + [0] * 12, [*range(12), *range(12)])
    assert verdict(half, n_resamples=50).kind == "overlaps"


def test_labels_that_say_nothing_do_not_separate() -> None:
    found = verdict(drawn(40, 3, 7, apart=0.0), n_resamples=200)
    assert found.kind == "does-not-separate"
    assert found.set_aside == 6
    assert "even when the best wrong ones are set aside (6 of them)" in found.sentences[0]
    assert found.auc.low is not None
    assert found.auc.high is not None
    assert found.auc.low < 0.5 < found.auc.high
    assert "wrong way round" not in found.sentences[-1]


def test_an_order_that_is_surely_the_wrong_way_round_is_said_so() -> None:
    found = verdict(drawn(40, 3, 7, apart=-1.5), n_resamples=200)
    assert found.kind == "does-not-separate"
    assert found.auc.value is not None
    share = f"{100 * found.auc.value:.3g}"
    assert found.sentences[-1].startswith(f"Relevant passages stand above wrong ones only {share} % of the time")
    assert found.sentences[-1].endswith("the model's order is the wrong way round.")
    assert found.overlap is not None
    assert "from \u2212" in found.sentences[1]


@pytest.mark.parametrize("n_queries", [1000, 100])
def test_one_wrong_label_among_many_does_not_turn_the_verdict(n_queries: int) -> None:
    """Ten pairs for each query, two relevant, far apart: 10,000 pairs, or 1,000."""
    judged = drawn(n_queries, 2, 8, apart=20.0)
    highest, lowest = int(np.argmax(judged.score)), int(np.argmin(judged.score))
    assert verdict(judged, n_resamples=10).kind == "separates"
    for places in ((highest,), (lowest,)):
        found = verdict(flipped(judged, *places), n_resamples=10)
        assert found.kind == "separates"
        assert found.fewest_errors == 1
        assert found.sentences[0].startswith("One threshold separates nearly all: 1 of")
        worst = found.wrong[0] if places == (highest,) else found.right[0]
        assert worst == Offender(
            int(judged.query[places[0]]), int(judged.passage[places[0]]), float(judged.score[places[0]])
        )


def test_even_a_rare_class_is_not_turned_into_a_refusal_by_one_label() -> None:
    # 40 relevant among 10,000: not clean enough to say that it separates, far from saying that it does not.
    judged = pairs([10.0] * 40 + [-10.0 + n / 10_000 for n in range(9960)], [1] * 40 + [0] * 9960, list(range(10_000)))
    assert verdict(judged, n_resamples=10).kind == "separates"
    worse = replace(judged, score=np.where(np.arange(10_000) == 9999, 99.0, judged.score))
    found = verdict(worse, n_resamples=10)
    assert (found.kind, found.single_threshold, found.fewest_errors) == ("overlaps", True, 1)


def test_many_wrong_labels_do_turn_it() -> None:
    judged = drawn(1000, 2, 8, apart=20.0)
    worst = np.argsort(-judged.score)[:100]
    assert verdict(flipped(judged, *worst[:18].tolist()), n_resamples=10).kind == "separates"
    assert verdict(flipped(judged, *worst[:90].tolist()), n_resamples=10).kind == "overlaps"
    lifted = replace(judged, score=np.where(np.arange(10_000) % 80 == 9, 99.0, judged.score))
    assert verdict(lifted, n_resamples=10).kind == "does-not-separate"


def test_too_few_labels_are_named_but_the_facts_are_given() -> None:
    found = verdict(pairs([3.0, 2.0, -1.0, -2.0], [1, 1, 0, 0]), n_resamples=10)
    assert found.kind == "too-few"
    assert found.sentences[0] == TOO_FEW
    assert "Too few labelled queries have a relevant passage: 1," in found.sentences[1]
    assert found.single_threshold
    assert (found.fewest_errors, found.auc.value, found.auc.low) == (0, 1.0, None)
    hidden = verdict(pairs([3.0, 2.0, -1.0, 5.0], [1, 1, 0, 0]), n_resamples=10)
    assert (hidden.kind, hidden.single_threshold, hidden.share_right_below) == ("too-few", False, 1.0)


@pytest.mark.parametrize(
    ("judged", "kind", "sentence"),
    [
        (pairs([], []), "one-class", NO_PAIRS),
        (pairs([1.0, 2.0], [0, 0]), "one-class", NONE_RELEVANT.format(n=2)),
        (pairs([1.0, 2.0], [1, 1]), "one-class", ALL_RELEVANT.format(n=2)),
        (pairs([1.0] * 4, [1, 1, 0, 0]), "all-tied", TIED.format(n=4)),
    ],
)
def test_without_two_classes_or_two_scores_there_is_nothing_to_separate(
    judged: Judged, kind: Kind, sentence: str
) -> None:
    found = verdict(judged)
    assert (found.kind, found.sentences, found.single_threshold) == (kind, (sentence,), False)


def test_order_within_queries_is_scikit_learns_and_beside_the_pooled_one() -> None:
    judged = drawn(30, 3, 7, apart=2.0, drift=4.0, seed=2, places=1)
    found = verdict(judged, n_resamples=50)
    by_query = [
        metrics.roc_auc_score(judged.relevant[judged.query == one], judged.score[judged.query == one])
        for one in range(30)
    ]
    assert found.auc_within == pytest.approx(np.mean(by_query))
    assert found.auc.value == pytest.approx(metrics.roc_auc_score(judged.relevant, judged.score))
    assert found.sentences[-1].endswith("the order is better than the level.")
    one_sided = pairs([1.0, 2.0, 3.0], [1, 0, 0], [0, 1, 2])
    assert (verdict(one_sided).auc_within, verdict(one_sided).n_within) == (None, 0)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS)
def test_no_input_makes_an_exception_or_a_nan(rows: list[tuple[float, bool, int]]) -> None:
    found = verdict(pairs([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]), 20)
    assert found.sentences
    for number in (found.best_wrong, found.worst_right, found.share_right_below, found.auc_within, found.auc.value):
        assert number is None or math.isfinite(number)
    if found.kind == "does-not-separate":
        assert found.overlap is not None
        assert not found.single_threshold


def test_a_hundred_thousand_pairs_have_a_verdict() -> None:
    found = verdict(drawn(10_000, 2, 8, apart=3.0), n_resamples=20)
    assert (found.kind, found.n_relevant, found.n_not, found.n_within) == ("overlaps", 20_000, 80_000, 10_000)
