"""Scores are those of plain transformers and of sentence-transformers on the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from playground.core.errors import ModelBroken
from playground.core.protocols import Scorer
from playground.core.scales import LOG_ODDS, sigmoid
from playground.core.types import ModelChoice, PrecisionName, Truncation
from playground.models import pretrained
from playground.models.batching import plan
from playground.models.loading import load_scorer
from tests import checkpoints

QUERIES = ("what is panda?", "大熊猫吃什么？", "how do I reset my password? " * 30)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 30,
    "打开设置页面，选择安全，然后点击重置按钮。" * 40,
    "hi",
)


def load(folder: Path, precision: PrecisionName = "fp32", truncation: Truncation = "only_second") -> Scorer:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision=precision, truncation=truncation))


def score(scorer: Scorer, query: str) -> list[float]:
    return scorer.logits(scorer.encode(query, PASSAGES))


@pytest.fixture(params=["tiny_xlmr", "tiny_bert"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def plain_logits(folder: Path, query: str, **truncation: Any) -> torch.Tensor:
    """(passages, labels) as a model card's snippet computes them, one pair at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        batches = [tokenizer([query], [p], max_length=512, return_tensors="pt", **truncation) for p in PASSAGES]
        return torch.cat([model(**batch).logits for batch in batches])


@pytest.mark.parametrize("query", QUERIES[:2])
def test_only_second_scores_as_plain_transformers(folder: Path, query: str) -> None:
    expected = plain_logits(folder, query, truncation="only_second")[:, 0].tolist()
    assert score(load(folder), query) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("query", QUERIES)
def test_longest_first_scores_as_sentence_transformers(folder: Path, query: str) -> None:
    from sentence_transformers import CrossEncoder

    theirs = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity(), max_length=512)
    expected = theirs.predict([(query, passage) for passage in PASSAGES], show_progress_bar=False).tolist()
    assert score(load(folder, truncation="longest_first"), query) == pytest.approx(expected, abs=1e-5)


def test_the_display_score_is_the_one_that_sentence_transformers_shows(tiny_xlmr: Path, tiny_bert: Path) -> None:
    from sentence_transformers import CrossEncoder

    for path in (tiny_xlmr, tiny_bert):
        scorer = load(path, truncation="longest_first")
        expected = CrossEncoder(str(path), device="cpu").predict([(QUERIES[0], p) for p in PASSAGES]).tolist()
        assert [scorer.scale.display(x) for x in score(scorer, QUERIES[0])] == pytest.approx(expected, abs=1e-5)


def test_one_label_without_a_stored_activation_is_shown_through_a_sigmoid(tiny_xlmr: Path) -> None:
    scale = load(tiny_xlmr).scale
    assert (scale.name, scale.activation, scale.level) == ("logit", "sigmoid", False)


def test_a_stored_identity_shows_the_raw_output(tiny_bert: Path) -> None:
    assert load(tiny_bert).scale.activation == "identity"


def test_two_labels_give_log_odds_whose_sigmoid_is_the_second_softmax(tmp_path: Path) -> None:
    folder = checkpoints.tiny_xlmr(tmp_path / "two", n_labels=2)
    scorer = load(folder)
    expected = plain_logits(folder, QUERIES[0], truncation="only_second").softmax(dim=1)[:, 1].tolist()
    assert [sigmoid(x) for x in score(scorer, QUERIES[0])] == pytest.approx(expected, abs=1e-5)
    assert scorer.scale == LOG_ODDS


def test_neighbours_do_not_change_a_score_in_fp32(folder: Path) -> None:
    scorer = load(folder)
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-5)
    assert scorer.logits(pairs[::-1])[::-1] == pytest.approx(together, abs=1e-5)


def test_a_plan_of_batches_gives_every_passage_its_own_score(tiny_xlmr: Path) -> None:
    scorer = load(tiny_xlmr)
    pairs = scorer.encode(QUERIES[1], PASSAGES)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=600):
        for index, logit in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = logit
    assert found == pytest.approx(scorer.logits(pairs), abs=1e-5)


