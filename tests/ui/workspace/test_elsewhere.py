"""A model on another machine in the page's boxes, from the line under its name to what is kept; no browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice
from playground.engine.exports import to_snippet
from playground.engine.manifest import from_manifest
from playground.settings import Settings
from playground.ui.components.replay_changes import changes
from playground.ui.services import Services
from playground.ui.views.models import speed
from playground.ui.views.ranking import view as ranking
from playground.ui.wiring import Caller
from playground.ui.workspace.choices import model_line
from playground.ui.workspace.model_settings import Known
from playground.ui.workspace.view import on_count, on_model
from tests.remote import servers
from tests.remote.servers import Asked, Said, Server, serving
from tests.ui.views.compare.comparisons import ASKED as COMPARED
from tests.ui.views.compare.comparisons import compared, row
from tests.ui.views.ranking.test_view import ASKED, rows, run

KEY = "sk-of-a-visitor-4711"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(servers.tei) as made:
        yield made


def test_the_line_says_where_the_texts_go_and_the_key_box_stands_there_instead_of_device_and_precision(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boxes(model: str) -> tuple[Any, Any]:
        found = on_model(services, caller, Known(), model, "", "auto", "auto")
        assert found.runs["visible"] is not found.key["visible"]
        return [said.get("key") for said in found.line], found.key["visible"]

    monkeypatch.delenv("COHERE_API_KEY", raising=False)
    assert boxes("tei://gpu1:8080+gpu2:8080") == (["model.elsewhere"], True)
    assert boxes("cohere:rerank-v3.5") == (["model.service", "model.no_key"], True)
    monkeypatch.setenv("COHERE_API_KEY", KEY)
    assert boxes("cohere:rerank-v3.5") == (["model.service", "model.has_key"], True)
    assert boxes("built-in/mini-reranker")[1] is False
    (said,) = model_line(services, "tei://gpu1:8080+gpu2:8080", "auto", "auto")
    assert said["values"] == {"title": "text-embeddings-inference", "at": "gpu1:8080 + gpu2:8080"}
    assert KEY not in str(model_line(services, "cohere:rerank-v3.5", "auto", "auto"))


def test_no_token_is_waited_for(services: Services, caller: Caller, server: Server) -> None:
    counted = on_count(services, caller, *ASKED._replace(model=f"tei://{server.host}"))
    assert [said.get("key") for said in counted.live] == ["live.passages", "live.elsewhere"]
    assert (counted.timer["active"], server.asked) == (False, [])


def test_a_row_of_an_unknown_read_says_so_and_the_run_is_kept(
    services: Services, caller: Caller, server: Server
) -> None:
    last = run(services, caller, ASKED._replace(model=f"tei://{server.host}"))[-1]
    assert [(row["tokens"], row["cut"], row["read"]) for row in rows(last)] == [(None, None, None)] * 3
    shown = last.shown.results["run"]
    assert (shown["device"], shown["precision"], shown["tokens_per_second"] is None) == ("remote", "fp16", False)
    again, choice = from_manifest(services.history.get(last.shown.visit.run_id, caller.owner).manifest)
    assert again == last.shown.visit.result
    assert (again.scored[0].n_tokens, choice.model_id) == (None, f"tei://{server.host}")


def test_a_length_and_a_precision_that_a_server_does_not_say_are_made_up_nowhere(
    services: Services, caller: Caller
) -> None:
    with serving(servers.infinity) as silent:
        model = f"infinity://{silent.host}"
        result = run(services, caller, ASKED._replace(model=model))[-1].shown.visit.result
        shown = compared(services, caller, asked=COMPARED._replace(model=model))
    (costs,) = shown.details["models"]
    assert (costs["device"], costs["precision"], costs["max_length"]) == ("remote", "unknown", None)
    assert result is not None
    assert result.spec.runs == "a server"
    assert "# A server rounds differently" in to_snippet(result, ModelChoice(model))
    asked, spec = replace(result.request, query="unknown"), replace(result.spec, precision="fp16", max_length=512)
    told = replace(result, request=asked, spec=spec)
    said = changes((result, ModelChoice(model, batch_tokens=0)), (told, ModelChoice(model, batch_tokens=64)), {})
    assert [each["en"] for each in said[:4]] == [
        f"Query: {ASKED.query} → unknown.",
        "Precision: – → fp16.",
        "Maximum length: – → 512.",
        "Tokens per batch: 0 → 64.",
    ]


def test_the_same_weights_on_two_servers_are_held_against_each_other_and_not_timed(
    services: Services, caller: Caller
) -> None:
    def in_fp32(asked: Asked) -> Said:
        return replace(said := servers.playground(asked), body=said.body | {"precision": "fp32"})

    with serving(servers.playground) as one, serving(in_fp32) as other:
        first, second = (f"playground://{each.host}" for each in (one, other))
        shown = compared(services, caller, row(second), asked=COMPARED._replace(model=first))
    (pair,) = shown.details["precisions"]
    assert (pair["pair"], pair["largest"], pair["can_time"]) == ([1, 0], 0.0, False)
    for values in (ASKED._replace(model=first), ASKED._replace(model="cohere:rerank-v3.5")):
        with pytest.raises(InvalidInput, match="runs on another machine, where others may be at work"):
            list(speed.on_fastest(services, caller, *values))


def test_a_typed_key_is_sent_and_kept_nowhere(services: Services, caller: Caller, server: Server) -> None:
    asked = ASKED._replace(model=f"tei://{server.host}", key=f" {KEY} ")
    last = list(ranking.on_rerank(services, caller, ranking.Visit(), *asked))[-1]
    assert [each.headers["Authorization"] for each in server.posts()] == [f"Bearer {KEY}"]
    assert len(services.history.search(caller.owner)) == 1
    assert KEY not in str(last)
    folder = services.settings.db.parent
    assert [KEY.encode() in file.read_bytes() for file in folder.iterdir()] == [False] * len(list(folder.iterdir()))


def test_the_key_of_one_kind_goes_to_no_other(server: Server) -> None:
    assert ASKED._replace(key=KEY).keys == {}
    assert ASKED._replace(model="TEI+https://host", key=KEY).keys == {"tei": KEY}
    assert ASKED._replace(model="cohere:m", key=KEY).keys == {"cohere": KEY}


def test_a_visitor_of_a_public_page_names_no_address(caller: Caller, server: Server, tmp_path: Any) -> None:
    listed = f"tei://{server.host}"
    settings = Settings(db=tmp_path / "history.db", public=True, models=(listed,))
    services = Services.from_settings(settings)
    try:
        assert len(rows(run(services, caller, ASKED._replace(model=listed))[-1])) == 3
        n = len(server.asked)
        for model in (f"tei://{server.host}/m", f"cohere://{server.host}/m", "tei://169.254.169.254"):
            with pytest.raises(InvalidInput, match="only those who run it name models on other machines"):
                run(services, caller, ASKED._replace(model=model))
            with pytest.raises(InvalidInput, match="only those who run it"):
                services.engine.score_set(_set(), ModelChoice(model))
        assert len(server.asked) == n
    finally:
        services.close()


def _set() -> Any:
    from playground.core.labels import LabelledSet

    return LabelledSet("set", "", ())
