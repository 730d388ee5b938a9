"""What a server can do wrong: each is one sentence that names it, and no score is made up. Recorded shapes, real
sockets."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from playground.core.errors import BackendError
from playground.remote import transport
from tests.remote import servers
from tests.remote.runs import HASTY, engine, ranked
from tests.remote.servers import Asked, Said, serving

WHOLE = b'[{"index": 0, "score": 1.5}, {"index": 1, "score": 0.5}]'


def scored(body: object, **more: object) -> Said:
    return Said(body, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said([{"index": 0, "score": 1.0}, {"index": 2, "score": 2.0}]), "other places than those of the 2 passages"),
        (Said([{"index": 0, "score": 1.0}, {"index": 0, "score": 2.0}]), "other places than those of the 2 passages"),
        (Said([{"index": 0, "score": 1.0}]), "other places than those of the 2 passages"),
        (Said([{"index": 0, "score": 1.0}] * 3), "other places than those of the 2 passages"),
        (Said(b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}]'), "the score nan, which cannot be ranked"),
        (Said(b'[{"index": 0, "score": 1e999}, {"index": 1, "score": 1}]'), "the score inf, which cannot be ranked"),
        (Said(b'[{"index": 0, "score": 1e300}, {"index": 1, "score": 1}]'), "1e.300, which cannot be ranked"),
        (Said([{"index": 0, "score": None}, {"index": 1, "score": 1}]), r"another shape \(0.score: "),
        (Said({"results": []}), r"another shape \(all of it: "),
        (Said(b"<html><b>hi</b>", headers={"Content-Type": "text/html"}), r"no JSON \(text/html\): <html><b>hi</b>"),
        (Said(b""), "answered no JSON"),
        (Said(b"[" * 100_000), "answered no JSON"),
        (Said(WHOLE, cut=20), "It broke off its answer"),
        (Said("too much", status=413), "It answered 413: too much"),
        (Said({"error": {"message": "too much", "code": 1}}, status=422), "It answered 422: too much"),
        (Said({"message": "too much", "detail": "too much"}, status=422), "It answered 422: too much"),
        (Said({"detail": [{"loc": 1}]}, status=422), r'It answered 422: {"detail": \[{"loc": 1}\]}'),
        (Said(b"busy", status=503), "It answered 503: busy"),
        (Said("", status=302, headers={"Location": "http://127.0.0.1:1/secret"}), r"sends elsewhere \(302\)"),
        (Said("no", status=401), r"refuses the key \(401\)"),
    ],
)
def test_a_wrong_answer_is_a_sentence_with_the_server_in_it(said: Said, message: str) -> None:
    with (
        serving(lambda asked: said if asked.body else servers.tei(asked)) as server,
        pytest.raises(BackendError, match=f"{server.host} failed. .*{message}"),
    ):
        ranked(f"tei://{server.host}", passages=["one", "two"])


def test_a_server_that_hangs_is_given_up() -> None:
    with serving(lambda asked: Said([], seconds=60) if asked.body else servers.tei(asked)) as server:
        hasty = engine(replace(HASTY, answer_seconds=0.2))
        with pytest.raises(BackendError, match=r"did not answer within 0\.2 seconds"):
            ranked(f"tei://{server.host}", hasty)
        # Waiting again would take as long again.
        assert len(server.posts()) == 1


def test_one_that_drips_is_given_up_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(asked: Asked) -> Said:
        return servers.tei(asked) if asked.body is None else Said(WHOLE, headers={"Content-Length": "1000"}, seconds=0)

    with serving(answers) as server, pytest.raises(BackendError, match=r"broke off its answer|did not answer"):
        ranked(f"tei://{server.host}", engine(replace(HASTY, answer_seconds=0.3)))


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1024**2)
    said = Said(b" " * (1024**2 + 1))
    with (
        serving(lambda asked: said if asked.body else servers.tei(asked)) as server,
        pytest.raises(BackendError, match="larger than 1 MiB"),
    ):
        ranked(f"tei://{server.host}")


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BackendError, match=f"{host} failed. It cannot be reached"):
            ranked(f"tei://{host}")


def test_a_server_that_is_full_is_asked_again() -> None:
    full = [Said("", status=503), Said("", status=429, headers={"Retry-After": "0"}), Said(WHOLE, cut=3)]

    def answers(asked: Asked) -> Said:
        return full.pop() if asked.body and full[1:] else servers.tei(asked)

    with serving(answers) as server:
        assert len(ranked(f"tei://{server.host}")) == 4
        assert len(server.posts()) == 3


def test_a_request_that_cannot_succeed_is_not_asked_again() -> None:
    with serving(lambda asked: Said("no", status=422) if asked.body else servers.tei(asked)) as server:
        with pytest.raises(BackendError, match="It answered 422"):
            ranked(f"tei://{server.host}")
        assert len(server.posts()) == 1
