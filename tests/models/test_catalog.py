"""The catalogue says what FACTS and the model cards say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from playground.core.scales import COSINE, LOGIT, PLAIN_LOGIT, TRAINED_LOGIT
from playground.models import FAMILIES
from playground.models.catalog import entries, find
from playground.models.embedder_files import LLM_EMBEDDER_TASKS, TASKS
from playground.models.prompts import PROMPTS
from tests.embedder_checkpoints import GEMMA_PROMPTS, QWEN_PROMPTS


def test_ids_are_unique_and_every_family_is_registered() -> None:
    ids = [entry.id for entry in entries()]
    assert len(set(ids)) == len(ids)
    assert {entry.family for entry in entries()} == set(FAMILIES)


def test_the_models_of_the_first_release_are_there() -> None:
    bge = {f"BAAI/bge-{size}-{language}-v1.5" for size in ("small", "base", "large") for language in ("en", "zh")}
    others = {
        "BAAI/bge-reranker-base",
        "BAAI/bge-reranker-large",
        "BAAI/bge-reranker-v2-m3",
        "BAAI/bge-m3",
        "cross-encoder/ms-marco-MiniLM-L6-v2",
        "sentence-transformers/all-MiniLM-L6-v2",
        "built-in/mini-reranker",
        "built-in/mini-embedder",
    }
    assert bge | others <= {entry.id for entry in entries()}


def test_a_language_model_has_the_scale_and_the_instruction_of_its_prompt() -> None:
    asked = {entry.id: entry for entry in entries() if entry.family in {prompt.family for prompt in PROMPTS.values()}}
    assert {
        "castorini/monot5-base-msmarco-10k",
        "Qwen/Qwen3-Reranker-8B",
        "BAAI/bge-reranker-v2-gemma",
        "BAAI/bge-reranker-v2-minicpm-layerwise",
        "BAAI/bge-reranker-v2.5-gemma2-lightweight",
        "mixedbread-ai/mxbai-rerank-large-v2",
    } <= set(asked)
    for id, entry in asked.items():
        (prompt,) = [prompt for prompt in PROMPTS.values() if any(name and name in id.lower() for name in prompt.names)]
        assert (entry.score_scale(), entry.instruction, entry.family) == (
            prompt.scale,
            prompt.instruction,
            prompt.family,
        )
        assert entry.default_max_length == prompt.max_length


@pytest.mark.parametrize(
    ("model_id", "scale"),
    [
        ("BAAI/bge-reranker-base", LOGIT),
        ("cross-encoder/ms-marco-MiniLM-L6-v2", PLAIN_LOGIT),
        ("built-in/mini-reranker", TRAINED_LOGIT),
        ("BAAI/bge-m3", COSINE),
    ],
)
def test_each_scale_says_what_training_gave_it(model_id: str, scale: object) -> None:
    entry = find(model_id)
    assert entry is not None
    assert entry.score_scale() == scale


def test_an_id_with_options_is_of_the_same_entry_and_published_scores_name_theirs() -> None:
    entry = find("BAAI/bge-reranker-v2.5-gemma2-lightweight#layer=25,ratio=2,at=8")
    assert entry is not None
    assert entry is find("BAAI/bge-reranker-v2.5-gemma2-lightweight")
    assert [(pair.score, pair.option) for pair in entry.golden] == [(14.734375, "layer=28,ratio=2,at=24")]


def test_v2_m3_allows_8192_tokens_and_uses_512() -> None:
    entry = find("BAAI/bge-reranker-v2-m3")
    assert entry is not None
    assert (entry.max_length, entry.default_max_length) == (8192, 512)


def test_the_english_instruction_ends_in_a_space_and_the_chinese_in_a_full_width_colon() -> None:
    small_en, small_zh, m3 = find("BAAI/bge-small-en-v1.5"), find("BAAI/bge-small-zh-v1.5"), find("BAAI/bge-m3")
    assert small_en is not None
    assert small_zh is not None
    assert m3 is not None
    assert small_en.instruction == "Represent this sentence for searching relevant passages: "
    assert small_zh.instruction == "为这个句子生成表示以用于检索相关文章："
    assert m3.instruction == ""


@pytest.mark.parametrize(
    ("model_id", "query", "passage", "pooling"),
    [
        *((f"intfloat/e5-{size}-v2", "query: ", "passage: ", "mean") for size in ("small", "base", "large")),
        *((f"intfloat/multilingual-e5-{size}", "query: ", "passage: ", "mean") for size in ("small", "base", "large")),
        *((f"Qwen/Qwen3-Embedding-{size}", QWEN_PROMPTS["query"], "", "last") for size in ("0.6B", "4B", "8B")),
        ("google/embeddinggemma-300m", GEMMA_PROMPTS["query"], GEMMA_PROMPTS["document"], "mean"),
        ("BAAI/llm-embedder", *LLM_EMBEDDER_TASKS["qa"], "cls"),
        ("Alibaba-NLP/gte-modernbert-base", "", "", "cls"),
    ],
)
def test_an_embedder_has_the_prompts_and_the_pooling_of_its_makers(
    model_id: str, query: str, passage: str, pooling: str
) -> None:
    entry = find(model_id)
    assert entry is not None
    assert (entry.instruction, entry.passage_instruction, entry.pooling) == (query, passage, pooling)
    assert entry.score_scale() == COSINE


def test_llm_embedder_has_its_six_tasks_of_which_the_first_is_its_own() -> None:
    entry = find("BAAI/llm-embedder")
    assert entry is not None
    assert entry.tasks == tuple(LLM_EMBEDDER_TASKS)
    assert TASKS[entry.tasks[0]] == (entry.instruction, entry.passage_instruction)
    assert all(set(each.tasks) <= set(TASKS) for each in entries())


def test_bge_reranker_base_has_its_published_scores() -> None:
    entry = find("baai/BGE-reranker-base")
    assert entry is not None
    scores = [(pair.query, round(pair.score, 4), pair.precision) for pair in entry.golden]
    assert scores == [
        ("query", 0.4475, "fp32"),
        ("what is panda?", -8.1544, "fp32"),
        ("what is panda?", 6.1821, "fp32"),
    ]


def test_the_catalogue_and_resolving_import_no_torch() -> None:
    code = (
        "import sys, playground.models.catalog as c, playground.models.resolve; c.entries();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
