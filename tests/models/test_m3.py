"""bge-m3 scores in each mode as FlagEmbedding's `BGEM3FlagModel.compute_score` does on the same weights."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput, ModelBroken, ModelUnsuitable
from playground.core.scales import COSINE, DOT, MEAN_MAXSIM, Scale
from playground.core.types import ModelChoice, PrecisionName
from playground.models.apart import matches
from playground.models.batching import plan
from playground.models.catalog import find
from playground.models.loading import load_embedder, load_scorer
from playground.models.resolve import kind_of, resolve
from tests.checkpoints import edit_json
from tests.checkpoints_apart import tiny_m3

MAKERS = "0.4dense+0.2sparse+0.4colbert"
OTHERS = "3dense+1sparse"
MODES = {"dense": "dense", "sparse": "sparse", "colbert": "colbert", MAKERS: "colbert+sparse+dense"}
QUERIES = ("what is panda?", "大熊猫吃什么？", "how do I reset my password and where is it? " * 60)
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "what is panda?",
    "  spaces,\n\nand lines \t",
    "The train to the coast leaves at seven in the morning. " * 60,
    "打开设置页面，选择安全，然后点击重置按钮。" * 60,
    "",
)
# One pair at a time: in a batch, FlagEmbedding takes the padding of a passage for tokens whose cosine is 0.
PROGRAM = """
import json
from FlagEmbedding import BGEM3FlagModel

folder, length, weights, pairs = json.loads(argv[0])
model = BGEM3FlagModel(folder, use_fp16=False, devices=["cpu"])
lengths = {"max_query_length": length, "max_passage_length": length}
answers = [model.compute_score(pair, weights_for_different_modes=weights, **lengths) for pair in pairs]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m3(tmp_path_factory.mktemp("m3"))


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "m3"))


@pytest.fixture(scope="module", params=[64, 512])
def length(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def answers(folder: Path, length: int, beside_flag_embedding: Interpreter) -> list[dict[str, float]]:
    """What FlagEmbedding gives for every query with every passage."""
    return asked(beside_flag_embedding, folder, length, [0.4, 0.2, 0.4])


def asked(interpreter: Interpreter, folder: Path, length: int, weights: list[float]) -> list[dict[str, float]]:
    pairs = [(query, passage) for query in QUERIES for passage in PASSAGES]
    found: list[dict[str, float]] = interpreter.run(
        PROGRAM, "answers", json.dumps([str(folder), length, weights, pairs])
    )
    return found


def load(folder: Path, mode: str, precision: PrecisionName = "fp32", max_length: int | None = None) -> Any:
    return load_scorer(ModelChoice(f"{folder}#mode={mode}", device="cpu", precision=precision, max_length=max_length))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_scores_as_flag_embedding(
    folder: Path, length: int, answers: list[dict[str, float]], mode: str
) -> None:
    scorer = load(folder, mode, max_length=length)
    found = [score for query in QUERIES for score in scorer.logits(scorer.encode(query, PASSAGES))]
    assert found == pytest.approx([answer[MODES[mode]] for answer in answers], abs=1e-4)
    assert max(found) - min(found) > 0.1


def test_other_weights_are_divided_by_their_sum(folder: Path, beside_flag_embedding: Interpreter) -> None:
    scorer = load(folder, OTHERS)
    found = [score for query in QUERIES for score in scorer.logits(scorer.encode(query, PASSAGES))]
    expected = asked(beside_flag_embedding, folder, 512, [3, 1, 5])
    assert found == pytest.approx([answer["sparse+dense"] for answer in expected], abs=1e-4)


def test_the_dense_mode_is_the_cosine_of_the_embedder(folder: Path) -> None:
    scorer = load(folder, "dense")
    embedder = load_embedder(ModelChoice(str(folder), kind="embedder", device="cpu", precision="fp32"))
    query, *passages = embedder.vectors(embedder.encode([QUERIES[0], *PASSAGES]))
    expected = [float(query @ passage) for passage in passages]
    assert scorer.logits(scorer.encode(QUERIES[0], PASSAGES)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_neighbours_do_not_change_a_score(folder: Path, mode: str) -> None:
    scorer = load(folder, mode)
    pairs = [pair for query in QUERIES[:2] for pair in scorer.encode(query, PASSAGES)]
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-4)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=900):
        for index, score in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = score
    assert found == pytest.approx(together, abs=1e-4)
    assert scorer.logits([]) == []


