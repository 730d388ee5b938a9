"""Rerankers that score after several of their layers score there as FlagEmbedding does, token by token."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.core.scales import LOGIT
from playground.core.types import ModelChoice, Passage, PrecisionName, RerankRequest
from playground.engine.engine import Engine
from playground.models import kinds
from playground.models.batching import plan
from playground.models.layers import Depth, depth_of
from playground.models.layerwise import pooled
from playground.models.loading import load_scorer
from playground.models.named import split
from playground.models.weights import read_header
from tests.checkpoints import edit_json
from tests.models import layerwise_checkpoints as checkpoints

PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "The train to the coast leaves at seven in the morning, and the museum opens late. " * 6,
    "打开设置页面，选择安全，然后点击重置按钮。" * 12,
    "hi",
    "",
    "  spaces,\n\nand lines \t",
    "{braces} and 🐼",
)
QUERIES = ("what is panda?", "大熊猫吃什么？")
LONG_QUERY = "how do I reset my password and where is it? " * 12
PAIRS = [
    *((QUERIES[0], passage) for passage in PASSAGES),
    *((QUERIES[1], passage) for passage in PASSAGES[:4]),
    *((LONG_QUERY, passage) for passage in PASSAGES[2:4]),
]
TASK = "Is the passage about animals? 关于动物吗？"
LAYERS = ("layer=2", "layer=4", "layer=6")
DEPTHS = (
    "layer=6,ratio=1",
    "layer=2,ratio=1",
    "layer=3,ratio=2,at=2",
    "layer=6,ratio=2,at=1+4",
    "layer=5,ratio=4,at=3",
)
MODELS = {
    "LayerWiseFlagLLMReranker": ("bge-reranker-v2-minicpm-layerwise", LAYERS),
    "LightWeightFlagLLMReranker": ("bge-reranker-v2.5-gemma2-lightweight", DEPTHS),
}
CASES = [(library, option) for library, (_, options) in MODELS.items() for option in options]
# (instruction, maximum length): on both sides of the limit.
SETTINGS = ((None, 96), (TASK, 64), (None, 512))

PROGRAM = """
import json, torch, FlagEmbedding

torch.set_num_threads(1)
answers = []
for job in json.loads(argv[0]):
    reranker = getattr(FlagEmbedding, job["library"])(job["folder"], use_fp16=True, devices=["cpu"])
    fed = []
    def look(module, args, kwargs):
        rows = zip(kwargs["input_ids"].tolist(), kwargs["attention_mask"].tolist())
        fed.append([[id for id, kept in zip(*row) if kept] for row in rows])
    reranker.model.register_forward_pre_hook(look, with_kwargs=True)
    for case in job["cases"]:
        together = reranker.compute_score(job["pairs"], batch_size=5, **case)
        alone = []
        fed.clear()
        for pair in job["pairs"]:
            alone += reranker.compute_score([pair], **case)
        answers.append([together, alone, [rows[0] for rows in fed[1::2]]])
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("layerwise")
    tiny = (checkpoints.tiny_minicpm, checkpoints.tiny_cost_wise)
    return {library: build(root / MODELS[library][0]) for library, build in zip(MODELS, tiny, strict=True)}


@pytest.fixture(scope="module")
def answers(folders: dict[str, Path], beside_layerwise: Interpreter) -> dict[tuple[str, str, int], Any]:
    """By library, depth and maximum length: (scores in batches, scores one by one, ids)."""
    jobs = [
        {
            "library": library,
            "folder": str(folders[library]),
            "pairs": PAIRS,
            "cases": [_case(option, *setting) for option in options for setting in SETTINGS],
        }
        for library, (_, options) in MODELS.items()
    ]
    found = beside_layerwise.run(PROGRAM, "answers", json.dumps(jobs))
    keys = [(library, option, length) for library, option in CASES for _, length in SETTINGS]
    return dict(zip(keys, found, strict=True))


def _case(option: str, task: str | None, max_length: int) -> dict[str, Any]:
    named = split(f"m#{option}")
    case: dict[str, Any] = {"cutoff_layers": [int(named.layer)], "prompt": task, "max_length": max_length}
    if named.ratio:
        at = [int(place) for place in named.at.split("+") if place]
        case |= {"compress_ratio": int(named.ratio), "compress_layers": at}
    return case


def load(folder: Path, option: str = "", max_length: int | None = None, precision: PrecisionName = "fp32") -> Any:
    model_id = f"{folder}#{option}" if option else str(folder)
    return load_scorer(ModelChoice(model_id, device="cpu", precision=precision, max_length=max_length))


def encoded(scorer: Any, task: str | None = None, pairs: Sequence[tuple[str, str]] = PAIRS) -> list[Any]:
    return [scorer.encode(query, [passage], task)[0] for query, passage in pairs]


