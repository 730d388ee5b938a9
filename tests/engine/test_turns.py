"""A short request comes through beside a long one, nobody starves, and Stop lets go of who waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.types import ModelChoice, Progress
from playground.engine.engine import Engine
from playground.engine.turns import Stopped, Ticket, Turns
from tests.engine.doubles import CHOICE, Shelf, numbered, request_of
from tests.engine.embedders import EMBED, EmbedderShelf

BIG, SMALL = 1000, 10
SECONDS = 20


def until_true(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.001)


@dataclass
class Visitor:
    """A request under way in a thread of its own."""

    engine: Engine
    n: int
    choice: ModelChoice = CHOICE
    stop: threading.Event = field(default_factory=threading.Event)
    last: Progress | None = None

    def start(self) -> Visitor:
        def rank() -> None:
            request = request_of(f"red {self.n}", *numbered(self.n, f"red panda of {self.n}"))
            *_, self.last = self.engine.rerank(request, self.choice, stop=self.stop)

        self.thread = threading.Thread(target=rank, daemon=True)
        self.thread.start()
        return self

    def wait(self) -> Progress:
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        assert self.last is not None
        return self.last


class Forwards:
    """Before every forward pass: notes whose request it is of, and holds the first until others wait for the device."""

    def __init__(self) -> None:
        self.of: list[str] = []
        self.running = threading.Event()
        self.go_on = threading.Event()

    def note(self) -> None:
        self.of.append(threading.current_thread().name)
        self.running.set()
        assert self.go_on.wait(SECONDS)


@pytest.mark.parametrize("small_model", ["overlap", "other"])
def test_ten_passages_never_wait_for_the_thousand_of_another_visitor_whatever_the_model(small_model: str) -> None:
    forwards = Forwards()
    engine = Engine(load_scorer=Shelf(change={"before_forward": forwards.note}), memory_limit_mib=1000)
    big = Visitor(engine, BIG, replace(CHOICE, batch_tokens=30)).start()
    assert forwards.running.wait(SECONDS)
    small = Visitor(engine, SMALL, replace(CHOICE, model_id=small_model, batch_tokens=20)).start()
    turns = engine._pool._turns["cpu"]
    until_true(lambda: turns.n_waiting == 1)
    forwards.go_on.set()
    assert small.wait().phase == "done"
    n_own = forwards.of.count(small.thread.name)
    last = max(place for place, name in enumerate(forwards.of) if name == small.thread.name)
    assert n_own >= SMALL // 3
    assert forwards.of[:last].count(big.thread.name) <= n_own + 1
    big.stop.set()
    assert big.wait().phase in ("stopped", "done")


def test_stop_lets_go_of_a_request_that_waits_for_the_device() -> None:
    forwards = Forwards()
    shelf = Shelf(change={"before_forward": forwards.note})
    engine = Engine(load_scorer=shelf)
    first = Visitor(engine, 1).start()
    assert forwards.running.wait(SECONDS)
    second = Visitor(engine, 2).start()
    turns = engine._pool._turns["cpu"]
    until_true(lambda: turns.n_waiting == 1)
    second.stop.set()
    said = second.wait()
    assert said.phase == "stopped"
    assert said.result is not None
    assert said.result.missing == (0, 1)
    assert turns.n_waiting == 0
    forwards.go_on.set()
    assert first.wait().phase == "done"
    assert shelf.scorer.batches == [1]


@pytest.mark.parametrize("what", ["timed", "embedded", "set"])
def test_stop_while_waiting_ends_every_kind_of_work_though_much_is_known(what: str) -> None:
    shelf, embedders = Shelf(), EmbedderShelf()
    engine = Engine(load_scorer=shelf, load_embedder=embedders)
    embedder = replace(EMBED, device="cpu")
    known = request_of("first", "red panda", "blue whale")
    asked = request_of("second", "red panda", "blue whale")
    labelled = LabelledSet("s", "a set", (LabelledQuery("q", asked.query, asked.passages, (None, None)),))
    *_, before = engine.embed(known, embedder)
    assert before.phase == "done"
    stop = threading.Event()
    last: list[Any] = []
    work: Callable[[], Iterator[Any]] = {
        "timed": lambda: engine.speed([asked], [CHOICE, replace(CHOICE, precision="bf16")], stop=stop),
        "embedded": lambda: engine.rerank(asked, embedder, stop=stop),
        "set": lambda: engine.score_set(labelled, embedder, stop=stop),
    }[what]
    turns = engine._pool._turns["cpu"]
    with turns.turn(Ticket()):
        thread = threading.Thread(target=lambda: last.extend(work()), daemon=True)
        thread.start()
        until_true(lambda: turns.n_waiting == 1)
        stop.set()
        thread.join(SECONDS)
    assert last[-1].phase == "stopped"


class Line:
    """Requests that wait for a device which this test holds, each in its thread; it says who comes when."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self.go_on = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []

    def join(self, name: str, ticket: Ticket) -> None:
        def take() -> None:
            with self.turns.turn(ticket):
                self.order.append(name)
                assert self.go_on.acquire(timeout=SECONDS)

        n = self.turns.n_waiting
        self.threads.append(threading.Thread(target=take, daemon=True))
        self.threads[-1].start()
        until_true(lambda: self.turns.n_waiting == n + 1)

    def next(self) -> None:
        n = len(self.order)
        self.go_on.release()
        until_true(lambda: len(self.order) == n + 1)