def test_bf16_rounds_the_encoder_and_not_the_head(folder: Path) -> None:
    exact, rounded = load(folder), load(folder, "bf16")
    assert rounded.spec.precision == "bf16"
    logits = score(rounded, QUERIES[0])
    assert logits == pytest.approx(score(exact, QUERIES[0]), abs=0.3)
    # A bf16 head would only give multiples of 2^-7 between 1 and 2, and coarser ones above.
    assert any(logit != float(torch.tensor(logit).to(torch.bfloat16)) for logit in logits)


def test_weights_shipped_in_fp16_are_widened_for_fp32(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_xlmr, tmp_path / "half"))
    tensors = {name: tensor.half() for name, tensor in load_file(twin / "model.safetensors").items()}
    save_file(tensors, twin / "model.safetensors", metadata={"format": "pt"})
    checkpoints.edit_json(twin / "config.json", dtype="float16")
    expected = plain_logits(twin, QUERIES[0], truncation="only_second")[:, 0].tolist()
    assert score(load(twin), QUERIES[0]) == pytest.approx(expected, abs=1e-5)


def test_fp16_on_a_cpu_is_replaced_and_said(tiny_xlmr: Path) -> None:
    spec = load(tiny_xlmr, "fp16").spec
    assert (spec.precision, spec.replaced) == ("fp32", ("fp16 does not run on this CPU; fp32 was used.",))


def test_the_spec_says_what_ran(tiny_xlmr: Path) -> None:
    spec = load(tiny_xlmr).spec
    assert (spec.model_id, spec.revision, spec.kind) == (str(tiny_xlmr), None, "reranker")
    assert (spec.device, spec.max_length, spec.truncation) == ("cpu", 512, "only_second")
    assert len(spec.fingerprint) == 64


def test_another_limit_shares_the_weights(tiny_xlmr: Path) -> None:
    scorer: Any = load(tiny_xlmr)
    other = scorer.view(ModelChoice(str(tiny_xlmr), max_length=64, truncation="longest_first"))
    assert (other.spec.max_length, other.spec.truncation, other.spec.fingerprint) == (
        64,
        "longest_first",
        scorer.spec.fingerprint,
    )
    assert other._model is scorer._model
    assert max(len(pair.input_ids) for pair in other.encode("hi", PASSAGES)) == 64
    assert scorer.spec.max_length == 512


def test_an_instruction_goes_straight_before_the_query(tiny_xlmr: Path) -> None:
    scorer = load(tiny_xlmr)
    assert scorer.encode("panda", ["hi"], instruction="what is ") == scorer.encode("what is panda", ["hi"])


def test_no_pairs_give_no_logits(tiny_xlmr: Path) -> None:
    assert load(tiny_xlmr).logits([]) == []


def test_weights_that_an_inner_layer_lacks_are_refused(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_xlmr, tmp_path / "holes"))
    tensors = load_file(twin / "model.safetensors")
    hole = "roberta.encoder.layer.1.output.dense.weight"
    save_file({n: t.clone() for n, t in tensors.items() if n != hole}, twin / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelBroken, match=rf"lacks weights that its architecture needs \({hole}\)"):
        load(twin)


def test_nan_weights_fail_the_check(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_xlmr, tmp_path / "nan"))
    tensors = {name: tensor.clone() for name, tensor in load_file(twin / "model.safetensors").items()}
    tensors["classifier.out_proj.bias"].fill_(float("nan"))
    save_file(tensors, twin / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelBroken, match=r"failed its check at load \(Finite: the output holds nan\)"):
        load(twin)


def test_a_damaged_tokenizer_is_refused(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_xlmr, tmp_path / "words"))
    (twin / "tokenizer.json").write_text("{half")
    with pytest.raises(ModelBroken, match=r"The tokenizer of .* cannot be read"):
        load(twin)


def test_loading_says_nothing_on_the_console(tiny_bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    score(load(tiny_bert), QUERIES[2])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_failed_allocations_are_known_as_such(error: Exception) -> None:
    assert pretrained.is_out_of_memory(error)
    assert not pretrained.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
