"""monoT5 scores as rerankers' and pygaggle's code does; the words after the passage are never cut."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
import transformers

from playground.bench.environments import Interpreter
from playground.core.scales import LOG_ODDS
from playground.core.types import ModelChoice, PrecisionName
from playground.models.batching import plan
from playground.models.loading import load_scorer
from tests import checkpoints
from tests.models import peers

QUERIES = ("what is panda?", "大熊猫吃什么？")
SHORT = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "hi",
    "",
    "  spaces,\n\nand lines \t",
    "{braces} and 🐼",
)
LONG = (
    "The train to the coast leaves at seven in the morning. " * 60,
    "打开设置页面，选择安全，然后点击重置按钮。" * 60,
)
LONG_QUERY = "how do I reset my password and where is it? " * 60


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """T5 1.0, whose head is the embeddings, and T5 1.1, which has a head of its own."""
    root = tmp_path_factory.mktemp("t5")
    tied = checkpoints.tiny_t5(root / "tied" / "monot5-base-msmarco")
    return {"tied": tied, "untied": checkpoints.tiny_t5(root / "untied" / "monot5-base-msmarco", tied=False)}


@pytest.fixture(params=["tied", "untied"])
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


@pytest.fixture(scope="module")
def answers(folders: dict[str, Path], beside_flag_embedding: Interpreter) -> dict[Path, list[peers.Answer]]:
    """What rerankers says of every query and short passage, by model."""
    pairs = [(query, passage) for query in QUERIES for passage in SHORT]
    jobs = [peers.Job("T5Ranker", str(folder), pairs, 512) for folder in folders.values()]
    said = peers.ask(beside_flag_embedding, jobs)
    return dict(zip(folders.values(), said, strict=True))


def load(folder: Path, precision: PrecisionName = "fp32", max_length: int | None = None) -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision=precision, max_length=max_length))


def plain_log_odds(folder: Path, ids: list[tuple[int, ...]]) -> list[float]:
    """Log-odds of true over false at the first step of the decoder, one input at a time.

    Source: castorini/pygaggle, `pygaggle/rerank/transformer.py`, `MonoT5.rescore`, before its log_softmax.
    """
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    vocabulary = transformers.AutoTokenizer.from_pretrained(folder).get_vocab()
    found = []
    for row in ids:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row]), decoder_input_ids=torch.tensor([[0]])).logits[0, -1]
        found.append(float(logits[vocabulary["▁true"]] - logits[vocabulary["▁false"]]))
    return found


def test_short_pairs_score_as_rerankers_token_by_token(folder: Path, answers: dict[Path, list[peers.Answer]]) -> None:
    scorer = load(folder)
    encoded = [pair for query in QUERIES for pair in scorer.encode(query, SHORT)]
    assert [list(pair.input_ids) for pair in encoded] == [answer.input_ids for answer in answers[folder]]
    shown = [scorer.scale.display(logit) for logit in scorer.logits(encoded)]
    assert shown == pytest.approx([answer.score for answer in answers[folder]], abs=1e-4)
    assert scorer.scale == LOG_ODDS


@pytest.mark.parametrize("max_length", [96, 512])
@pytest.mark.parametrize("query", [*QUERIES, LONG_QUERY])
def test_long_passages_lose_their_end_and_never_the_question(folder: Path, query: str, max_length: int) -> None:
    scorer = load(folder, max_length=max_length)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    whole = tokenizer(f"Query: {query} Document:", add_special_tokens=False)["input_ids"]
    tail = tokenizer(" Relevant:")["input_ids"]
    for passage, pair in zip(LONG, scorer.encode(query, LONG), strict=True):
        assert len(pair.input_ids) == max_length
        assert list(pair.input_ids[-len(tail) :]) == tail
        text = tokenizer(passage, add_special_tokens=False)["input_ids"]
        assert pair.n_tokens + pair.n_cut == len(text)
        middle = list(pair.input_ids[: -len(tail)])
        assert middle[len(middle) - pair.n_tokens :] == text[: pair.n_tokens]
        if query is not LONG_QUERY:
            assert middle[: -pair.n_tokens] == whole
            assert pair.n_query_cut == 0
        assert 0 < pair.n_chars_read < len(passage)
    pairs = scorer.encode(query, LONG)
    expected = plain_log_odds(folder, [pair.input_ids for pair in pairs])
    assert scorer.logits(pairs) == pytest.approx(expected, abs=1e-4)


def test_a_tokenizer_that_comes_as_spiece_model_alone_is_read(folder: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(folder, tmp_path / "monot5"))
    (twin / "tokenizer.json").unlink()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*SHORT, *QUERIES, "Query: Document: Relevant:"]),
        model_prefix=str(twin / "spiece"),
        vocab_size=100,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        user_defined_symbols=["▁true", "▁false"],
        minloglevel=2,
    )
    theirs = sentencepiece.SentencePieceProcessor(str(twin / "spiece.model"))
    for passage, pair in zip(SHORT[:3], load(twin).encode(QUERIES[0], SHORT[:3]), strict=True):
        expected = theirs.encode(f"Query: {QUERIES[0]} Document: {passage} Relevant:")
        assert list(pair.input_ids) == [*expected, 1]


def test_an_instruction_goes_before_the_query(folder: Path) -> None:
    scorer = load(folder)
    assert scorer.encode("panda", ["hi"], "what is ") == scorer.encode("what is panda", ["hi"])


def test_neighbours_do_not_change_a_score(folder: Path) -> None:
    scorer = load(folder)
    pairs = scorer.encode(QUERIES[0], [*SHORT, *LONG])
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-4)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=600):
        for index, logit in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = logit
    assert found == pytest.approx(together, abs=1e-4)


def test_bf16_stays_near_and_the_answer_is_not_rounded(folder: Path) -> None:
    exact, rounded = load(folder), load(folder, "bf16")
    logits = rounded.logits(rounded.encode(QUERIES[0], SHORT))
    assert logits == pytest.approx(exact.logits(exact.encode(QUERIES[0], SHORT)), abs=0.3)
    assert any(logit != float(torch.tensor(logit).to(torch.bfloat16)) for logit in logits)