def test_turns_alternate_between_who_had_least_and_who_waits_longest() -> None:
    line = Line()
    with line.turns.turn(Ticket()):
        for name, seconds in (("a", 9.0), ("b", 5.0), ("c", 3.0), ("d", 0.0)):
            line.join(name, Ticket(seconds))
    until_true(lambda: bool(line.order))
    for _ in range(3):
        line.next()
    line.go_on.release()
    for thread in line.threads:
        thread.join(SECONDS)
    assert line.order == ["d", "a", "c", "b"]
    with line.turns.turn(Ticket()):
        pass


def test_a_long_request_gets_its_turns_however_many_short_ones_keep_coming() -> None:
    line = Line()
    with line.turns.turn(Ticket()):
        for place in range(3):
            line.join(f"before {place}", Ticket())
        line.join("long", Ticket(100.0))
    until_true(lambda: bool(line.order))
    n_more = 0
    while line.order[-1] != "long":
        line.join(f"new {n_more}", Ticket())
        n_more += 1
        line.next()
    assert len(line.order) - 1 <= 2 * 3 + 2
    for _ in line.threads:
        line.go_on.release()
    for thread in line.threads:
        thread.join(SECONDS)
    assert len(line.order) == 4 + n_more


def test_the_seconds_of_a_ticket_are_those_in_which_it_had_the_device() -> None:
    turns, ticket = Turns(), Ticket()
    with turns.turn(ticket):
        assert ticket.seconds == 0
    first = ticket.seconds
    assert first > 0
    with pytest.raises(ValueError, match="failed"), turns.turn(ticket):
        raise ValueError("failed")
    assert ticket.seconds > first
    with turns.turn(Ticket()):
        ticket.stop.set()
        with pytest.raises(Stopped), turns.turn(ticket):
            pass


def test_the_check_of_a_model_at_load_takes_a_turn_too() -> None:
    forwards = Forwards()
    shelf = Shelf(change={"before_forward": forwards.note})

    def load(choice: ModelChoice, **options: object) -> object:
        note = options["on_progress"]
        assert callable(note)
        scorer = shelf(choice, **options)  # type: ignore[arg-type]
        note("check", 0, 0)
        forwards.of.append(f"check of {choice.model_id}")
        return scorer

    engine = Engine(load_scorer=load, memory_limit_mib=1000)  # type: ignore[arg-type]
    first = Visitor(engine, 1).start()
    assert forwards.running.wait(SECONDS)
    turns = engine._pool._turns["cpu"]
    second = Visitor(engine, 2, replace(CHOICE, model_id="other", device="cpu")).start()
    until_true(lambda: turns.n_waiting == 1)
    assert "check of other" not in forwards.of
    forwards.go_on.set()
    assert first.wait().phase == second.wait().phase == "done"
    assert "check of other" in forwards.of
