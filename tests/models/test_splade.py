"""Sparse encoders score as sentence-transformers' `SparseEncoder` does on the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import BertForMaskedLM, DistilBertForMaskedLM, XLMRobertaForMaskedLM

from playground.core.errors import ModelUnsuitable
from playground.core.scales import DOT
from playground.core.types import ModelChoice, PrecisionName
from playground.models import splade
from playground.models.catalog import find
from playground.models.loading import load_scorer
from playground.models.resolve import resolve
from tests.checkpoints import edit_json, write_json
from tests.checkpoints_apart import tiny_splade

QUERIES = ("what is panda?", "大熊猫吃什么？", "how do I reset my password and where is it? " * 60)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "what is panda?",
    "The train to the coast leaves at seven in the morning. " * 60,
    "打开设置页面，选择安全，然后点击重置按钮。" * 60,
    "",
)
KINDS: dict[str, dict[str, Any]] = {
    "bert": {"of": BertForMaskedLM},
    "distilbert": {"of": DistilBertForMaskedLM, "activation": "log1p_relu"},
    "xlm-roberta": {"of": XLMRobertaForMaskedLM, "pooling": "sum"},
}


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_splade(tmp_path_factory.mktemp("splade"), **KINDS[request.param])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_splade(tmp_path_factory.mktemp("splade"))


def load(folder: Path, precision: PrecisionName = "fp32", max_length: int | None = None) -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision=precision, max_length=max_length))


@pytest.mark.parametrize("max_length", [48, 256])
def test_scores_are_those_of_sentence_transformers(folder: Path, max_length: int) -> None:
    from sentence_transformers import SparseEncoder

    theirs = SparseEncoder(str(folder), device="cpu")
    theirs.max_seq_length = max_length
    scorer = load(folder, max_length=max_length)
    assert scorer.scale == DOT
    for query in QUERIES:
        vectors = theirs.encode_query([query]), theirs.encode_document(list(PASSAGES))
        expected = theirs.similarity(*vectors).to_dense().flatten().tolist()
        # A share of the score: these random weights give some in the thousands.
        assert scorer.logits(scorer.encode(query, PASSAGES)) == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_neighbours_and_parts_of_a_batch_do_not_change_a_score(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = load(folder)
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, rel=1e-5, abs=1e-4)
    monkeypatch.setattr(splade, "MAX_LOGITS", 1)
    assert scorer.logits(pairs) == pytest.approx(together, rel=1e-5, abs=1e-4)


def test_the_files_say_the_length_and_each_text_has_its_own(plain: Path) -> None:
    scorer = load(plain)
    assert scorer.spec.max_length == 256
    (long,) = scorer.encode(QUERIES[2], [PASSAGES[3]])
    assert (len(long.input_ids), long.n_tokens) == (512, 254)
    assert long.n_cut > 0
    assert long.n_query_cut > 0


def test_what_explains_a_score_adds_up_to_it(plain: Path) -> None:
    scorer = load(plain)
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    for (query, passage), whole in zip(scorer.readings(pairs), scorer.logits(pairs), strict=True):
        asked, found = splade.lexical(query), splade.lexical(passage)
        assert min(asked.values()) > 0
        shared = asked.keys() & found.keys()
        assert sum(asked[id] * found[id] for id in shared) == pytest.approx(whole, rel=1e-5)


def test_a_prompt_before_the_query_is_kept_and_one_before_passages_refused(plain: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(plain, tmp_path / "splade"))
    edit_json(twin / "config_sentence_transformers.json", prompts={"query": "ask: ", "document": ""})
    scorer = load(twin)
    assert scorer.query_instruction == "ask: "
    assert scorer.encode("panda", ["hi"]) == load(plain).encode("ask: panda", ["hi"])
    assert scorer.encode("panda", ["hi"], "") == load(plain).encode("panda", ["hi"])
    edit_json(twin / "config_sentence_transformers.json", prompts={"document": "read: "})
    with pytest.raises(ModelUnsuitable, match="puts a prompt before every passage"):
        load(twin)


@pytest.mark.parametrize(
    ("file", "changes", "settings"),
    [
        ("1_SpladePooling/config.json", {"pooling_strategy": "mean"}, "mean, relu, dot"),
        ("1_SpladePooling/config.json", {"activation_function": "gelu"}, "max, gelu, dot"),
        ("config_sentence_transformers.json", {"similarity_fn_name": "cosine"}, "max, relu, cosine"),
    ],
)
def test_other_settings_are_refused(
    plain: Path, tmp_path: Path, file: str, changes: dict[str, str], settings: str
) -> None:
    twin = Path(shutil.copytree(plain, tmp_path / "splade"))
    edit_json(twin / file, **changes)
    with pytest.raises(ModelUnsuitable, match=settings):
        resolve(ModelChoice(str(twin)))


def test_a_further_step_is_refused(plain: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(plain, tmp_path / "splade"))
    steps = ("MLMTransformer", "SpladePooling", "SparseAutoEncoder")
    write_json(
        twin / "modules.json",
        [{"path": "", "type": f"sentence_transformers.sparse_encoder.models.{name}"} for name in steps],
    )
    with pytest.raises(ModelUnsuitable, match="SparseAutoEncoder"):
        resolve(ModelChoice(str(twin)))


def test_the_catalogue_says_the_scale() -> None:
    entry = find("ibm-granite/granite-embedding-30m-sparse")
    assert entry is not None
    assert (entry.family, entry.score_scale(), entry.licence) == ("splade", DOT, "Apache-2.0")


def test_bf16_stays_near(plain: Path) -> None:
    exact, rounded = load(plain), load(plain, "bf16")
    pairs = exact.encode(QUERIES[0], PASSAGES[:3])
    assert rounded.logits(pairs) == pytest.approx(exact.logits(pairs), rel=0.05)
