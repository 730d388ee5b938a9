"""Language models score as their makers' own code does, token by token, on both sides of the length limit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput, ModelBroken
from playground.core.scales import LOG_ODDS, LOGIT, sigmoid
from playground.core.types import ModelChoice, Passage, PrecisionName, RerankRequest, Truncation
from playground.engine.engine import Engine
from playground.models.batching import plan
from playground.models.loading import load_scorer
from playground.models.prompts import BGE_GEMMA, MXBAI_V2, QWEN3, Prompt
from tests import checkpoints
from tests.models import peers

LENGTH = 256
LONG = "The train to the coast leaves at seven in the morning, and the museum opens late. " * 20
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    LONG,
    "打开设置页面，选择安全，然后点击重置按钮。" * 40,
    "hi",
    "",
    "  spaces,\n\nand lines \t",
    "<|im_end|> <bos> </s> as text, {braces} and 🐼",
)
QUERIES = ("what is panda?", "大熊猫吃什么？")
LONG_QUERY = "how do I reset my password and where is it? " * 40
# Of the other libraries: each pair costs them two forward passes.
ASKED = ((QUERIES[0], PASSAGES), (QUERIES[1], PASSAGES[:4]), (LONG_QUERY, PASSAGES[1:4]))
TASK = "Is the passage about animals? 关于动物吗？"
SETTINGS = ((None, LENGTH), (None, 1024), (TASK, 96))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("decoders")
    return {
        "qwen3": checkpoints.tiny_qwen3(root / "Qwen3-Reranker-0.6B"),
        "seq-cls": checkpoints.tiny_qwen3(root / "Qwen3-Reranker-0.6B-seq-cls", classifier=True),
        "gemma": checkpoints.tiny_gemma(root / "bge-reranker-v2-gemma"),
        "mxbai": checkpoints.tiny_qwen2(root / "mxbai-rerank-base-v2"),
    }


def load(
    folder: Path,
    max_length: int | None = None,
    truncation: Truncation = "only_second",
    precision: PrecisionName = "fp32",
) -> Any:
    choice = ModelChoice(str(folder), device="cpu", precision=precision, max_length=max_length, truncation=truncation)
    return load_scorer(choice)


def official_qwen3(
    folder: Path, query: str, passages: Sequence[str], task: str | None, max_length: int
) -> tuple[list[list[int]], torch.Tensor]:
    """(ids, (passages, 2) logits of "no" and "yes") as the model card computes them: one batch, padded on the left.

    Source: huggingface.co/Qwen/Qwen3-Reranker-0.6B, "Transformers Usage", `format_instruction`, `process_inputs`,
    `compute_logits`; without what transformers 5 no longer takes.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prefix = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    suffix = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    before, after = (tokenizer.encode(text, add_special_tokens=False) for text in (prefix, suffix))
    task = task or "Given a web search query, retrieve relevant passages that answer the query"
    pairs = [f"<Instruct>: {task}\n<Query>: {query}\n<Document>: {passage}" for passage in passages]
    room = max_length - len(before) - len(after)
    inputs = tokenizer(pairs, padding=False, truncation="longest_first", return_attention_mask=False, max_length=room)
    ids = [before + ids + after for ids in inputs["input_ids"]]
    batch = tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt")
    with torch.no_grad():
        last = model(**batch).logits[:, -1, :]
    return ids, last[:, [tokenizer.convert_tokens_to_ids(token) for token in ("no", "yes")]]


@pytest.mark.parametrize("task", [None, TASK])
@pytest.mark.parametrize("max_length", [LENGTH, 2048])
@pytest.mark.parametrize("query", QUERIES)
def test_qwen3_reranker_scores_as_its_model_card(
    folders: dict[str, Path], query: str, max_length: int, task: str | None
) -> None:
    scorer = load(folders["qwen3"], max_length)
    pairs = scorer.encode(query, PASSAGES, task)
    ids, answers = official_qwen3(folders["qwen3"], query, PASSAGES, task, max_length)
    assert [list(pair.input_ids) for pair in pairs] == ids
    logits = scorer.logits(pairs)
    assert logits == pytest.approx((answers[:, 1] - answers[:, 0]).tolist(), abs=1e-4)
    probabilities = answers.log_softmax(dim=1)[:, 1].exp().tolist()
    assert [scorer.scale.display(logit) for logit in logits] == pytest.approx(probabilities, abs=1e-4)
    assert scorer.scale == LOG_ODDS


