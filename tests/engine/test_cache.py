"""Scores that were computed once."""

import threading
from dataclasses import replace

from playground.core.types import EncodedPair, ModelChoice
from playground.engine.cache import ScoreCache, score_key
from playground.engine.engine import Engine
from tests.engine.doubles import SPEC, Shelf, numbered, request_of, run, steps
from tests.engine.embedders import EMBED, EmbedderShelf


def test_the_least_recently_used_score_goes_first() -> None:
    cache = ScoreCache(2)
    cache.put([(b"a", 1.0), (b"b", 2.0)])
    assert cache.get([b"a"]) == [1.0]
    cache.put([(b"c", 3.0)])
    assert cache.get([b"a", b"b", b"c"]) == [1.0, None, 3.0]
    assert len(cache) == 2


def test_the_cache_stays_bounded_and_right_under_many_threads() -> None:
    cache = ScoreCache(50)

    def work(part: int) -> None:
        for number in range(500):
            key = f"{part}-{number % 40}".encode()
            cache.put([(key, float(number % 40))])
            assert cache.get([key]) in ([float(number % 40)], [None])

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 50


def test_a_key_differs_wherever_the_number_may() -> None:
    pair = EncodedPair((5, 6, 7), None, 2, 0, 4)
    keys = {
        score_key(SPEC, pair),
        score_key(replace(SPEC, fingerprint="other"), pair),
        score_key(replace(SPEC, device="cuda"), pair),
        score_key(replace(SPEC, precision="bf16"), pair),
        score_key(SPEC, replace(pair, input_ids=(5, 6, 8))),
        score_key(SPEC, replace(pair, n_tokens=1)),
        score_key(SPEC, replace(pair, input_ids=(5, 6), token_type_ids=(7,))),
        score_key(SPEC, replace(pair, token_type_ids=(0, 0, 1))),
    }
    assert len(keys) == 8


def test_a_key_is_the_same_where_the_model_reads_the_same() -> None:
    pair = EncodedPair((5, 6, 7), None, 2, 0, 4)
    assert score_key(SPEC, pair) == score_key(replace(SPEC, max_length=8192), replace(pair, n_cut=9))


def test_reordering_and_a_model_seen_before_cost_no_forward_pass_and_editing_one_passage_costs_one() -> None:
    shelf = Shelf()
    engine = Engine(load_scorer=shelf, memory_limit_mib=1000)
    one, other = ModelChoice("one"), ModelChoice("other")
    texts = numbered(1000)
    first = run(engine, request_of("red", *texts), one)
    run(engine, request_of("red", *texts), other)
    scorer = shelf.scorers["one"]
    n_batches = len(scorer.batches)
    assert (scorer.n_forwards, shelf.scorers["other"].n_forwards) == (1000, 1000)

    again = run(engine, request_of("red", *texts), one)
    assert (again.n_cached, again.n_tokens) == (1000, 0)
    assert [one.logit for one in again] == [one.logit for one in first]
    turned = run(engine, request_of("red", *reversed(texts)), one)
    assert turned.n_cached == 1000
    engine.unload(first.spec.fingerprint)
    assert run(engine, request_of("red", *texts), one).n_cached == 1000
    assert len(shelf.loads) == 3
    assert len(scorer.batches) == n_batches
    assert shelf.scorers["one"].n_forwards == 0

    texts[500] = "another red panda"
    edited = steps(engine, request_of("red", *texts), one)
    assert shelf.scorers["one"].batches == [1]
    # All that was known is on the page before the one that is not.
    known = next(step for step in edited if step.phase == "score")
    assert known.done >= 255


def test_an_embedder_seen_before_costs_no_forward_pass_and_another_query_costs_one() -> None:
    shelf = EmbedderShelf()
    engine = Engine(load_embedder=shelf)
    texts = numbered(100)
    run(engine, request_of("red", *texts), EMBED)
    embedder = shelf.embedder
    n_batches = len(embedder.batches)
    run(engine, request_of("red", *reversed(texts)), EMBED)
    assert len(embedder.batches) == n_batches
    run(engine, request_of("blue", *texts), EMBED)
    assert embedder.batches[n_batches:] == [1]
