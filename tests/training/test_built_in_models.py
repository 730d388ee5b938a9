"""The weights that ship: what they are, that their cards tell the truth, and what they must survive."""

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from playground.models import catalog
from playground.paths import ASSETS, BUILT_IN_MODELS
from playground.training import bi_encoder, card, cross_encoder
from playground.training.evaluate import figures_of
from playground.training.report import BUILT_INS, MAX_LENGTH, bm25_scores, scenario_rows
from playground.training.rows import Row

RERANKER, EMBEDDER = BUILT_IN_MODELS / "mini-reranker", BUILT_IN_MODELS / "mini-embedder"
QUESTION = "What do giant pandas eat?"
ANSWER = "Bamboo makes up nearly the whole diet of the giant panda."


def logits(query: str, passages: list[str]) -> list[float]:
    """As plain transformers computes them, in fp32."""
    tokenizer = AutoTokenizer.from_pretrained(RERANKER)
    model = AutoModelForSequenceClassification.from_pretrained(RERANKER, dtype=torch.float32)
    fed = tokenizer(
        [query] * len(passages), passages, padding=True, truncation="only_second", max_length=512, return_tensors="pt"
    )
    with torch.inference_mode():
        return [float(value) for value in model(**fed).logits.view(-1)]


def test_both_load_with_plain_transformers_and_are_small() -> None:
    assert AutoModelForSequenceClassification.from_pretrained(RERANKER).config.num_labels == 1
    assert AutoModel.from_pretrained(EMBEDDER).config.hidden_size == 384
    assert sum(path.stat().st_size for path in BUILT_IN_MODELS.rglob("*") if path.is_file()) <= 80_000_000
    assert json.loads((RERANKER / "config.json").read_text())["num_hidden_layers"] <= 6


def test_the_catalogue_states_their_parameters() -> None:
    for folder, load in ((RERANKER, AutoModelForSequenceClassification), (EMBEDDER, AutoModel)):
        entry = catalog.find(f"built-in/{folder.name}")
        assert entry is not None
        assert entry.n_parameters == load.from_pretrained(folder).num_parameters()


@pytest.mark.parametrize("name", BUILT_INS)
def test_a_card_is_what_its_figures_say(name: str) -> None:
    title, kind = BUILT_INS[name]
    folder = BUILT_IN_MODELS / name
    assert (folder / "README.md").read_text() == card.text(folder, f"{title} (built in, English demo)", kind)


def test_the_shipped_weights_give_the_figures_of_the_cards_on_the_scenarios() -> None:
    stored = json.loads((RERANKER / card.FIGURES).read_text())["figures"]["scenarios"]
    rows = scenario_rows()
    found = {
        "Mini reranker": cross_encoder.score_rows(*cross_encoder.load(str(RERANKER), None), rows, MAX_LENGTH),
        "Mini embedder": bi_encoder.score_rows(*bi_encoder.load(str(EMBEDDER), None), rows, MAX_LENGTH),
    }
    for name, scores in found.items():
        assert figures_of(rows, scores) == pytest.approx(stored[name], abs=0.002)


def test_an_answer_stands_above_zero_and_the_unrelated_below_whatever_its_length() -> None:
    unrelated = "The train to the coast leaves at seven in the morning."
    answer, *others = logits(QUESTION, [ANSWER, unrelated, " ".join([unrelated] * 25), "Trains.", "", "yes", "the"])
    assert answer > 0
    assert max(others) < -2


@pytest.mark.parametrize(
    "query",
    [
        "What do giant pandas eat",
        "what do giant pandas eat",
        "what do gaint pandas eat",
        "panda diet",
    ],
)
def test_a_query_typed_carelessly_still_finds_the_answer(query: str) -> None:
    found = logits(query, [ANSWER, "Pandas is a Python library for tables.", "Berlin is the capital of Germany."])
    assert found[0] == max(found)


def test_repeating_the_words_of_the_question_is_no_answer() -> None:
    answer, *repeats = logits(
        QUESTION, [ANSWER, QUESTION, "Giant pandas eat giant pandas, pandas eat. Giant pandas eat?"]
    )
    assert answer > max(repeats) + 1


def scenario(name: str) -> Row:
    data = json.loads((ASSETS / "scenarios" / f"{name}.json").read_text(encoding="utf-8"))
    relevant, others = (
        tuple(text["text"] for text in data["passages"] if text["label"] == label) for label in (True, False)
    )
    return Row(data["query"], relevant, others)


def test_the_keyword_trap_takes_in_bm25_and_not_the_reranker() -> None:
    row = scenario("1-keyword-trap")
    keywords, scores = bm25_scores([row])[0], logits(row.query, [*row.pos, *row.neg])
    n = len(row.pos)
    assert sorted(keywords[n:])[-2] > max(keywords[:n])
    assert sorted(scores[:n])[-2] > max(scores[n:])


@pytest.mark.parametrize(
    ("name", "wrong", "first"),
    [
        ("2-negation", ("Bats can fly", "Common swifts"), "Bats can fly"),
        ("3-other-meaning", ("Jaguar, a Cray machine",), "Jaguars are built"),
        ("4-paraphrase", ("My foot falls asleep",), "My foot falls asleep"),
    ],
)
def test_where_an_example_says_that_the_reranker_fails_it_does(name: str, wrong: tuple[str, ...], first: str) -> None:
    row = scenario(name)
    texts = [*row.pos, *row.neg]
    scores = dict(zip(texts, logits(row.query, texts), strict=True))
    assert max(texts, key=scores.__getitem__).startswith(first)
    for start in wrong:
        (text,) = (text for text in row.neg if text.startswith(start))
        assert scores[text] > min(scores[text] for text in row.pos)


def test_an_answer_late_in_a_long_passage_is_read() -> None:
    filler = (
        "The zoo opened in the spring of that year and soon drew many visitors from the city and the villages around. "
    )
    late, never = logits(QUESTION, [filler * 12 + ANSWER, filler * 13])
    assert late > never + 2
