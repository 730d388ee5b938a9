"""Embedders with prompts, decoders and linear steps give the vectors of sentence-transformers on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from playground.core.errors import InvalidInput, ModelBroken
from playground.core.protocols import Embedder
from playground.core.types import ModelChoice
from playground.models.bi_encoder import BiEncoder
from playground.models.embedder_files import LLM_EMBEDDER_TASKS
from playground.models.loading import load_embedder
from playground.models.resolve import resolve
from tests import embedder_checkpoints as checkpoints
from tests.checkpoints import edit_json

QUERIES = ("what is panda?", "如何重置我的账户密码？", "How do I reset the password of my account? " * 20)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 30,
    "打开设置页面，选择安全，然后点击重置按钮。" * 30,
    "hi",
)
FAMILIES = ["multilingual-e5", "gte-modernbert", "qwen3", "qwen3-right", "qwen2", "embeddinggemma"]


def built(name: str, path: Path) -> Path:
    match name:
        case "multilingual-e5":
            return checkpoints.tiny_multilingual_e5(path)
        case "gte-modernbert":
            return checkpoints.tiny_modernbert_embedder(path)
        case "qwen3" | "qwen3-right":
            return checkpoints.tiny_qwen_embedder(path, padding_side="right" if name.endswith("right") else "left")
        case "qwen2":
            return checkpoints.tiny_qwen_embedder(path, version=2)
        case _:
            return checkpoints.tiny_embeddinggemma(path)


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(request.param, tmp_path_factory.mktemp(request.param) / "model")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_bert_embedder(tmp_path_factory.mktemp("bert") / "model")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.tiny_embeddinggemma(tmp_path_factory.mktemp("gemma") / "model")


def loaded(model: object, max_length: int | None = None) -> Embedder:
    choice = ModelChoice(str(model), kind="embedder", device="cpu", precision="fp32", max_length=max_length)
    return load_embedder(choice, run_checks=False)


def theirs(folder: Path, max_length: int) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = max_length
    return model


def both(embedder: Embedder) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    queries = embedder.vectors(embedder.encode(QUERIES, embedder.query_instruction))
    return queries, embedder.vectors(embedder.encode(PASSAGES, embedder.spec.passage_instruction))


@pytest.mark.parametrize("max_length", [512, 64])
def test_query_and_passages_agree_with_sentence_transformers(folder: Path, max_length: int) -> None:
    reference = theirs(folder, max_length)
    queries, passages = both(loaded(folder, max_length))
    assert queries == pytest.approx(reference.encode_query(list(QUERIES), normalize_embeddings=True), abs=1e-5)
    assert passages == pytest.approx(reference.encode_document(list(PASSAGES), normalize_embeddings=True), abs=1e-5)


def test_a_batch_of_one_gives_the_vector_of_a_batch_of_many(folder: Path) -> None:
    embedder = loaded(folder)
    encoded = embedder.encode(PASSAGES, embedder.spec.passage_instruction)
    alone = np.concatenate([embedder.vectors([text]) for text in encoded])
    assert alone == pytest.approx(embedder.vectors(encoded), abs=1e-5)


def test_a_text_of_qwen3_embedding_ends_with_its_last_token_however_long_it_is(tmp_path: Path) -> None:
    embedder = loaded(checkpoints.tiny_qwen_embedder(tmp_path / "m"), 64)
    short, long = embedder.encode([PASSAGES[0], PASSAGES[2]])
    assert short.input_ids[-1] == long.input_ids[-1] == embedder.resolved.config["eos_token_id"]  # type: ignore[attr-defined]
    assert (len(long.input_ids), long.n_tokens) == (64, 63)


@pytest.mark.parametrize("task", [*LLM_EMBEDDER_TASKS, "e5"])
def test_a_task_chooses_what_goes_before_query_and_passages(bert: Path, task: str) -> None:
    embedder = loaded(f"{bert}#task={task}")
    query, passage = embedder.query_instruction, embedder.spec.passage_instruction
    assert (query, passage) == LLM_EMBEDDER_TASKS.get(task, ("query: ", "passage: "))
    assert embedder.spec.model_id == f"{bert}#task={task}"
    reference, (queries, passages) = theirs(bert, 512), both(embedder)
    assert queries == pytest.approx(reference.encode(list(QUERIES), prompt=query), abs=1e-5)
    assert passages == pytest.approx(reference.encode(list(PASSAGES), prompt=passage), abs=1e-5)


def test_the_same_weights_under_another_task_are_another_model(bert: Path) -> None:
    prints = {loaded(f"{bert}{option}").spec.fingerprint for option in ("", "#task=qa", "#task=chat")}
    assert len(prints) == 3


def test_a_prompt_that_the_files_name_is_a_task_for_query_and_passages(gemma: Path) -> None:
    embedder = loaded(f"{gemma}#task=STS")
    prompt = "task: sentence similarity | query: "
    assert (embedder.query_instruction, embedder.spec.passage_instruction) == (prompt, prompt)


def test_tokens_count_what_goes_before_a_text_and_characters_do_not(gemma: Path) -> None:
    embedder = loaded(gemma, 64)
    before = embedder.spec.passage_instruction
    (plain,), (behind,) = embedder.encode([PASSAGES[0]]), embedder.encode([PASSAGES[0]], before)
    assert behind.n_tokens > plain.n_tokens
    assert plain.n_chars_read == behind.n_chars_read == len(PASSAGES[0])
    (cut,), (less,) = embedder.encode([PASSAGES[2]]), embedder.encode([PASSAGES[2]], before)
    assert 0 < less.n_chars_read < cut.n_chars_read
    assert less.n_cut - cut.n_cut == behind.n_tokens - plain.n_tokens


def test_an_instruction_that_fills_the_whole_length_is_refused(bert: Path) -> None:
    embedder = loaded(bert, 32)
    with pytest.raises(InvalidInput, match="takes all of the 32 tokens and leaves no room"):
        embedder.encode(["hi"], "Represent this query for retrieving relevant documents: " * 9)


@pytest.mark.parametrize("activation", ["activation.Tanh", "linear.Identity", "activation.GELU"])
def test_a_linear_step_with_bias_and_activation_agrees(tmp_path: Path, activation: str) -> None:
    folder = checkpoints.tiny_bert_embedder(tmp_path / "m")
    checkpoints.write_modules(folder, ["Pooling", "Dense"])
    checkpoints.add_dense(folder, 2, (32, 24), activation, bias=True)
    embedder = loaded(folder)
    assert embedder.vectors([]).shape == (0, 24)
    assert embedder.spec.n_parameters == loaded_without_dense(folder) + 33 * 24
    reference = theirs(folder, 512).encode(list(PASSAGES), normalize_embeddings=True)
    assert embedder.vectors(embedder.encode(PASSAGES)) == pytest.approx(reference, abs=1e-5)


def loaded_without_dense(folder: Path) -> int:
    return sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())


def test_other_weights_of_a_linear_step_are_another_model_and_missing_ones_are_refused(tmp_path: Path) -> None:
    folder = checkpoints.tiny_embeddinggemma(tmp_path / "m")
    before = loaded(folder).spec.fingerprint
    weights = folder / "3_Dense" / "model.safetensors"
    save_file({"linear.weight": torch.ones(32, 96)}, weights)
    assert loaded(folder).spec.fingerprint != before
    save_file({"linear.weight": torch.ones(32, 95)}, weights)
    with pytest.raises(ModelBroken, match=r"3_Dense/model\.safetensors is damaged"):
        loaded(folder)
    weights.unlink()
    with pytest.raises(ModelBroken, match=r"3_Dense/model\.safetensors is missing from the model"):
        loaded(folder)


def test_embeddinggemma_never_runs_in_fp16(gemma: Path) -> None:
    choice = ModelChoice(str(gemma), kind="embedder")
    embedder = BiEncoder.load(resolve(choice), choice, "cpu", "fp16")
    assert (embedder.spec.precision, embedder.spec.replaced) == (
        "fp32",
        ("The numbers inside this model are too large for fp16; fp32 was used.",),
    )
    assert np.isfinite(embedder.vectors(embedder.encode(PASSAGES))).all()


def test_embeddinggemma_reads_both_ways(gemma: Path, tmp_path: Path) -> None:
    one_way = checkpoints.tiny_embeddinggemma(tmp_path / "m")
    edit_json(one_way / "config.json", use_bidirectional_attention=False)
    assert not np.allclose(both(loaded(gemma))[1], both(loaded(one_way))[1], atol=1e-2)
