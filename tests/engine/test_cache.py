"""Scores that were computed once."""

import threading
from dataclasses import replace

from playground.core.types import EncodedPair
from playground.engine.cache import ScoreCache, score_key
from tests.engine.doubles import SPEC


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
