"""What a list costs that was scored before: passages that go through the model are counted."""

from pathlib import Path

from playground.bench import again, tables


def test_one_edited_passage_is_scored_alone_and_another_order_scores_nothing(tiny_xlmr: Path) -> None:
    rows = again.measured(tiny_xlmr, "fp32", count=6, rounds=2)
    assert [(row.what, row.n_scored, len(row.seconds)) for row in rows] == [
        ("all 6", 6, 2),
        ("one of 6 edited", 1, 2),
        ("6 in another order", 0, 2),
    ]
    assert rows[0].times == 1.0
    assert all(row.times > 0 and min(row.seconds) <= row.median <= max(row.seconds) for row in rows)
    assert tables.markdown(rows, again.COLUMNS).splitlines()[3].startswith("| one of 6 edited | 1 | ")
