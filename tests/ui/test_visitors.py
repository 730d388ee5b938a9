"""Each visitor has a share of the runs, and no more."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from playground.core.errors import Busy, SignInNeeded
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.wiring import Caller
from playground.visitors import VISITORS_OF_ADDRESS, Rate, Visitors


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_so_many_runs_begin_within_any_minute_and_others_are_not_held_up() -> None:
    clock = Clock()
    visitors = Visitors(per_minute=2, now=clock)
    for _ in range(2):
        with visitors.run("ann"):
            clock.seconds += 10
    with pytest.raises(Busy, match=r"^You began 2 runs within a minute, .* Run again in 40 s\.$"), visitors.run("ann"):
        pass
    with visitors.run("bob"):
        pass
    clock.seconds += 40
    with visitors.run("ann"):
        pass
    with pytest.raises(Busy, match=r"Run again in 10 s\."), visitors.run("ann"):
        pass


def test_so_many_runs_go_on_at_once_and_one_that_ends_makes_room() -> None:
    visitors = Visitors(at_once=1)
    with visitors.run("ann"):
        with pytest.raises(Busy, match=r"^1 of your runs still go on"), visitors.run("ann"):
            pass
        with visitors.run("bob"):
            pass
    with pytest.raises(ZeroDivisionError), visitors.run("ann"):
        1 / 0  # noqa: B018
    with visitors.run("ann"):
        pass


def test_made_up_visitors_of_one_address_cannot_hold_all_places() -> None:
    visitors = Visitors(at_once=1)
    with ExitStack() as held:
        for place in range(VISITORS_OF_ADDRESS):
            held.enter_context(visitors.run(f"made up {place}", "203.0.113.7"))
        with pytest.raises(Busy, match=r"^4 of your runs still go on"), visitors.run("one more", "203.0.113.7"):
            pass
        with visitors.run("another", "203.0.113.8"):
            pass
    assert visitors._running == {}


def test_made_up_visitors_of_one_address_count_together() -> None:
    visitors = Visitors(per_minute=1, now=Clock())
    for place in range(VISITORS_OF_ADDRESS):
        with visitors.run(f"made up {place}", "203.0.113.7"):
            pass
    with pytest.raises(Busy, match=r"^Your address began 4 runs within a minute"), visitors.run("one", "203.0.113.7"):
        pass
    with visitors.run("another", "203.0.113.8"):
        pass


def test_keys_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.visitors.MOST_KEYS", 10)
    rate = Rate(1, Clock())
    assert all(rate.take(str(key)) for key in range(100))
    assert len(rate._taken) == 10
    assert rate.take("99") is False


def test_without_a_limit_every_run_begins(services: Services) -> None:
    for _ in range(200):
        with services.run(Caller("page", "ann")) as stop:
            assert not stop.is_set()
    assert services.visitors._own._taken == {}


def test_a_public_page_holds_its_visitors_to_their_share(services: Services) -> None:
    public = Services(Settings(public=True, runs_per_minute=2), services.engine, services.history)
    for session in "ab":
        with public.run(Caller(session, "ann")):
            pass
    with pytest.raises(Busy, match="You began 2 runs"), public.run(Caller("c", "ann")):
        pass


def test_a_run_waits_for_the_sign_in_where_the_page_asks_for_one(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_CLIENT_ID", "id")
    closed = Services(Settings(auth="huggingface"), services.engine, services.history)
    with pytest.raises(SignInNeeded, match="Sign in with Hugging Face first"), closed.run(Caller("page", "ann")):
        pass
    with closed.run(Caller("page", "user:ann", user="ann")):
        pass
    closed.close()