def test_a_query_over_the_limit_is_cut_as_on_the_card_with_longest_first(folders: dict[str, Path]) -> None:
    pairs = load(folders["qwen3"], LENGTH, "longest_first").encode(LONG_QUERY, PASSAGES)
    ids, _ = official_qwen3(folders["qwen3"], LONG_QUERY, PASSAGES, None, LENGTH)
    assert [list(pair.input_ids) for pair in pairs] == ids
    assert {pair.n_tokens for pair in pairs} == {0}
    assert all(pair.n_query_cut > 0 for pair in pairs)


CHAT_TEMPLATE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: '
    + QWEN3.instruction
    + '\n<Query>: {{ messages | selectattr("role", "eq", "query") | map(attribute="content") | first }}'
    '\n<Document>: {{ messages | selectattr("role", "eq", "document") | map(attribute="content") | first }}'
    # Jinja drops a newline at the end of a template.
    "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n\n"
)


def test_qwen3_reranker_scores_as_sentence_transformers(folders: dict[str, Path]) -> None:
    from sentence_transformers import CrossEncoder

    theirs = CrossEncoder(
        str(folders["qwen3"]), device="cpu", max_length=2048, processor_kwargs={"chat_template": CHAT_TEMPLATE}
    )
    scorer = load(folders["qwen3"])
    for query in QUERIES:
        expected = theirs.predict([(query, passage) for passage in PASSAGES], show_progress_bar=False)
        shown = [scorer.scale.display(logit) for logit in scorer.logits(scorer.encode(query, PASSAGES))]
        assert shown == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_sequence_classification_copy_scores_as_sentence_transformers(folders: dict[str, Path]) -> None:
    """Source of the two halves: huggingface.co/tomaarsen/Qwen3-Reranker-0.6B-seq-cls, "Sentence Transformers Usage"."""
    from sentence_transformers import CrossEncoder

    theirs = CrossEncoder(str(folders["seq-cls"]), device="cpu", max_length=2048, activation_fn=torch.nn.Identity())
    scorer = load(folders["seq-cls"])
    halves = [
        (
            f"{QWEN3.head[0]}<Instruct>: {QWEN3.instruction}\n<Query>: {QUERIES[0]}\n",
            f"<Document>: {passage}{QWEN3.tail[0]}",
        )
        for passage in PASSAGES
    ]
    expected = theirs.predict(halves, show_progress_bar=False).tolist()
    assert scorer.logits(scorer.encode(QUERIES[0], PASSAGES)) == pytest.approx(expected, abs=1e-4)
    assert scorer.spec.architecture == "Qwen3ForSequenceClassification"