def test_a_query_is_read_once_for_all_batches_of_a_request(folder: Path) -> None:
    scorer = load(folder, "dense")
    widths: list[int] = []
    scorer._model.register_forward_pre_hook(
        lambda _, __, kwargs: widths.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    for start in (0, 2, 4):
        scorer.logits(pairs[start : start + 2])
    assert widths == [2, 1, 2, 2]


def test_each_text_is_cut_by_itself_and_the_report_says_what_was_dropped(folder: Path) -> None:
    scorer = load(folder, "dense", max_length=64)
    short, long = scorer.encode(QUERIES[2], [PASSAGES[0], PASSAGES[4]])
    assert (short.n_cut, short.n_chars_read) == (0, len(PASSAGES[0]))
    assert (len(long.input_ids), long.n_tokens) == (128, 62)
    assert long.token_type_ids == (0,) * 64 + (1,) * 64
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = tokenizer(PASSAGES[4], truncation=True, max_length=64, return_offsets_mapping=True)
    assert list(long.input_ids[64:]) == theirs["input_ids"]
    assert long.n_chars_read == max(end for _, end in theirs["offset_mapping"])
    assert long.n_tokens + long.n_cut == len(tokenizer(PASSAGES[4], add_special_tokens=False)["input_ids"])
    assert long.n_query_cut == short.n_query_cut > 0
    assert scorer.view(ModelChoice(scorer.resolved.asked)).spec.max_length == 512


def test_an_instruction_goes_before_the_query(folder: Path) -> None:
    scorer = load(folder, "dense")
    assert scorer.encode("panda", ["hi"], "what is ") == scorer.encode("what is panda", ["hi"])


def test_what_explains_a_score_adds_up_to_it(folder: Path) -> None:
    scorer = load(folder, "colbert")
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    colbert, sparse = scorer.logits(pairs), load(folder, "sparse").logits(pairs)
    for (query, passage), whole, shared in zip(scorer.readings(pairs), colbert, sparse, strict=True):
        found = matches(query.colbert, passage.colbert)
        assert sum(match.cosine for match in found) / len(found) == pytest.approx(whole, abs=1e-5)
        assert all(match.passage_place < len(passage.colbert) for match in found)
        products = [query.sparse[id] * passage.sparse[id] for id in query.sparse.keys() & passage.sparse.keys()]
        assert sum(products) == pytest.approx(shared, abs=1e-5)
        assert not {0, 1, 2, 3} & {*query.sparse, *passage.sparse}


def test_the_id_says_the_mode_and_the_weights(folder: Path) -> None:
    ids = {
        mode: load(folder, mode).spec.model_id for mode in (*MODES, "dense + 0.20*sparse+colbert", "2sparse", OTHERS)
    }
    assert ids == {
        "dense": f"{folder}#mode=dense",
        "sparse": f"{folder}#mode=sparse",
        "colbert": f"{folder}#mode=colbert",
        MAKERS: f"{folder}#mode={MAKERS}",
        "dense + 0.20*sparse+colbert": f"{folder}#mode={MAKERS}",
        "2sparse": f"{folder}#mode=sparse",
        OTHERS: f"{folder}#mode={OTHERS}",
    }
    fingerprints = {load(folder, mode).spec.fingerprint for mode in (*MODES, OTHERS)}
    assert len(fingerprints) == len(MODES) + 1


def test_the_scale_is_that_of_the_mode_or_of_the_sum(folder: Path) -> None:
    assert [load(folder, mode).scale for mode in ("dense", "sparse", "colbert")] == [COSINE, DOT, MEAN_MAXSIM]
    low = pytest.approx(-0.8)
    assert load(folder, MAKERS).scale == Scale("sum", low, math.inf, level=False, activation="identity")
    assert load(folder, "dense+colbert").scale == Scale("sum", -1.0, 1.0, level=False, activation="identity")


def test_the_catalogue_knows_each_mode_and_the_plain_name_is_still_the_embedder() -> None:
    assert kind_of("BAAI/bge-m3") == "embedder"
    for mode in (*MODES, OTHERS, "dense+sparse+colbert"):
        assert kind_of(f"BAAI/bge-m3#mode={mode}") == "reranker"
    entries = {mode: find(f"BAAI/bge-m3#mode={mode}") for mode in MODES}
    assert [entry.score_scale().name for entry in entries.values() if entry] == ["cosine", "dot", "mean-maxsim", "sum"]


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("splade", "There is no mode splade"),
        ("dense+", r"There is no mode dense\+"),
        ("-1dense+sparse", "There is no mode -1dense"),
        ("0dense+0.0colbert", r"The weights of 0dense\+0\.0colbert sum to nothing"),
    ],
)
def test_modes_that_mean_nothing_are_refused(folder: Path, mode: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        load(folder, mode)


def test_a_model_without_the_heads_has_no_modes(copied: Path, tiny_xlmr: Path) -> None:
    (copied / "colbert_linear.pt").unlink()
    with pytest.raises(ModelUnsuitable, match=r"has no colbert_linear\.pt, without which"):
        load(copied, "dense")
    with pytest.raises(ModelUnsuitable, match="has no modes"):
        load(tiny_xlmr, "dense")
    edit_json(copied / "config.json", model_type="qwen3", architectures=["Qwen3ForCausalLM"])
    with pytest.raises(ModelUnsuitable, match=r"\(Qwen3ForCausalLM\) has no modes"):
        load(copied.rename(copied.with_name("qwen3-reranker")), "dense")


def test_a_mode_is_no_embedder(folder: Path) -> None:
    with pytest.raises(ModelUnsuitable, match="is a reranker"):
        resolve(ModelChoice(f"{folder}#mode=dense", kind="embedder"))


class Dangerous:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran"),))


def test_a_head_that_is_more_than_tensors_is_refused_and_runs_nothing(
    copied: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    head = copied / "sparse_linear.pt"
    dim = 32
    broken: list[bytes | object] = [
        pickle.dumps(Dangerous(), protocol=2),
        {"weight": torch.zeros(1, dim), "bias": torch.zeros(1), "more": Dangerous()},
        {"weight": torch.zeros(1, dim), "bias": torch.zeros(1), "more": torch.zeros(1)},
        {"weight": torch.zeros(2, dim), "bias": torch.zeros(2)},
        {"weight": torch.zeros(1, dim)},
        torch.zeros(1, dim),
        b"half",
        b"",
    ]
    for content in broken:
        if isinstance(content, bytes):
            head.write_bytes(content)
        else:
            torch.save(content, head)
        with pytest.raises(ModelBroken, match=r"sparse_linear\.pt of .* is damaged"):
            load(copied, "sparse")
    assert not (tmp_path / "ran").exists()


def test_a_head_counts_for_the_fingerprint(copied: Path) -> None:
    before = load(copied, "sparse").spec.fingerprint
    torch.save(torch.nn.Linear(32, 1).state_dict(), copied / "sparse_linear.pt")
    assert load(copied, "sparse").spec.fingerprint != before


@pytest.mark.parametrize("mode", MODES)
def test_bf16_stays_near(folder: Path, mode: str) -> None:
    exact, rounded = load(folder, mode), load(folder, mode, "bf16")
    pairs = exact.encode(QUERIES[0], PASSAGES[:4])
    assert rounded.logits(pairs) == pytest.approx(exact.logits(pairs), abs=0.1)
