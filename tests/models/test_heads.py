"""Heads of other architectures, and of several labels, score as sentence-transformers' CrossEncoder does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.core.scales import LOG_ODDS
from playground.core.types import ModelChoice, PrecisionName
from playground.models.heads import relevant_label
from playground.models.loading import load_scorer
from tests import checkpoints

QUERIES = ("what is panda?", "大熊猫吃什么？", "how do I reset my password? " * 30)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 40,
    "打开设置页面，选择安全，然后点击重置按钮。" * 60,
    "hi",
)
NLI = ("contradiction", "entailment", "neutral")


def load(model: object, precision: PrecisionName = "fp32") -> Any:
    choice = ModelChoice(str(model), device="cpu", precision=precision, max_length=256, truncation="longest_first")
    return load_scorer(choice)


def theirs(folder: Path, query: str) -> torch.Tensor:
    """(passages, labels) as sentence-transformers computes them, before any activation."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity(), max_length=256)
    pairs = [(query, passage) for passage in PASSAGES]
    found = model.predict(pairs, show_progress_bar=False, convert_to_tensor=True)
    return found.reshape(len(PASSAGES), -1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("heads")
    makers: tuple[Callable[[Path], Path], ...] = (
        checkpoints.tiny_deberta,
        checkpoints.tiny_modernbert,
        checkpoints.tiny_gte,
    )
    return {maker.__name__: maker(root / maker.__name__) for maker in makers}


@pytest.fixture(scope="module")
def nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_deberta(tmp_path_factory.mktemp("nli") / "nli-deberta", labels=NLI)


@pytest.mark.parametrize("architecture", ["tiny_deberta", "tiny_modernbert", "tiny_gte"])
def test_one_label_scores_as_sentence_transformers_on_both_sides_of_the_limit(
    folders: dict[str, Path], architecture: str
) -> None:
    folder = folders[architecture]
    scorer = load(folder)
    for query in QUERIES:
        pairs = scorer.encode(query, PASSAGES)
        logits = scorer.logits(pairs)
        assert logits == pytest.approx(theirs(folder, query)[:, 0].tolist(), abs=1e-4)
        assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(logits, abs=1e-4)
    assert any(pair.n_cut for pair in pairs)
    assert any(pair.n_query_cut for pair in pairs)


@pytest.mark.parametrize("architecture", ["tiny_deberta", "tiny_modernbert", "tiny_gte"])
def test_bf16_rounds_the_encoder_and_not_the_head(folders: dict[str, Path], architecture: str) -> None:
    exact, rounded = load(folders[architecture]), load(folders[architecture], "bf16")
    logits = rounded.logits(rounded.encode(QUERIES[0], PASSAGES))
    assert logits == pytest.approx(exact.logits(exact.encode(QUERIES[0], PASSAGES)), abs=0.5)
    assert any(logit != float(torch.tensor(logit).to(torch.bfloat16)) for logit in logits)


def test_an_nli_model_is_scored_by_entailment(nli: Path) -> None:
    scorer = load(nli)
    for query in QUERIES:
        expected = theirs(nli, query).softmax(dim=1)[:, 1].tolist()
        shown = [scorer.scale.display(logit) for logit in scorer.logits(scorer.encode(query, PASSAGES))]
        assert shown == pytest.approx(expected, abs=1e-5)
    assert scorer.scale == LOG_ODDS
    assert scorer.spec.model_id == f"{nli}#label=entailment"


def test_another_label_is_another_model(nli: Path) -> None:
    own, other, by_number = load(nli), load(f"{nli}#label=Neutral"), load(f"{nli}#label=2")
    expected = theirs(nli, QUERIES[0]).softmax(dim=1)[:, 2].tolist()
    pairs = other.encode(QUERIES[0], PASSAGES)
    assert [other.scale.display(logit) for logit in other.logits(pairs)] == pytest.approx(expected, abs=1e-5)
    assert other.spec.model_id == by_number.spec.model_id == f"{nli}#label=neutral"
    assert other.spec.fingerprint == by_number.spec.fingerprint != own.spec.fingerprint
    with pytest.raises(InvalidInput, match=r"has no label 'better'\. Its labels are contradiction, entail"):
        load(f"{nli}#label=better")


def test_a_qnli_head_whose_first_label_is_entailment_is_scored_by_the_first(tmp_path: Path) -> None:
    folder = checkpoints.tiny_bert(tmp_path / "qnli", n_labels=2)
    checkpoints.edit_json(folder / "config.json", id2label={"0": "entailment", "1": "not_entailment"})
    scorer = load(folder)
    expected = theirs(folder, QUERIES[0])
    found = scorer.logits(scorer.encode(QUERIES[0], PASSAGES))
    assert found == pytest.approx((expected[:, 0] - expected[:, 1]).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ([], 1),
        (["LABEL_0"], 0),
        (["score"], 0),
        (["LABEL_0", "LABEL_1"], 1),
        (["irrelevant", "relevant"], 1),
        (["Relevant", "Irrelevant"], 0),
        (["no", "yes"], 1),
        (["0", "1"], 1),
        (["ENTAILMENT", "NEUTRAL", "CONTRADICTION"], 0),
    ],
)
def test_the_relevant_label_is_known_by_its_name(labels: list[str], place: int) -> None:
    config = {"id2label": {str(n): label for n, label in enumerate(labels)}}
    assert relevant_label("m", config).place == place


@pytest.mark.parametrize(
    "labels",
    [["NEGATIVE", "POSITIVE"], ["LABEL_0", "LABEL_1", "LABEL_2"], ["1 star", "2 stars"], ["0", "1", "2"]],
)
def test_labels_that_do_not_say_it_are_refused_by_name(labels: list[str]) -> None:
    config = {"id2label": {str(n): label for n, label in enumerate(labels)}}
    with pytest.raises(ModelUnsuitable, match=rf"with the labels {', '.join(labels)}; .*: m#label={labels[-1]}"):
        relevant_label("m", config)
    assert relevant_label("m", config, labels[0]).place == 0


def test_a_language_model_is_asked_as_its_name_says(tmp_path: Path) -> None:
    folder = checkpoints.tiny_qwen3(tmp_path / "fine-tuned")
    with pytest.raises(ModelUnsuitable, match=r"If it was trained as Qwen3-Reranker was, .*#prompt=qwen3-reranker\."):
        load(folder)
    choice = ModelChoice(f"{folder}#prompt=qwen3-reranker", device="cpu", precision="fp32")
    twin = Path(shutil.copytree(folder, tmp_path / "Qwen3-Reranker-0.6B"))
    scorers = [load_scorer(choice), load_scorer(ModelChoice(str(twin), device="cpu", precision="fp32"))]
    first, second = (scorer.logits(scorer.encode(QUERIES[0], PASSAGES)) for scorer in scorers)
    assert first == second
    assert scorers[0].spec.model_id.endswith("#prompt=qwen3-reranker")
    with pytest.raises(InvalidInput, match=r"cannot be asked as 'monot5'\. Prompts for it: qwen3-reranker\."):
        load(f"{folder}#prompt=monot5")


def test_these_architectures_are_transformers_own(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        assert not hasattr(config, "auto_map")
