"""Several servers of one model, and many requests at once. Recorded shapes, real sockets."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from playground.core.errors import BackendError
from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.types import ModelChoice, Passage
from playground.engine.set_scoring import collected
from playground.remote.fleet import AT_ONCE
from tests.remote import servers
from tests.remote.runs import engine, logits, ranked, request
from tests.remote.servers import Asked, Said, score, serving

MANY = [f"passage {'x' * (n % 50)} {n}" for n in range(320)]


def test_batches_are_spread_over_the_servers_and_go_out_at_once_up_to_the_limit() -> None:
    slow = partial(servers.tei, seconds=0.05)
    with serving(slow) as one, serving(slow) as other:
        result = ranked(f"tei://{one.host}+{other.host}", passages=MANY)
        n = len(one.posts()), len(other.posts())
        most = one.most, other.most
    assert logits(result) == pytest.approx([score(text) for text in MANY])
    assert (sum(n), min(n) >= 3) == (10, True)
    assert (max(most) <= AT_ONCE, min(most) > 1) == (True, True)


@pytest.mark.parametrize("dies", [Said("", status=500), Said("<html>"), Said(b"[]", cut=1)])
def test_a_server_that_fails_is_left_out_and_the_others_score_its_passages(dies: Said) -> None:
    def dying(asked: Asked) -> Said:
        return servers.tei(asked) if asked.body is None else dies

    with serving(dying) as one, serving(servers.tei) as other:
        result = ranked(f"tei://{one.host}+{other.host}", passages=MANY)
        assert len(other.posts()) == 10
    assert logits(result) == pytest.approx([score(text) for text in MANY])
    (left_out,) = [each for each in result.warnings if "left out" in each]
    assert left_out.startswith(f"One server was left out, and others took over its passages. {one.host} failed.")


def test_a_server_that_is_not_there_at_the_start_is_left_out_and_tried_again_by_the_next_run() -> None:
    with serving(servers.tei) as gone:
        pass
    with serving(servers.tei) as there:
        own = engine()
        first = ranked(f"tei://{gone.host}+{there.host}", own)
        second = ranked(f"tei://{gone.host}+{there.host}", own)
    assert [any(f"{gone.host} failed" in each for each in one.warnings) for one in (first, second)] == [True, True]
    assert (len(first), second.n_cached) == (4, 4)


def test_where_all_fail_each_is_named() -> None:
    with serving(servers.tei) as one, serving(servers.tei) as other:
        pass
    with pytest.raises(BackendError, match=f"None of 2 servers answers: {one.host} failed.*{other.host} failed"):
        ranked(f"tei://{one.host}+{other.host}")


def test_servers_of_different_models_are_no_fleet() -> None:
    with (
        serving(servers.tei) as one,
        serving(partial(servers.tei, model="other/model")) as other,
        pytest.raises(BackendError, match=r"serve different models: BAAI/bge-reranker-base@2cf.* and other/model@2cf"),
    ):
        ranked(f"tei://{one.host}+{other.host}")


def test_stop_breaks_off_what_is_on_its_way_and_what_came_stays() -> None:
    stop, waits = threading.Event(), threading.Event()

    def answers(asked: Asked) -> Said:
        if asked.body and len(server.posts()) > 2:
            waits.set()
            return Said([], seconds=60)
        return servers.tei(asked)

    with serving(answers) as server:
        steps = []
        for step in engine().rerank(request(MANY), ModelChoice(f"tei://{server.host}"), stop=stop):
            steps.append(step)
            if step.result is not None and waits.wait(10):
                stop.set()
    last = steps[-1]
    assert last.phase == "stopped"
    assert last.result is not None
    assert (len(last.result), len(last.result.missing)) in {(32, 288), (64, 256)}


def test_a_labelled_set_is_scored_with_all_its_queries_on_their_way_together() -> None:
    passages = tuple(Passage(str(n), f"passage {n}") for n in range(4))
    queries = tuple(LabelledQuery(str(n), f"query {n}", passages, (None,) * 4) for n in range(12))
    with serving(partial(servers.tei, seconds=0.05)) as server:
        scores = collected(
            LabelledSet("set", "", queries),
            engine().score_set(LabelledSet("set", "", queries), ModelChoice(f"tei://{server.host}")),
        )
        assert (len(server.posts()), server.most) == (12, AT_ONCE)
    assert scores is not None
    assert scores.logits == ((pytest.approx([score(each.text) for each in passages])),) * 12
    assert (scores.spec.family, scores.scale.name) == ("tei", "logit")


def test_in_a_comparison_a_server_that_fails_is_an_error_of_its_own_column() -> None:
    with serving(servers.tei) as server, serving(servers.tei) as gone:
        gone.close()
        models = [ModelChoice("bm25"), ModelChoice(f"tei://{gone.host}"), ModelChoice(f"tei://{server.host}")]
        runs = list(engine().compare(request(), models))[-1].comparison.runs
    assert [run.error is None and run.result is not None and run.result.complete for run in runs] == [True, False, True]
    assert isinstance(runs[1].error, BackendError)