@pytest.mark.parametrize(("task", "max_length"), SETTINGS)
@pytest.mark.parametrize(("library", "option"), CASES)
def test_each_depth_scores_as_flag_embedding_alone_and_in_its_padded_batches(
    folders: dict[str, Path], answers: dict[Any, Any], library: str, option: str, task: str | None, max_length: int
) -> None:
    scorer = load(folders[library], option, max_length)
    pairs = encoded(scorer, task)
    together, alone, ids = answers[library, option, max_length]
    assert [list(pair.input_ids) for pair in pairs] == ids
    logits = scorer.logits(pairs)
    assert logits == pytest.approx(together, abs=1e-4)
    assert logits == pytest.approx(alone, abs=1e-4)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(alone, abs=1e-4)
    assert any(pair.n_cut for pair in pairs) or max_length == 512
    assert not all(pair.n_cut for pair in pairs)
    assert len({round(logit, 3) for logit in logits}) > len(logits) // 2


@pytest.mark.parametrize(("library", "option"), CASES)
def test_neighbours_do_not_change_a_score(folders: dict[str, Path], library: str, option: str) -> None:
    scorer = load(folders[library], option)
    pairs = encoded(scorer)
    together = scorer.logits(pairs)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=600):
        for index, logit in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = logit
    assert found == pytest.approx(together, abs=1e-4)
    assert scorer.logits([]) == []


def test_the_last_mean_is_of_what_is_left_and_query_and_prompt_stay() -> None:
    hidden = torch.arange(9.0)[:, None]
    assert pooled(hidden, (2, 7), 2).flatten().tolist() == [0, 1, 2.5, 4.5, 6, 7, 8]
    assert pooled(hidden, (2, 7), 8).flatten().tolist() == [0, 1, 4, 7, 8]


@pytest.mark.parametrize("library", MODELS)
def test_all_layers_are_loaded_and_only_those_up_to_the_chosen_one_run(folders: dict[str, Path], library: str) -> None:
    scorer = load(folders[library], "layer=2")
    views = [scorer.view(ModelChoice(f"{folders[library]}#layer={layer}")) for layer in (4, 6)]
    assert [view.memory_mib for view in views] == [scorer.memory_mib] * 2
    # All of the file but the heads, which are one row for each layer.
    whole = sum(math.prod(info.shape) for info in read_header(folders[library] / "model.safetensors").values())
    assert scorer.memory_mib == pytest.approx(4 * whole / 2**20, rel=0.01)
    ran: list[int] = []
    for place, layer in enumerate(scorer._model.layers, 1):
        layer.register_forward_hook(lambda *_, place=place: ran.append(place))
    for view, last in zip((scorer, *views), (2, 4, 6), strict=True):
        view.logits(encoded(view)[:2])
        assert ran == list(range(1, last + 1))
        ran.clear()
    assert {view.scale for view in views} == {LOGIT}


@pytest.mark.parametrize(("library", "option"), [CASES[1], CASES[5]])
def test_bf16_is_loaded_as_such_and_stays_near(folders: dict[str, Path], library: str, option: str) -> None:
    exact, rounded = load(folders[library], option), load(folders[library], option, precision="bf16")
    assert rounded.memory_mib == pytest.approx(exact.memory_mib / 2, rel=0.01)
    assert rounded.logits(encoded(rounded)) == pytest.approx(exact.logits(encoded(exact)), abs=0.6)


def test_a_result_says_its_layer_and_two_layers_share_no_score(folders: dict[str, Path]) -> None:
    folder = folders["LayerWiseFlagLLMReranker"]
    passages = tuple(Passage(str(n), text) for n, text in enumerate(PASSAGES[:3]))
    engine = Engine(offline=True)
    ids = [f"{folder}#layer=2", f"{folder}#layer=4", f"{folder}#layer=6", str(folder)]
    found = [
        [*engine.rerank(RerankRequest(QUERIES[0], passages), ModelChoice(id, device="cpu"))][-1].result for id in ids
    ]
    engine.close()
    assert [result.spec.model_id for result in found] == [*ids[:3], ids[2]]
    assert [result.n_cached for result in found] == [0, 0, 0, 3]
    assert len({result.spec.fingerprint for result in found}) == 3
    assert len({scored.logit for result in found[:3] for scored in result}) == 9


def test_an_id_says_what_was_run_and_what_has_no_effect_is_left_out(folders: dict[str, Path]) -> None:
    minicpm, gemma2 = folders.values()
    assert load(minicpm).spec.model_id == load(minicpm, "prompt=bge-layerwise,layer=6").spec.model_id
    asked = {
        "": "layer=6,ratio=1",
        "layer=3": "layer=3,ratio=1",
        "layer=5,ratio=2,at=3+2": "layer=5,ratio=2,at=2+3",
        "at=2,ratio=2,layer=2": "layer=2,ratio=1",
        "layer=4,ratio=1,at=2": "layer=4,ratio=1",
    }
    assert [load(gemma2, option).spec.model_id.partition("#")[2] for option in asked] == [*asked.values()]


