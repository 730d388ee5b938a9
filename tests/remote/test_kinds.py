"""Each kind of server in its recorded shape, over a real socket: what it is asked, and what becomes of its answer.

Real servers stand in test_real_servers.py; those of Cohere, Jina, Voyage and Hugging Face were never asked.
"""

from __future__ import annotations

from typing import Any

import pytest

from playground.core.errors import PlaygroundError
from playground.core.scales import TRAINED_LOGIT
from tests.remote import servers
from tests.remote.runs import PASSAGES, engine, logits, ranked
from tests.remote.servers import Answers, Said, score, serving

SCORES = pytest.approx([score(text) for text in PASSAGES])


@pytest.mark.parametrize(
    ("kind", "model", "scale", "n_tokens", "precision", "max_length"),
    [
        ("tei", "", "logit", 36, "fp16", 512),
        ("infinity", "/mini", "logit", None, "unknown", 0),
        ("vllm", "/BAAI/bge-reranker-base", "unknown", 28, "unknown", 512),
        ("llamacpp", "", "logit", 20, "unknown", 0),
        ("cohere", "/rerank-v3.5", "unknown", None, "unknown", 0),
        ("jina", "/jina-reranker-v2-base-multilingual", "unknown", 12, "unknown", 0),
        ("voyage", "/rerank-2.5", "unknown", 26, "unknown", 0),
        ("hf", "/BAAI/bge-reranker-base", "sigmoid", None, "unknown", 0),
    ],
)
def test_scores_come_back_in_input_order_with_what_the_server_tells_and_no_more(
    kind: str, model: str, scale: str, n_tokens: int | None, precision: str, max_length: int
) -> None:
    answers: Answers = getattr(servers, kind)
    with serving(answers) as server:
        result = ranked(f"{kind}://{server.host}{model}")
    assert logits(result) == SCORES
    assert (result.scale.name, result.scale.level, result.n_tokens) == (scale, False, n_tokens)
    assert (result.spec.device, result.spec.precision, result.spec.max_length) == ("remote", precision, max_length)
    assert {(each.n_tokens, each.n_cut, each.n_chars_read) for each in result} == {(None, None, None)}
    assert result.warnings[0].startswith(f"Scored at {server.host}: which weights gave these numbers")


@pytest.mark.parametrize(
    ("kind", "path", "wanted"),
    [
        ("tei", "/rerank", {"texts": list(PASSAGES), "raw_scores": True, "truncate": True, "return_text": False}),
        ("infinity", "/rerank", {"model": "mini", "documents": list(PASSAGES), "raw_scores": True}),
        ("vllm", "/score", {"model": "BAAI/bge-reranker-base", "text_1": "what is panda?", "text_2": list(PASSAGES)}),
        ("llamacpp", "/v1/rerank", {"model": "reranker.gguf", "documents": list(PASSAGES), "top_n": 4}),
    ],
)
def test_a_server_that_serves_one_model_is_asked_for_it(kind: str, path: str, wanted: dict[str, Any]) -> None:
    with serving(getattr(servers, kind)) as server:
        ranked(f"{kind}://{server.host}")
        (asked,) = server.posts()
    assert asked.path == path
    assert {name: asked.body[name] for name in wanted} == wanted


def test_what_a_service_bills_is_said() -> None:
    with serving(servers.cohere) as server:
        result = ranked(f"cohere://{server.host}/rerank-v3.5", passages=[f"passage {n}" for n in range(150)])
        assert sorted(len(asked.body["documents"]) for asked in server.posts()) == [50, 100]
    assert f"{server.host} bills for this: 2 search units." in result.warnings


def test_a_model_that_reads_passages_together_is_said_to() -> None:
    with serving(servers.jina) as server:
        found = [ranked(f"jina://{server.host}/jina-reranker-{each}").warnings for each in ("v2-base", "v3")]
    assert [any("depends on those that were sent beside it" in said for said in each) for each in found] == [
        False,
        True,
    ]


def test_an_instruction_goes_where_one_is_taken_and_is_said_to_be_left_out_elsewhere() -> None:
    with serving(servers.voyage) as server:
        taken = ranked(f"voyage://{server.host}/rerank-2.5", instruction="Prefer animals.")
        assert server.posts()[0].body["query"] == "Prefer animals.\nwhat is panda?"
    with serving(servers.tei) as server:
        left_out = ranked(f"tei://{server.host}", instruction="Prefer animals.")
    assert (taken.instruction, left_out.instruction) == ("Prefer animals.", "")
    said = f"{server.host} decides how its model reads: maximum length, windows and instruction were left out."
    assert (said in left_out.warnings, said in taken.warnings) == (True, False)


def test_another_playground_says_scale_weights_and_what_was_read() -> None:
    with serving(servers.playground) as server:
        result = ranked(f"playground://{server.host}/built-in/mini-reranker")
        assert [asked.body["model"] for asked in server.posts()] == ["built-in/mini-reranker"] * 2
    assert logits(result) == SCORES
    assert (result.scale, result.spec.fingerprint, result.spec.precision) == (TRAINED_LOGIT, "f" * 64, "bf16")
    read = {each.passage.text: (each.n_tokens, each.n_cut, each.n_chars_read) for each in result}
    assert (read["hi"], read["panda"]) == ((2, 0, 2), (4, 1, None))
    assert (result.n_tokens, result.instruction) == (12, "own")
    # Its own warnings stand here too, and nothing is unknown.
    assert result.warnings == (servers.EQUAL,)


@pytest.mark.parametrize(
    ("kind", "path", "said", "message"),
    [
        ("vllm", "", servers.listed("one", "two"), "serves several models: one, two. Add one after its address."),
        ("vllm", "/three", servers.listed("one", "two"), "does not serve three; it serves one, two."),
        (
            "tei",
            "",
            Said({"model_id": "e5", "model_type": {"embedding": {"pooling": "cls"}}}),
            "as embedding, not as",
        ),
        ("tei", "", Said({"docs": 1}), r"answered in another shape \(model_id: Field required\)"),
    ],
)
def test_a_server_without_the_model_is_refused_before_a_passage_is_sent(
    kind: str, path: str, said: Said, message: str
) -> None:
    with serving(lambda asked: said) as server:
        with pytest.raises(PlaygroundError, match=message):
            ranked(f"{kind}://{server.host}{path}")
        assert server.posts() == []


def test_a_seen_pair_again_is_no_request_and_a_copy_is_sent_once() -> None:
    with serving(servers.tei) as server:
        own = engine()
        first = ranked(f"tei://{server.host}", own, ["panda", "train", "panda"])
        n = len(server.asked)
        again = ranked(f"tei://{server.host}", own, ["train", "panda", "panda"])
        assert (n, len(server.asked), server.posts()[0].body["texts"]) == (2, 2, ["panda", "train"])
        ranked(f"tei://{server.host}", own, ["train", "bus"])
        assert server.posts()[-1].body["texts"] == ["bus"]
    assert logits(again) == [logits(first)[1], logits(first)[0], logits(first)[0]]
    assert (first.n_cached, again.n_cached, again.n_tokens) == (0, 3, 0)


def test_an_instruction_that_is_sent_makes_another_pair() -> None:
    with serving(servers.playground) as server:
        own = engine()
        for instruction in (None, "", "Prefer animals.", "Prefer animals."):
            ranked(f"playground://{server.host}", own, instruction=instruction)
        sent = [asked.body.get("instruction") for asked in server.posts()]
    assert sent == [None, None, "", "Prefer animals."]
