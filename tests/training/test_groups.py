import math
import random

from playground.training.groups import dirty, of_row, other_number, trap, typo, veiled
from playground.training.rows import Row

ROWS = [Row(f"what is thing {i}?", (f"Thing {i} is a thing. It is good.",), ("no", "nope", "never")) for i in range(8)]
TAUGHT = Row("q", ("a",), ("b", "c", "d"), (2.0,), (1.0, 0.0, -3.0), labelled=False)


def test_a_labelled_group_has_one_positive_first_and_the_size_asked_for() -> None:
    for seed in range(50):
        group = of_row(ROWS[0], 5, ROWS, random.Random(seed))
        assert len(group.passages) == len(group.targets) == 5
        assert group.targets == (1.0, 0.0, 0.0, 0.0, 0.0)
        assert "good" in group.passages[0]


def test_a_taught_group_keeps_each_score_with_its_passage() -> None:
    known = {"a": 2.0, "b": 1.0, "c": 0.0, "d": -3.0}
    for seed in range(20):
        group = of_row(TAUGHT, 3, ROWS, random.Random(seed))
        assert group.taught
        assert len(group.passages) == 3
        assert [known[text] for text in group.passages] == list(group.targets)


def test_a_labelled_group_keeps_the_scores_of_what_its_source_had_and_none_of_what_was_written_here() -> None:
    row = Row("what is thing one?", ("Thing one is good.",), ("b", "c", "d"), (2.0,), (1.0, 0.0, -3.0))
    known = {"b": 1.0, "c": 0.0, "d": -3.0}
    written = 0
    for seed in range(60):
        group = of_row(row, 5, ROWS, random.Random(seed))
        assert group.scores[0] == 2.0
        assert group.targets == (1.0, 0.0, 0.0, 0.0, 0.0)
        for text, score in zip(group.passages[1:], group.scores[1:], strict=True):
            assert known[text] == score if text in known else math.isnan(score)
            written += text not in known
    assert written > 60


def test_an_answer_to_another_year_is_made_only_where_the_query_names_one() -> None:
    text = "In 1924 the club was founded; by 1930 it had 300 members."
    changed = other_number("who founded the club in 1924?", text, random.Random(1))
    assert "1924" not in changed
    assert changed.endswith("; by 1930 it had 300 members.")
    assert other_number("who founded the club?", text, random.Random(1)) == ""


def test_the_same_seed_makes_the_same_group() -> None:
    assert of_row(ROWS[1], 6, ROWS, random.Random("a")) == of_row(ROWS[1], 6, ROWS, random.Random("a"))


def test_queries_are_made_dirty_in_every_promised_way() -> None:
    query = "What is the capital of France?"
    seen = {dirty(query, random.Random(seed)) for seed in range(200)}
    assert query in seen
    assert "what is the capital of france" in seen
    assert "capital france" in seen
    assert all(text.strip() for text in seen)


def test_a_typo_changes_one_place_and_leaves_a_short_word_alone() -> None:
    assert typo("a", random.Random(0)) == "a"
    for seed in range(30):
        assert abs(len(typo("reranker", random.Random(seed))) - len("reranker")) <= 1


def test_a_trap_repeats_the_query_around_a_passage_of_another_row() -> None:
    for seed in range(60):
        text = trap("How tall is Mount Ararat?", ROWS, random.Random(seed))
        assert "ararat" in text.lower()
        assert "hing" in text


def test_the_query_is_repeated_around_answers_too_so_that_it_is_no_sign_of_a_wrong_passage() -> None:
    positives = [of_row(ROWS[0], 5, ROWS, random.Random(seed)).passages[0] for seed in range(300)]
    dressed = [text for text in positives if ROWS[0].pos[0] in text and text != ROWS[0].pos[0]]
    assert 15 < len(dressed) < 60
    assert sum("thing 0" in text.replace(ROWS[0].pos[0], "") for text in dressed) > 5


def test_a_share_of_labelled_groups_holds_a_trap_in_place_of_a_mined_negative() -> None:
    groups = [of_row(ROWS[0], 5, ROWS, random.Random(seed)) for seed in range(200)]
    with_trap = [group for group in groups if group.passages[3] not in ROWS[0].neg]
    assert 15 < len(with_trap) < 50


def test_a_veiled_answer_lacks_most_words_of_the_query_and_keeps_the_rest() -> None:
    text = "Giant pandas eat bamboo. The giant panda chews all day."
    veiled_texts = [veiled("What do giant pandas eat?", text, random.Random(seed)) for seed in range(100)]
    assert sum("giant" in found.lower() for found in veiled_texts) < 60
    assert all("bamboo" in found and "chews all day" in found for found in veiled_texts)
