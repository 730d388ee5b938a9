"""Ours beside other libraries: the mixes, the order of turns, what cannot run, and the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from playground.bench import checkpoints, mixes, peer_report, peers, tables
from playground.bench.peers import OURS, YARDSTICK, Peer
from playground.core.errors import InvalidInput
from playground.engine.speed_texts import log_normal, requests
from tests.bench.test_families import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers") / "bge-reranker-base"
    checkpoints.write(small(peers.shape_of("base")), folder)
    return folder


def test_the_mixes_have_the_stated_lengths(folder: Path) -> None:
    tokenizer = mixes.tokenizer_of(folder)

    def lengths(mix: str, *, whole: bool = False) -> list[int]:
        made = peers.texts_of(folder, mix, 40)
        pairs = tokenizer([made.query] * 40, list(made.passages), truncation=True, max_length=512)["input_ids"]
        assert made.n_tokens == sum(map(len, pairs))
        return [len(pair) for pair in pairs] if whole else [len(pair) - around for pair in pairs]

    around = len(tokenizer(peers.texts_of(folder, "short", 1).query, "")["input_ids"])
    assert all(6 <= n <= 36 for n in lengths("short"))
    mixed = lengths("mixed")
    # The end of a text that was cut out may be one token more or less by itself.
    assert (min(mixed), max(mixed)) == (pytest.approx(20, abs=3), pytest.approx(400, abs=3))
    assert median(mixed) == pytest.approx((20 * 400) ** 0.5, rel=0.15)
    assert all(n in range(508, 513) for n in lengths("long", whole=True))


def test_log_normal_lengths_are_the_same_each_time_and_in_no_order() -> None:
    drawn = log_normal(100, 20, 400)
    assert drawn == log_normal(100, 20, 400)
    assert drawn != sorted(drawn)
    assert (min(drawn), max(drawn)) == (20, 400)


def test_texts_to_time_are_real_and_in_both_languages() -> None:
    english, chinese = requests(30)
    assert len({passage.text for passage in english.passages}) == 30
    assert min(len(passage.text) for passage in english.passages) in (79, 80)
    assert all(any("\u4e00" <= char <= "\u9fff" for char in passage.text) for passage in chinese.passages)


def test_each_round_begins_with_another_peer_and_all_have_their_turn() -> None:
    assert peers.orders(3, 4) == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


class Running:
    """A peer that answers at once, with these seconds and outputs."""

    versions = {"torch": "2"}  # noqa: RUF012

    def __init__(self, turns: list[str], name: str, seconds: Iterator[float], shift: float) -> None:
        self._turns, self._name, self._seconds, self._shift = turns, name, seconds, shift

    def ask(self, query: str, passages: list[str]) -> dict[str, object]:
        self._turns.append(self._name)
        scores = [len(passage) + self._shift for passage in passages]
        return {"seconds": next(self._seconds), "scores": scores, "peak_mib": 5.0}

    def close(self) -> None: ...


def test_the_table_says_ratios_differences_and_what_did_not_run() -> None:
    turns: list[str] = []
    names = (OURS, YARDSTICK, "other fp32")
    every = [*(Peer(name, "") for name in names), Peer("TEI", "", missing="no such program")]
    running = [
        Running(turns, name, iter(seconds), shift)
        for name, seconds, shift in zip(names, [(1.0, 2.0), (4.0, 4.0), (2.0, 2.0)], (0.0, 1e-6, 0.5), strict=True)
    ]
    race = peers.Race(every, [*running, "no such program"], lambda line: None)  # type: ignore[list-item]
    rows, _ = race.run("short", mixes.Texts("q", ("a", "bb"), 20), 2)
    assert turns == [*names, *names[1:], names[0]]
    ours, yardstick, other, missing = rows
    assert (ours.against, yardstick.against, other.against) == ((4.0, 2.0), (1.0, 1.0), (2.0, 2.0))
    assert (ours.same, yardstick.same, other.same, missing.same) == (True, True, False, None)
    said = peer_report.markdown(peer_report.PeerRun("m", 2, tuple(rows), ()))
    assert "| ours fp32 | 1.500 (1.000 to 2.000) | 1.33 | 13 | 3.00 (2.00 to 4.00) | 0.0e+00 | 5 |" in said
    assert "| other fp32 | 2.000 (2.000 to 2.000) | 1.00 | 10 | 2.00 (2.00 to 2.00) | 5.0e-01 (differs!) | 5 |" in said
    assert "| TEI | not run: no such program |" in said
    assert "shows how numbers are rounded, not how well a model ranks" in said
    assert json.loads(tables.as_json(rows))["rows"][3]["error"] == "no such program"


def test_ours_runs_in_a_process_of_its_own_and_a_peer_that_cannot_is_named(folder: Path) -> None:
    known = [peer for peer in peers.PEERS if peer.name == OURS]
    lost = replace(known[0], name="lost", program="nowhere")
    first, second, third = peers.start(
        [*known, lost, Peer("TEI", "", missing="a container")], folder, 1, lambda line: None
    )
    assert (second, third) == ("KeyError: 'nowhere'", "a container")
    assert isinstance(first, peers.Running)
    try:
        texts = peers.texts_of(folder, "short", 3)
        answer = first.ask(texts.query, texts.passages)
        assert len(answer["scores"]) == 3
        assert answer["seconds"] > 0
        assert answer["scores"] == first.ask(texts.query, texts.passages)["scores"]
    finally:
        first.close()


def test_a_shape_or_peer_that_does_not_exist_is_refused_by_name() -> None:
    assert peers.shape_of("base").model == "BAAI/bge-reranker-base"
    assert peers.shape_of("v2-m3").model == "BAAI/bge-reranker-v2-m3"
    with pytest.raises(InvalidInput, match="No shape is called huge"):
        peers.shape_of("huge")
    assert [peer.name for peer in peers.chosen(["FlashRank"])] == [OURS, YARDSTICK, "FlashRank fp32"]
    with pytest.raises(InvalidInput, match="No peer is called nobody"):
        peers.chosen(["nobody"])
