"""Where keys come from, where they go, and that they go nowhere else. Recorded shapes, real sockets."""

from __future__ import annotations

import json
import logging

import pytest

from playground.core.errors import BackendError, InvalidInput, PlaygroundError
from playground.core.types import ModelChoice
from playground.engine import python_api
from playground.engine.engine import Engine
from playground.engine.exports import to_csv, to_json, to_snippet
from playground.remote.cohere import Cohere
from playground.remote.connect import Remotes
from tests.remote import servers
from tests.remote.runs import HASTY, engine, ranked
from tests.remote.servers import Asked, Said, serving

KEY = "sk-of-a-visitor-4711"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEI_API_KEY", "COHERE_API_KEY", "JINA_API_KEY", "VOYAGE_API_KEY", "HF_TOKEN", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_typed_key_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(servers.tei) as server:
        model = f"tei://{server.host}"
        own = engine()
        ranked(model, own, ["one"])
        monkeypatch.setenv("TEI_API_KEY", "of-the-machine")
        ranked(model, own, ["two"])
        ranked(model, own, ["three"], keys={"tei": KEY})
        sent = [asked.headers.get("Authorization") for asked in server.posts()]
    assert sent == [None, "Bearer of-the-machine", f"Bearer {KEY}"]


def test_the_key_of_the_environment_goes_to_no_address_that_a_visitor_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEI_API_KEY", "of-the-machine")
    with serving(servers.tei) as listed, serving(servers.tei) as made_up:
        own = Engine(remotes=Remotes(trusted=(f"tei://{listed.host}",), patience=HASTY))
        for server in (listed, made_up):
            ranked(f"tei://{server.host}", own, ["one"])
        sent = [[asked.headers.get("Authorization") for asked in server.posts()] for server in (listed, made_up)]
    assert sent == [["Bearer of-the-machine"], [None]]


def test_the_key_of_a_service_goes_to_no_address_that_only_speaks_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", "of-the-machine")
    with serving(servers.cohere) as server:
        monkeypatch.setattr(Cohere, "url", f"http://{server.host}")
        ranked("cohere:rerank-v3.5", passages=["one"])
        ranked(f"cohere://{server.host}/rerank-v3.5", passages=["two"])
        sent = [asked.headers.get("Authorization") for asked in server.posts()]
    assert sent == ["Bearer of-the-machine", None]


@pytest.mark.parametrize("key", ["sk-secret\r\nX: y", "sk-sécret", "sk secret"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_quoted(key: str) -> None:
    with (
        serving(servers.tei) as server,
        pytest.raises(InvalidInput, match="holds characters that no key has") as raised,
    ):
        ranked(f"tei://{server.host}", keys={"tei": key})
    assert "secret" not in f"{raised.value!r} {raised.value.values}"


def test_a_key_with_a_line_break_after_it_is_sent_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEI_API_KEY", "of-the-machine\n")
    with serving(servers.tei) as server:
        ranked(f"tei://{server.host}", passages=["one"])
        assert [asked.headers.get("Authorization") for asked in server.posts()] == ["Bearer of-the-machine"]


def test_a_service_without_a_key_is_not_asked() -> None:
    with pytest.raises(InvalidInput, match=r"Cohere asks for a key. .* start with COHERE_API_KEY set"):
        ranked("cohere:rerank-v3.5")


def test_a_wrong_key_is_said_once_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def answers(asked: Asked) -> Said:
        return Said({"message": f"invalid api token {asked.headers['Authorization']}"}, status=400)

    with serving(answers) as server, pytest.raises(BackendError, match="invalid api token Bearer …") as raised:
        ranked(f"cohere://{server.host}/rerank-v3.5", keys={"cohere": KEY})
    error: BaseException | None = raised.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__
    assert KEY not in caplog.text


def test_a_key_stands_in_nothing_that_is_kept_or_exported() -> None:
    with serving(servers.tei) as server:
        choice = ModelChoice(f"tei://{server.host}")
        result = ranked(choice.model_id, keys={"tei": KEY})
    kept = [to_json(result, choice), to_csv(result), to_snippet(result, choice), repr(result)]
    assert [KEY in each for each in kept] == [False] * 4
    assert json.loads(kept[0])["scored"][0]["n_tokens"] is None


def test_the_python_of_a_run_asks_the_same_server(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test of this process may have made the one engine offline.
    monkeypatch.setattr(python_api, "_engine", None)
    with serving(servers.tei) as server:
        choice = ModelChoice(f"tei://{server.host}")
        code = to_snippet(ranked(choice.model_id), choice)
        exec(compile(code, "snippet", "exec"), {})  # its own assert compares the scores
        assert len(server.posts()) == 2


def test_libraries_have_nothing_to_load() -> None:
    from playground.engine.snippets import program

    with serving(servers.tei) as server:
        result = ranked(f"tei://{server.host}")
    with pytest.raises(PlaygroundError, match="runs on another machine, so there is nothing to load"):
        program("transformers", result)