@pytest.mark.parametrize(
    ("library", "option", "said"),
    [
        ("LayerWiseFlagLLMReranker", "layer=1", "scores after the layers 2-6, and not after layer 1"),
        ("LayerWiseFlagLLMReranker", "layer=7", "scores after the layers 2-6, and not after layer 7"),
        ("LayerWiseFlagLLMReranker", "layer=last", "scores after the layers 2-6, and not after layer last"),
        ("LayerWiseFlagLLMReranker", "layer=4,ratio=2", "cannot compress"),
        ("LightWeightFlagLLMReranker", f"layer={'9' * 5000}", "scores after the layers 2-6"),
        ("LightWeightFlagLLMReranker", "layer=-2", "scores after the layers 2-6, and not after layer -2"),
        ("LightWeightFlagLLMReranker", "ratio=3,at=2", r"of 1, 2, 4 or 8 .* layers 1-5 .*; ratio 3 at 2 is not"),
        ("LightWeightFlagLLMReranker", "ratio=2,at=2+6", r"layers 1-5 \(at\); ratio 2 at 2\+6 is not among them"),
        ("LightWeightFlagLLMReranker", "ratio=2,at=0", "ratio 2 at 0 is not among them"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_what_can(
    folders: dict[str, Path], library: str, option: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        load(folders[library], option)


def test_another_model_has_no_layer_to_choose(tiny_bert: Path) -> None:
    with pytest.raises(InvalidInput, match="scores after its last layer only: leave out what follows #"):
        load(tiny_bert, "layer=2")


def test_the_makers_depth_is_taken_where_the_model_is_theirs() -> None:
    config = {"start_layer": 8, "num_hidden_layers": 40}
    assert depth_of("m", "LayerWiseMiniCPMForCausalLM", config, split("m")) == Depth(
        28, "lm_head.20.linear_head.weight"
    )
    assert depth_of("m", "LayerWiseMiniCPMForCausalLM", {"num_hidden_layers": 40}, split("m#layer=8")) is not None
    config = {"start_layer": 8, "layer_sep": 1, "num_hidden_layers": 42, "layer_wise": True}
    depth = depth_of("m", "CostWiseGemmaForCausalLM", config, split("m"))
    assert depth == Depth(28, "lm_head.0.linear_head.weight", 2, (24,), compresses=True)
    assert depth.option == "layer=28,ratio=2,at=24"
    assert depth_of("m", "Qwen3ForCausalLM", config, split("m")) is None
    with pytest.raises(InvalidInput, match="scores after the layers 8, 22, 36, and not after layer 28"):
        depth_of("m", "CostWiseGemmaForCausalLM", config | {"layer_sep": 14}, split("m#layer=28"))


@pytest.mark.parametrize(
    ("library", "change", "said"),
    [
        ("LayerWiseFlagLLMReranker", {"head_type": "raw"}, "has a head over its vocabulary"),
        ("LayerWiseFlagLLMReranker", {"head_multi": False}, "has a head over its vocabulary"),
        ("LightWeightFlagLLMReranker", {"layer_wise": False}, "has a head over its vocabulary"),
        ("LayerWiseFlagLLMReranker", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "scales its positions"),
        ("LayerWiseFlagLLMReranker", {"num_hidden_layers": 7}, "lacks the weights of its scoring head"),
    ],
)
def test_heads_and_positions_of_another_kind_are_refused(
    folders: dict[str, Path], tmp_path: Path, library: str, change: dict[str, object], said: str
) -> None:
    twin = Path(shutil.copytree(folders[library], tmp_path / folders[library].name))
    edit_json(twin / "config.json", **change)
    with pytest.raises(ModelUnsuitable, match=said):
        load(twin)


def test_the_code_of_the_repository_is_not_run_and_a_tokenizer_of_its_own_is_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = folders["LayerWiseFlagLLMReranker"]
    assert (folder / "remote.py").read_text(encoding="utf-8") == checkpoints.REMOTE_CODE
    assert load(folder).spec.architecture == "LayerWiseMiniCPMForCausalLM"
    twin = Path(shutil.copytree(folder, tmp_path / folder.name))
    edit_json(twin / "tokenizer_config.json", auto_map={"AutoTokenizer": ["remote.Tokenizer", None]})
    with pytest.raises(ModelUnsuitable, match="needs Python code from its repository, which is never run here"):
        load(twin)
    assert not set(kinds.INSTEAD) & {"LayerWiseMiniCPMForCausalLM", "CostWiseGemmaForCausalLM"}
