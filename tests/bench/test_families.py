"""The table of families: every shape is built, loaded and scored as any model is, and what is too big is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from playground.bench import checkpoints, families, tables
from playground.bench.__main__ import app
from playground.bench.shapes import SHAPES, Shape
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice
from playground.models import FAMILIES
from playground.models.loading import load_embedder, load_scorer

# Parameters that the makers name, in millions: the shapes are theirs.
KNOWN = {
    "BAAI/bge-reranker-base": 278,
    "BAAI/bge-reranker-v2-m3": 568,
    "cross-encoder/ms-marco-MiniLM-L6-v2": 23,
    "mixedbread-ai/mxbai-rerank-xsmall-v1": 71,
    "Alibaba-NLP/gte-reranker-modernbert-base": 150,
    "Alibaba-NLP/gte-multilingual-reranker-base": 306,
    "Qwen/Qwen3-Reranker-0.6B": 596,
    "Qwen/Qwen3-Reranker-4B": 4022,
    "mixedbread-ai/mxbai-rerank-base-v2": 494,
    "BAAI/bge-reranker-v2-gemma": 2506,
    "castorini/monot5-base-msmarco": 223,
}
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "head_dim": 8,
    "pooler_hidden_size": 32,
    "vocab_size": 8100,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
}


def small(shape: Shape) -> Shape:
    config = {name: SMALL.get(name, value) for name, value in shape.config.items()}
    said = shape.said | ({"start_layer": 1} if "start_layer" in shape.said else {})
    return replace(shape, config=config, said=said, option="" if shape.family == "layerwise" else shape.option)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.model)
def test_each_shape_is_built_with_all_weights_and_scores(shape: Shape, tmp_path: Path) -> None:
    folder = tmp_path / shape.model.rpartition("/")[2]
    checkpoints.write(small(shape), folder)
    choice = ModelChoice(f"{folder}{small(shape).option}", kind=shape.kind, device="cpu", max_length=256)
    model: Any = (load_embedder if shape.kind == "embedder" else load_scorer)(choice, run_checks=False)
    assert model.spec.family == shape.family
    text = "The panda eats bamboo in the mountains. " * 90
    if shape.kind == "embedder":
        assert model.vectors(model.encode([text, "hi"])).shape[0] == 2
    else:
        pairs = model.encode("what is panda?", [text, "hi"])
        assert 200 < len(pairs[0].input_ids) < 450
        assert len(model.logits(pairs)) == 2


def test_the_shapes_are_those_of_the_real_models_and_all_families_are_there() -> None:
    assert {shape.family for shape in SHAPES} == set(FAMILIES)
    found = {
        shape.model: sum(tensor.numel() for tensor in checkpoints.empty(shape).parameters()) / 1e6
        for shape in SHAPES
        if shape.model in KNOWN
    }
    assert found == pytest.approx(KNOWN, rel=0.015)


def test_what_does_not_fit_is_listed_with_what_it_needs() -> None:
    (row,) = families.rows(families.chosen(["Qwen3-Reranker-8B"]), max_gib=2, precision="bf16")
    assert row.measured is None
    assert 15 < row.needs_gib < 18
    assert row.reason == f"not run: needs about {row.needs_gib:.1f} GiB"
    line = tables.markdown([row], families.COLUMNS).splitlines()[2]
    assert line.startswith("| causal_lm | Qwen/Qwen3-Reranker-8B | Qwen3ForCausalLM | 8,189 M |")
    with pytest.raises(InvalidInput, match=r"No family or model is called gpt\. Known are bi_encoder, causal_lm"):
        families.chosen(["gpt"])


def test_a_measurement_counts_all_pairs_and_travels_between_processes(tmp_path: Path) -> None:
    checkpoints.write(small(SHAPES[0]), tmp_path / "m")
    measured = families.measure(str(tmp_path / "m"), "reranker", "fp32")
    assert (measured.precision, measured.n_pairs, measured.n_tokens) == ("fp32", 16, 16 * 256)
    assert measured.seconds > 0
    assert measured.peak_rss_mib > measured.memory_mib > 1
    assert families.Measured(**json.loads(families.said(measured))) == measured
    row = families.FamilyRow("cross_encoder", "m", "Bert", 1, 1.0, measured)
    assert json.loads(tables.as_json([row]))["rows"][0]["measured"]["n_pairs"] == 16


def test_the_command_prints_the_table_with_what_was_not_run() -> None:
    done = CliRunner().invoke(app, ["families", "--only", "minicpm", "--max-gib", "1"])
    assert done.exit_code == 0
    head, _, line = done.stdout.splitlines()
    assert head.startswith("| family | shape of | class | parameters |")
    assert "bge-reranker-v2-minicpm-layerwise#layer=28 | LayerWiseMiniCPMForCausalLM" in line
    assert "not run: needs about" in line
