"""An explanation says of every family what its score is made of; checked against the readings, by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.core.explanations import Explanation
from playground.core.types import ModelChoice
from playground.models.loading import load_scorer
from playground.models.resolve import has_modes
from tests.checkpoints import edit_json
from tests.checkpoints_apart import tiny_m3, tiny_pylate, tiny_splade, tiny_stanford

MAKERS = "0.4dense+0.2sparse+0.4colbert"
MODELS = ("m3", "m3 sparse", "m3 colbert", "m3 dense", "splade", "pylate", "modern", "stanford")
PAIRS = {
    "english": ("what is a panda?", "The giant panda is a bear species; a panda eats bamboo, unbelievably much."),
    "chinese": ("大熊猫吃什么？", "大熊猫是中国特有的熊科动物，主要以竹子为食。"),
    "mixed": ("panda 是什么？", "The panda (大熊猫) is a bear."),
    "nothing shared": ("zzz", "打开设置页面"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    at = tmp_path_factory.mktemp("apart")
    m3 = tiny_m3(at / "m3")
    names = {
        "m3": f"{m3}#mode={MAKERS}",
        **{f"m3 {mode}": f"{m3}#mode={mode}" for mode in ("sparse", "colbert", "dense")},
        "splade": str(tiny_splade(at / "splade")),
        "pylate": str(tiny_pylate(at / "pylate")),
        "modern": str(tiny_pylate(at / "modern", modern=True)),
        "stanford": str(tiny_stanford(at / "stanford")),
    }
    choices = {name: ModelChoice(id, device="cpu", precision="fp32") for name, id in names.items()}
    return {name: load_scorer(choice, run_checks=False) for name, choice in choices.items()}


def explained(scorer: Any, pair: str) -> tuple[Explanation, float]:
    query, passage = PAIRS[pair]
    return scorer.explain(query, passage), scorer.logits(scorer.encode(query, [passage]))[0]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", MODELS)
def test_what_the_parts_add_sums_to_the_score(models: dict[str, Any], name: str, pair: str) -> None:
    found, logit = explained(models[name], pair)
    assert found.score == pytest.approx(logit, abs=1e-5)
    assert sum(part.share for part in found.parts) == pytest.approx(1.0)
    for part in found.parts:
        if part.mode == "sparse":
            assert sum(term.product for term in found.terms(part)) == pytest.approx(part.score, rel=1e-5, abs=1e-5)
        if part.mode == "colbert":
            total = sum(match.cosine for match in part.matches)
            assert total / (len(part.matches) if part.averaged else 1) == pytest.approx(part.score, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_tokens_are_those_that_were_fed_with_the_characters_they_stand_for(models: dict[str, Any], name: str) -> None:
    query, passage = PAIRS["mixed"]
    found = models[name].explain(query, passage)
    (pair,) = models[name].encode(query, [passage])
    assert [token.id for token in (*found.query.tokens, *found.passage.tokens)] == list(pair.input_ids)
    for text, whole in ((found.query, query), (found.passage, passage)):
        spans = [(token.start, token.end) for token in text.tokens if token.start < token.end]
        assert spans == sorted(spans)
        assert {whole[at] for start, end in spans for at in range(start, end)} == set(whole) - {" "}
        assert "panda" in {whole[start:end] for start, end in spans}
    first, last = found.passage.tokens[0], found.passage.tokens[-1]
    assert (first.start, first.end, last.start, last.end) == (0, 0, 0, 0)
    assert (first.name, last.name) == (("<s>", "</s>") if name.startswith("m3") else ("[CLS]", "[SEP]"))


@pytest.mark.parametrize("pair", ["english", "chinese"])
def test_the_sparse_terms_of_bge_m3_are_products_of_its_two_readings(models: dict[str, Any], pair: str) -> None:
    scorer = models["m3"]
    found, _ = explained(scorer, pair)
    ((asked, read),) = scorer.readings(scorer.encode(PAIRS[pair][0], [PAIRS[pair][1]]))
    (part,) = [part for part in found.parts if part.mode == "sparse"]
    assert (dict(part.query), dict(part.passage), part.share) == (asked.sparse, read.sparse, pytest.approx(0.2))
    terms = found.terms(part)
    by_id = {term.id: term for term in terms}
    fed = [{token.id for token in text.tokens} for text in (found.query, found.passage)]
    for id in asked.sparse.keys() | read.sparse.keys():
        assert by_id[id].product == asked.sparse.get(id, 0.0) * read.sparse.get(id, 0.0)
        assert [by_id[id].in_query, by_id[id].in_passage] == [id in each for each in fed]
    assert [term.product for term in terms] == sorted((term.product for term in terms), reverse=True)
    shared = {term.name for term in terms if term.product > 0}
    assert {"english": "panda", "chinese": "熊"}[pair] in shared


def test_texts_that_share_nothing_have_no_shared_term_and_a_score_of_0(models: dict[str, Any]) -> None:
    found, logit = explained(models["m3 sparse"], "nothing shared")
    (part,) = found.parts
    shared = [term.name for term in found.terms(part) if term.product > 0]
    assert shared in ([], ["▁"])
    assert found.score == pytest.approx(logit, abs=1e-5)
    alone = models["m3 sparse"].explain("panda", "?!")
    assert (alone.score, [term for term in alone.terms(alone.parts[0]) if term.product > 0]) == (0.0, [])


def test_splade_names_the_words_that_a_text_stands_for(models: dict[str, Any]) -> None:
    scorer = models["splade"]
    found, _ = explained(scorer, "english")
    ((asked, read),) = scorer.readings(scorer.encode(PAIRS["english"][0], [PAIRS["english"][1]]))
    (part,) = found.parts
    assert part.query == {id: pytest.approx(float(asked[id])) for id in asked.nonzero().flatten().tolist()}
    vocabulary = scorer._encoder._tokenizer.get_vocab()
    fed = {token.id for token in found.query.tokens}
    for term in found.terms(part):
        assert term.in_query == (term.id in fed)
        assert vocabulary[term.name.replace("…", "##")] == term.id
        assert term.product == pytest.approx(float(asked[term.id] * read[term.id]), rel=1e-5)
    stood_for = [term for term in found.terms(part) if term.query > 0 and not term.in_query]
    assert len(stood_for) > 10


@pytest.mark.parametrize("name", ["m3 colbert", "pylate", "stanford"])
@pytest.mark.parametrize("pair", ["english", "chinese"])
def test_every_query_token_has_its_nearest_passage_token(models: dict[str, Any], name: str, pair: str) -> None:
    scorer = models[name]
    found, _ = explained(scorer, pair)
    ((asked, read),) = scorer.readings(scorer.encode(PAIRS[pair][0], [PAIRS[pair][1]]))
    asked, read = (asked.colbert, read.colbert) if name.startswith("m3") else (asked, read)
    cosines = torch.einsum("qd,pd->qp", asked, read)
    if name.startswith("m3"):
        asked_places = range(1, len(found.query.tokens))
        read_places: Any = range(1, len(found.passage.tokens))
    else:
        asked_places = range(len(found.query.tokens))
        read_places = [at for at, token in enumerate(found.passage.tokens) if token.name not in {".", ",", "?", ";"}]
    (part,) = found.parts
    assert [match.query_place for match in part.matches] == list(asked_places)
    for match, row in zip(part.matches, cosines, strict=True):
        assert match.cosine == pytest.approx(float(row.max()), abs=1e-5)
        assert match.passage_place == read_places[int(row.argmax())]


def test_marks_and_fillers_of_a_colbert_are_named_and_have_no_characters(models: dict[str, Any]) -> None:
    found, _ = explained(models["pylate"], "english")
    names = [token.name for token in found.query.tokens]
    assert names[:2] == ["[CLS]", "[q]"]
    assert names.count("[MASK]") == 32 - names.index("[SEP]") - 1
    assert all(token.start == token.end for token in found.query.tokens if token.name.startswith("["))
    assert len(found.parts[0].matches) == 32


def test_only_what_was_read_of_a_long_text_is_in_it(models: dict[str, Any]) -> None:
    query, passage = "what is panda? " * 40, "The giant panda is a bear species. " * 60
    for name in ("m3", "splade"):
        scorer = models[name].view(ModelChoice(models[name].resolved.asked, max_length=64))
        found = scorer.explain(query, passage)
        (pair,) = scorer.encode(query, [passage])
        assert found.score == pytest.approx(scorer.logits([pair])[0], abs=1e-5)
        assert len(found.passage.tokens) == len(found.query.tokens) == 64
        assert found.passage.text == passage[: pair.n_chars_read]
        assert (found.passage.n_cut, found.query.n_cut) == (pair.n_cut, pair.n_query_cut)
        assert max(token.end for token in found.passage.tokens) == len(found.passage.text)


def test_an_instruction_is_part_of_the_query_that_was_read(models: dict[str, Any]) -> None:
    found = models["m3"].explain("is a panda?", "hi panda", "what ")
    plain = models["m3"].explain("what is a panda?", "hi panda")
    assert (found.query.text, found.query.n_instruction, plain.query.n_instruction) == ("what is a panda?", 5, 0)
    assert found.parts == plain.parts


def test_what_a_worker_gives_back_survives_pickling(models: dict[str, Any]) -> None:
    for name in ("m3", "splade", "pylate"):
        pairs = models[name].encode("what is panda?", ["panda", "大熊猫"])
        parts = models[name].compared(pairs)
        assert pickle.loads(pickle.dumps(parts)) == parts
        assert [sum(part.adds for part in each) for each in parts] == pytest.approx(
            models[name].logits(pairs), abs=1e-5
        )
    assert models["m3"].compared([]) == []


def test_all_modes_come_out_of_one_pass_over_each_text(models: dict[str, Any]) -> None:
    scorer = models["m3"].view(ModelChoice(models["m3"].resolved.asked))
    widths: list[int] = []
    hook = scorer._model.register_forward_pre_hook(
        lambda _, __, kwargs: widths.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    found = scorer.compared(scorer.encode("never asked before", ["a", "b", "c"]))
    hook.remove()
    assert widths == [3, 1]
    assert [[part.mode for part in parts] for parts in found] == [["dense", "sparse", "colbert"]] * 3


def test_modes_are_those_of_bge_m3_and_of_what_has_its_heads_and_its_pooling(tmp_path: Path) -> None:
    folder = tiny_m3(tmp_path / "m3")
    assert has_modes(str(folder))
    assert has_modes("BAAI/bge-m3")
    assert not has_modes("BAAI/bge-small-en-v1.5")
    assert not has_modes("nobody/nothing")
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode_cls_token=False, pooling_mode_mean_tokens=True)
    assert not has_modes(str(folder))
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    (folder / "colbert_linear.pt").unlink()
    assert not has_modes(str(folder))
