"""What models gave to the pairs of sets: by pair, by scorer, and none that is no number."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from playground.core.errors import HistoryError
from playground.core.scales import BM25, FILE, LOGIT, TRAINED_LOGIT
from playground.history.store import HistoryStore
from tests.history.labelled import BEARS, KEY, SPEC, labelled, n_rows
from tests.history.processes import is_sound, rest_of, run_python


def test_scores_come_back_in_step_with_any_set_of_their_pairs(store: HistoryStore) -> None:
    logits = [0.1 + 0.2, -1e-300]
    pairs = [("what is panda?", "hi"), ("什么是熊猫？", "hi")]
    store.sets.put_scores("ann", SPEC, LOGIT, "", [(*pair, logit) for pair, logit in zip(pairs, logits, strict=True)])

    found = store.sets.scores("ann", labelled(BEARS), KEY)

    assert found is not None
    assert found.logits == ((logits[0], None, None, None), (None, logits[1]))
    assert (found.spec, found.scale, found.instruction, found.n_scored) == (SPEC, LOGIT, "", 2)
    assert math.isinf(found.scale.high)
    assert found == store.sets.find_scores("ann", labelled(BEARS), SPEC, LOGIT, "")
    assert store.sets.scores("ann", labelled({"other": {"hi": 1}}), KEY) is None
    assert store.sets.scores("ann", labelled({}), KEY) is None
    assert store.sets.scores("ann", labelled(BEARS), "unknown") is None


def test_a_pair_scored_again_has_the_new_score(store: HistoryStore) -> None:
    asked = labelled({"q": {"p": 1}})
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 1.0)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "p", 2.0)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [])

    found = store.sets.scores("ann", asked, KEY)

    assert found is not None
    assert found.logits == ((2.0,),)


def test_scorers_are_listed_by_their_newest_score_of_the_set(store: HistoryStore) -> None:
    asked = labelled({"q": {"a": 1, "b": 0}})
    fp16 = replace(SPEC, precision="fp16", device="cuda")
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("q", "a", 1.0), ("q", "b", 0.0)])
    store.sets.put_scores("ann", fp16, LOGIT, "Find \udc80:", [("q", "a", 1.5)])
    store.sets.put_scores("ann", SPEC, LOGIT, "", [("elsewhere", "a", 1.0)])
    store.sets.put_scores("bob", SPEC, BM25, "", [("q", "a", 9.0)])

    newest, oldest = store.sets.scorers("ann", asked)

    assert (newest.spec, newest.scale, newest.instruction, newest.n_scored) == (fp16, LOGIT, "Find \udc80:", 1)
    assert newest.key == store.sets.scorer_key(fp16, LOGIT, "Find \udc80:")
    assert (oldest.key, oldest.n_scored) == (KEY, 2)
    assert oldest.scored_at < newest.scored_at
    assert newest.scored_at.utcoffset() == timedelta(0)
    assert [row.scale for row in store.sets.scorers("bob", asked)] == [BM25]
    assert store.sets.scorers("ann", labelled({})) == []


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"fingerprint": "f01"}, False),
        ({"family": "causal_lm"}, False),
        ({"device": "cuda"}, False),
        ({"precision": "bf16"}, False),
        ({"max_length": 256}, False),
        ({"truncation": "longest_first"}, False),
        ({"model_id": "/a/copy", "revision": None, "replaced": ()}, True),
    ],
)
def test_a_scorer_is_its_weights_and_how_they_ran(store: HistoryStore, change: dict[str, object], same: bool) -> None:
    key = store.sets.scorer_key
    assert (key(replace(SPEC, **change), LOGIT, "") == KEY) == same  # type: ignore[arg-type]
    assert (key(SPEC, FILE, "") != KEY, key(SPEC, LOGIT, "an instruction") != KEY) == (True, True)
    assert key(SPEC, TRAINED_LOGIT, "") == KEY, "the same outputs, however they may be read"


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused_with_its_query_and_nothing_is_kept(
    store: HistoryStore, logit: float
) -> None:
    with pytest.raises(HistoryError, match=r"A passage for the query 'what' has the score .*, which cannot be kept"):
        store.sets.put_scores("ann", SPEC, LOGIT, "", [("fine", "p", 1.0), ("what", "p", logit)])

    assert store.sets.scorers("ann", labelled({"fine": {"p": 1}})) == []


SCORE_ON = """
    import sys
    from pathlib import Path
    from playground.core.scales import LOGIT
    from playground.history.store import HistoryStore
    from tests.history.labelled import SPEC

    store = HistoryStore(Path(sys.argv[1]))
    for batch in range(int(sys.argv[2])):
        scores = [(f"query {sys.argv[3]}", f"passage {batch} {place} " * 20, batch + place / 32) for place in range(32)]
        store.sets.put_scores("ann", SPEC, LOGIT, "", scores)
        print(batch, flush=True)
"""


def scored_batches(path: Path, query: str, n_batches: int) -> list[bool]:
    """Whether each batch of SCORE_ON is there; a half one fails."""
    store = HistoryStore(path)
    asked = labelled({query: {f"passage {n} {place} " * 20: None for n in range(n_batches) for place in range(32)}})
    found = store.sets.scores("ann", asked, KEY)
    assert found is not None
    (logits,) = found.logits
    batches = [logits[32 * n : 32 * n + 32] for n in range(n_batches)]
    whole = [tuple(n + place / 32 for place in range(32)) for n in range(n_batches)]
    assert all(batch in (wanted, (None,) * 32) for batch, wanted in zip(batches, whole, strict=True))
    return [batch == wanted for batch, wanted in zip(batches, whole, strict=True)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_9_in_mid_scoring_loses_no_batch_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for turn in range(3):
        process = run_python(SCORE_ON, path, 100_000, turn)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(1 + 3 * turn)]
        process.send_signal(signal.SIGKILL)
        said += rest_of(process).split("\n")[:-1]

        there = scored_batches(path, f"query {turn}", len(said) + 3)

        assert there[: len(said)] == [True] * len(said)
        assert there[len(said) + 1 :] == [False, False], "a kill may leave one batch that was kept but not yet said"
    assert is_sound(path)


def test_two_processes_score_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [run_python(SCORE_ON, path, 15, turn) for turn in range(2)]

    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    for turn in range(2):
        assert scored_batches(path, f"query {turn}", 15) == [True] * 15
    assert n_rows(path)["scorers"] == 1