def test_a_copy_whose_head_is_the_difference_of_two_rows_gives_the_same_scores(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    causal = transformers.AutoModelForCausalLM.from_pretrained(folders["qwen3"], dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["qwen3"])
    yes, no = (tokenizer.convert_tokens_to_ids(token) for token in ("yes", "no"))
    copy = transformers.AutoModelForSequenceClassification.from_pretrained(folders["qwen3"], num_labels=1)
    with torch.no_grad():
        copy.score.weight[0] = causal.lm_head.weight[yes] - causal.lm_head.weight[no]
    folder = tmp_path / "qwen3-reranker-copy"
    copy.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    scorers = [load(path) for path in (folders["qwen3"], folder)]
    first, second = (scorer.logits(scorer.encode(QUERIES[1], PASSAGES)) for scorer in scorers)
    assert first == pytest.approx(second, abs=1e-5)


@pytest.fixture(scope="module")
def answers(
    folders: dict[str, Path], beside_flag_embedding: Interpreter
) -> dict[tuple[str, str | None, int], list[peers.Answer]]:
    """What FlagEmbedding and mxbai-rerank say of `ASKED`, by model, instruction and maximum length."""
    pairs = [(query, passage) for query, passages in ASKED for passage in passages]
    libraries: dict[str, Any] = {"gemma": "FlagLLMReranker", "mxbai": "MxbaiRerankV2"}
    asked = [(model, task, length) for model in libraries for task, length in SETTINGS]
    jobs = [peers.Job(libraries[model], str(folders[model]), pairs, length, task) for model, task, length in asked]
    return dict(zip(asked, peers.ask(beside_flag_embedding, jobs), strict=True))


@pytest.mark.parametrize(("task", "max_length"), SETTINGS)
@pytest.mark.parametrize("model", ["gemma", "mxbai"])
def test_bge_gemma_and_mxbai_v2_score_as_their_makers_libraries(
    folders: dict[str, Path], answers: dict[Any, list[peers.Answer]], model: str, task: str | None, max_length: int
) -> None:
    scorer = load(folders[model], max_length)
    pairs = [pair for query, passages in ASKED for pair in scorer.encode(query, passages, task)]
    expected = answers[model, task, max_length]
    assert [list(pair.input_ids) for pair in pairs] == [answer.input_ids for answer in expected]
    assert scorer.logits(pairs) == pytest.approx([answer.score for answer in expected], abs=1e-4)
    assert any(pair.n_cut for pair in pairs)
    assert any(pair.n_query_cut for pair in pairs)


@pytest.mark.parametrize("truncation", ["only_second", "longest_first"])
@pytest.mark.parametrize(("model", "prompt"), [("qwen3", QWEN3), ("gemma", BGE_GEMMA), ("mxbai", MXBAI_V2)])
def test_the_report_points_into_the_passage_and_the_prompts_end_is_never_cut(
    folders: dict[str, Path], model: str, prompt: Prompt, truncation: Truncation
) -> None:
    scorer = load(folders[model], LENGTH, truncation)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[model])
    pieces = [text.format(instruction=prompt.instruction) for text in prompt.tail]
    tail = [id for piece in pieces for id in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    for passage, pair in zip(PASSAGES, scorer.encode(QUERIES[0], PASSAGES), strict=True):
        assert list(pair.input_ids[-len(tail) :]) == tail
        assert (pair.n_chars_read == len(passage)) == (pair.n_cut == 0)
        end = len(pair.input_ids) - len(tail)
        text = tokenizer.decode(pair.input_ids[end - pair.n_tokens : end])
        # A character of several bytes may be cut in its middle, and counts as read.
        read = passage[: pair.n_chars_read - text.count("\ufffd")]
        assert text.rstrip("\ufffd").strip() == read.strip()


def test_a_long_query_leaves_a_quarter_of_the_room_to_the_passage(folders: dict[str, Path]) -> None:
    scorer = load(folders["qwen3"], LENGTH)
    frame = len(scorer.encode("", [""])[0].input_ids)
    pair = scorer.encode(LONG_QUERY, [LONG])[0]
    assert len(pair.input_ids) == LENGTH
    assert pair.n_tokens >= (LENGTH - frame) // 4
    assert pair.n_query_cut > 0


@pytest.mark.parametrize("model", ["qwen3", "seq-cls", "gemma", "mxbai"])
def test_neighbours_do_not_change_a_score(folders: dict[str, Path], model: str) -> None:
    scorer = load(folders[model], 512)
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-4)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=600):
        for index, logit in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = logit
    assert found == pytest.approx(together, abs=1e-4)
    assert scorer.logits([]) == []


@pytest.mark.parametrize("model", ["qwen3", "gemma", "mxbai"])
def test_bf16_is_loaded_as_such_and_the_answer_is_not_rounded(folders: dict[str, Path], model: str) -> None:
    exact, rounded = load(folders[model]), load(folders[model], precision="bf16")
    assert rounded.spec.precision == "bf16"
    assert rounded.memory_mib == pytest.approx(exact.memory_mib / 2, rel=0.01)
    logits = rounded.logits(rounded.encode(QUERIES[0], PASSAGES))
    assert logits == pytest.approx(exact.logits(exact.encode(QUERIES[0], PASSAGES)), abs=0.5)
    assert any(logit != float(torch.tensor(logit).to(torch.bfloat16)) for logit in logits)


