"""The ids fed to a model are the ones that transformers and FlagEmbedding would feed it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer

from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice, Truncation
from playground.models.encoding import Encoder, Marks, longest_first
from playground.models.pretrained import load_encoder
from playground.models.resolve import resolve

SHORT = "The giant panda is a bear species endemic to China."
LONG = "The train to the coast leaves at seven in the morning, and the museum opens late. " * 12
CHINESE = "大熊猫是中国特有的熊科动物，主要以竹子为食。" * 8
PASSAGES = (SHORT, LONG, CHINESE, "hi", "", "🐼 𝟛 ﬁ Ⅷ", " padded  with   spaces \t ", "</s> [SEP] as text")
SHORT_QUERIES = ("what is panda?", "大熊猫吃什么？")
LONG_QUERY = "how do I reset my password and where is it? " * 20
LIMITS = (48, 49, 64, 512)


def encoder_of(folder: Path, max_length: int, truncation: Truncation = "only_second") -> Encoder:
    choice = ModelChoice(str(folder), max_length=max_length, truncation=truncation)
    return load_encoder(resolve(choice), choice)


@pytest.fixture(params=["tiny_xlmr", "tiny_bert"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_xlmr_pairs_have_two_separators_and_no_token_types(tiny_xlmr: Path) -> None:
    pair = encoder_of(tiny_xlmr, 64).pairs("hi", ["panda"])[0]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_xlmr)
    assert tokenizer.decode(list(pair.input_ids)).replace(" ", "") == "<s>hi</s></s>panda</s>"
    assert pair.token_type_ids is None


def test_bert_pairs_have_token_types(tiny_bert: Path) -> None:
    pair = encoder_of(tiny_bert, 64).pairs("what is", ["panda ?"])[0]
    assert pair.token_type_ids is not None
    n_first = pair.input_ids.index(3) + 1
    assert pair.token_type_ids == (0,) * n_first + (1,) * (len(pair.input_ids) - n_first)


@pytest.mark.parametrize("max_length", LIMITS)
@pytest.mark.parametrize("query", SHORT_QUERIES)
def test_only_second_gives_the_ids_of_transformers_when_the_query_is_short(
    folder: Path, max_length: int, query: str
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer(query, add_special_tokens=False)["input_ids"]) <= max_length * 3 // 4
    for passage, pair in zip(PASSAGES, encoder_of(folder, max_length).pairs(query, PASSAGES), strict=True):
        # An empty text_pair means "no pair" to transformers; a list holding it does not.
        expected = tokenizer([query], [passage], truncation="only_second", max_length=max_length)
        assert list(pair.input_ids) == expected["input_ids"][0], passage
        if pair.token_type_ids is not None:
            assert list(pair.token_type_ids) == expected["token_type_ids"][0]


@pytest.mark.parametrize("max_length", LIMITS[:3])
def test_a_long_query_is_cut_at_three_quarters_as_flagembedding_does(folder: Path, max_length: int) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    query_ids = tokenizer(LONG_QUERY, add_special_tokens=False)["input_ids"]
    kept = query_ids[: max_length * 3 // 4]
    for passage, pair in zip(PASSAGES, encoder_of(folder, max_length).pairs(LONG_QUERY, PASSAGES), strict=True):
        passage_ids = tokenizer(passage, add_special_tokens=False)["input_ids"]
        assert list(pair.input_ids) == prepare_for_model(tokenizer, kept, passage_ids, max_length)
        assert pair.n_query_cut == len(query_ids) - len(kept) > 0


@pytest.mark.parametrize("max_length", LIMITS)
@pytest.mark.parametrize("query", [*SHORT_QUERIES, LONG_QUERY, ""])
def test_longest_first_gives_the_ids_of_one_tokenizer_call(folder: Path, max_length: int, query: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = encoder_of(folder, max_length, "longest_first")
    for passage, pair in zip(PASSAGES, encoder.pairs(query, PASSAGES), strict=True):
        expected = tokenizer([query], [passage], truncation="longest_first", max_length=max_length)["input_ids"][0]
        assert list(pair.input_ids) == expected, (query, passage)


def test_longest_first_agrees_with_tokenizers_for_all_small_lengths(tiny_bert: Path) -> None:
    backend = Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))
    for room in (7, 8):
        backend.enable_truncation(room + 3, strategy="longest_first")
        for n_first in range(12):
            for n_second in range(12):
                texts = backend.encode("。" * n_first, "。" * n_second).sequence_ids
                assert longest_first(n_first, n_second, room) == (texts.count(0), texts.count(1))


def test_the_report_adds_up_and_points_into_the_text(folder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pair = encoder_of(folder, 48).pairs("what is panda?", [LONG])[0]
    assert pair.n_tokens + pair.n_cut == len(tokenizer(LONG, add_special_tokens=False)["input_ids"])
    assert pair.n_cut > 0
    last = tokenizer(LONG, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"][pair.n_tokens - 1]
    assert pair.n_chars_read == last[1]


def test_characters_read_count_code_points_not_bytes(folder: Path) -> None:
    pair = encoder_of(folder, 32).pairs("hi", ["🐼 熊 " * 40])[0]
    assert pair.n_cut > 0
    assert 0 < pair.n_chars_read < 160


def test_an_uncut_passage_is_read_to_its_last_character(folder: Path) -> None:
    pair = encoder_of(folder, 64).pairs("hi", ["a panda   "])[0]
    assert (pair.n_cut, pair.n_chars_read) == (0, 10)


def test_the_tokenizers_own_truncation_and_padding_are_off(tiny_bert: Path) -> None:
    backend = Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))
    backend.enable_truncation(16)
    backend.enable_padding(length=16)
    long, short = Encoder(backend, 512, "only_second", token_types=True).pairs("hi", [LONG, "hi"])
    assert long.n_cut == 0
    assert len(long.input_ids) > 100
    assert len(short.input_ids) < 12


def test_texts_alone_are_cut_at_the_end(tiny_embedder: Path) -> None:
    choice = ModelChoice(str(tiny_embedder), kind="embedder", max_length=40)
    encoder = load_encoder(resolve(choice), choice)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_embedder)
    for text, encoded in zip(PASSAGES, encoder.texts(PASSAGES), strict=True):
        assert list(encoded.input_ids) == tokenizer(text, truncation=True, max_length=40)["input_ids"]


def test_many_threads_with_two_limits_get_the_same_ids_as_one(tiny_xlmr: Path) -> None:
    first = encoder_of(tiny_xlmr, 64)
    encoders = [first, first.limited(32, "longest_first")]
    expected = [encoder.pairs(LONG_QUERY, PASSAGES) for encoder in encoders]
    wrong: list[int] = []

    def work(which: int) -> None:
        for _ in range(10):
            if encoders[which].pairs(LONG_QUERY, PASSAGES) != expected[which]:
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(n % 2,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_maximum_length_without_room_is_refused(tiny_xlmr: Path) -> None:
    with pytest.raises(InvalidInput, match="A maximum length of 31 tokens leaves no room"):
        encoder_of(tiny_xlmr, 31)


def test_an_instruction_that_leaves_nothing_of_the_query_to_read_is_refused(tiny_xlmr: Path) -> None:
    said = "The instruction fills the {n} tokens that the model reads of a query, so the query itself is not read"
    for truncation, n in (("only_second", 24), ("longest_first", 14)):
        encoder = encoder_of(tiny_xlmr, 32, truncation)
        with pytest.raises(InvalidInput, match=said.format(n=n)):
            encoder.pairs("what is panda?", [LONG], LONG_QUERY)
        # A query alone is cut, and a short instruction before it stays with some of it.
        assert encoder.pairs(LONG_QUERY, [LONG])[0].n_query_cut > 0
        assert encoder.pairs(LONG_QUERY, [LONG], "Find: ")[0].n_query_cut > 0
    with pytest.raises(InvalidInput, match=said.format(n=14)):
        encoder_of(tiny_xlmr, 32).apart("what is panda?", ["hi"], Marks(query_length=16), LONG_QUERY)
    assert encoder_of(tiny_xlmr, 32).apart(LONG_QUERY, ["hi"], before="Find: ")[0].n_query_cut > 0


def test_more_tokens_than_the_model_has_positions_are_refused(tiny_xlmr: Path) -> None:
    with pytest.raises(InvalidInput, match="reads at most 512 tokens; 513 were asked for"):
        encoder_of(tiny_xlmr, 513)


def prepare_for_model(tokenizer: Any, query: list[int], passage: list[int], max_length: int) -> list[int]:
    """What transformers 4 `prepare_for_model(..., truncation="only_second")` returned for XLM-R and BERT."""
    middle = [tokenizer.sep_token_id] * (2 if tokenizer.sep_token == "</s>" else 1)
    room = max_length - len(query) - len(middle) - 2
    return [tokenizer.cls_token_id, *query, *middle, *passage[:room], tokenizer.sep_token_id]