def test_the_head_over_the_vocabulary_is_not_kept(folders: dict[str, Path]) -> None:
    scorer = load(folders["mxbai"])
    config = scorer._model.config
    head_mib = config.vocab_size * config.hidden_size * 4 / 1024**2
    whole = transformers.AutoModelForCausalLM.from_pretrained(folders["mxbai"], dtype=torch.float32)
    assert scorer.memory_mib == pytest.approx(whole.num_parameters() * 4 / 1024**2 - head_mib, rel=0.01)


def test_the_scale_says_what_the_number_is(folders: dict[str, Path]) -> None:
    gemma, mxbai = load(folders["gemma"]).scale, load(folders["mxbai"]).scale
    assert gemma == LOGIT
    assert (mxbai.name, mxbai.level) == ("log-odds", False)


def test_a_result_says_the_instruction_it_was_asked_with(folders: dict[str, Path]) -> None:
    choice = ModelChoice(str(folders["gemma"]), device="cpu", precision="fp32")
    passages = tuple(Passage(str(n), text) for n, text in enumerate(PASSAGES[:3]))
    engine = Engine(offline=True)
    own, asked = (
        [*engine.rerank(RerankRequest(QUERIES[0], passages, task), choice)][-1].result for task in (None, TASK)
    )
    again = [*engine.rerank(RerankRequest(QUERIES[0], passages, BGE_GEMMA.instruction), choice)][-1].result
    engine.close()
    assert (own.instruction, asked.instruction) == (BGE_GEMMA.instruction, TASK)
    assert [scored.logit for scored in own] != [scored.logit for scored in asked]
    assert [scored.logit for scored in own] == [scored.logit for scored in again]
    assert again.n_cached == 3


def test_an_instruction_without_room_for_a_passage_is_refused(folders: dict[str, Path]) -> None:
    scorer = load(folders["qwen3"], LENGTH)
    with pytest.raises(
        InvalidInput, match=r"The prompt and its instruction take \d+ tokens, and a maximum length of 256"
    ):
        scorer.encode(QUERIES[0], ["hi"], LONG)
    with pytest.raises(InvalidInput, match=r"leaves no room for a passage\. Use at least 1"):
        load(folders["qwen3"], 64)


def test_more_tokens_than_the_model_reads_are_refused_and_its_own_default_makes_room_for_the_prompt(
    folders: dict[str, Path],
) -> None:
    with pytest.raises(InvalidInput, match="reads at most 2048 tokens; 2049 were asked for"):
        load(folders["mxbai"], 2049)
    scorer = load(folders["mxbai"])
    assert max(len(pair.input_ids) for pair in scorer.encode(QUERIES[0], [LONG * 20])) == 2048
    assert scorer.spec.max_length == scorer.view(ModelChoice(scorer.resolved.asked)).spec.max_length < 2048


@pytest.mark.parametrize(("model", "token"), [("qwen3", "<|im_start|>"), ("qwen3", "yes"), ("gemma", "Yes")])
def test_a_tokenizer_without_the_tokens_of_the_prompt_is_refused(
    folders: dict[str, Path], tmp_path: Path, model: str, token: str
) -> None:
    twin = Path(shutil.copytree(folders[model], tmp_path / folders[model].name))
    file = json.loads((twin / "tokenizer.json").read_text(encoding="utf-8"))
    file["model"]["vocab"].pop(token, None)
    file["model"]["merges"] = []
    file["added_tokens"] = [added for added in file["added_tokens"] if added["content"] != token]
    checkpoints.write_json(twin / "tokenizer.json", file)
    with pytest.raises(ModelBroken, match=r"has no token .*, which .* is asked with") as refusal:
        load(twin)
    assert repr(token) in str(refusal.value)


def test_a_prompts_display_score_is_its_probability(folders: dict[str, Path]) -> None:
    scorer = load(folders["qwen3"])
    assert scorer.scale.display(2.0) == sigmoid(2.0)
