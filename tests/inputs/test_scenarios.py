"""The example scenarios show what they say they show."""

import json
import re
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.inputs.pasted_text import as_text, parse_passages
from playground.inputs.scenarios import FOLDER, Scenario, load, load_all

SCENARIOS = {scenario.id: scenario for scenario in load_all()}
WORD = re.compile(r"[a-z]+")


def words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


def test_there_are_six_in_the_order_of_their_files() -> None:
    assert list(SCENARIOS) == [
        "keyword-trap",
        "negation",
        "other-meaning",
        "paraphrase",
        "past-the-cut",
        "english-chinese",
    ]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.id)
def test_each_has_8_to_12_labelled_passages_and_words_in_both_languages(scenario: Scenario) -> None:
    assert 8 <= len(scenario.passages) <= 12
    labels = [passage.label for passage in scenario.passages]
    assert None not in labels
    assert 2 <= sum(map(bool, labels)) < len(labels) / 2
    assert len({passage.id for passage in scenario.passages}) == len(labels)
    assert len({passage.text for passage in scenario.passages}) == len(labels)
    for line in (scenario.title, scenario.look_for):
        assert re.search(r"[\u4e00-\u9fff]", line["zh"])
        assert line["en"].strip()


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.id)
def test_the_input_order_does_not_give_the_answer_away(scenario: Scenario) -> None:
    labels = [bool(passage.label) for passage in scenario.passages]
    assert labels != sorted(labels, reverse=True)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.id)
def test_each_survives_the_passage_box(scenario: Scenario) -> None:
    assert parse_passages(as_text(scenario.passages)).passages == scenario.passages
    texts = [passage.text for passage in scenario.passages]
    assert [p.text for p in parse_passages(as_text(scenario.passages, marks=False)).passages] == texts


def test_keyword_traps_share_more_words_with_the_query_than_the_answers() -> None:
    scenario = SCENARIOS["keyword-trap"]
    content = words(scenario.query) - {"what", "do"}
    shared = {passage.id: len(content & words(passage.text)) for passage in scenario.passages}
    answers = {passage.id for passage in scenario.passages if passage.label}
    assert max(shared[answer] for answer in answers) == 2
    assert sum(shared[other] == len(content) == 3 for other in shared.keys() - answers) == 2


def test_the_paraphrases_share_no_word_that_matters() -> None:
    scenario = SCENARIOS["paraphrase"]
    content = {"fall", "falls", "asleep", "faster", "fast", "sleep"}
    for passage in scenario.passages:
        assert bool(content & words(passage.text)) is (not passage.label), passage.id


def test_every_other_meaning_is_called_jaguar_or_is_a_fast_animal() -> None:
    others = [passage for passage in SCENARIOS["other-meaning"].passages if not passage.label]
    assert sum("jaguar" in passage.text.lower() for passage in others) >= 8


def test_the_long_answer_lies_past_600_tokens() -> None:
    scenario = SCENARIOS["past-the-cut"]
    whole, split = (next(p for p in scenario.passages if p.id == name) for name in ("whole-chapter", "split"))
    assert whole.label is split.label is True
    assert whole.text.endswith(split.text)
    # A WordPiece tokenizer gives at least one token per word or mark, so this is a lower bound of its count.
    before = whole.text.removesuffix(split.text)
    assert len(re.findall(r"\w+|[^\w\s]", before)) > 600
    assert "lamps blink" not in before


def test_good_answers_stand_in_both_languages() -> None:
    answers = [passage.text for passage in SCENARIOS["english-chinese"].passages if passage.label]
    chinese = [text for text in answers if re.search(r"[\u4e00-\u9fff]", text)]
    assert (len(chinese), len(answers)) == (2, 4)
    assert "English only" in SCENARIOS["english-chinese"].look_for["en"]
    assert "只懂英文" in SCENARIOS["english-chinese"].look_for["zh"]


def test_passages_carry_id_text_and_label_only() -> None:
    first = SCENARIOS["keyword-trap"].passages[1]
    assert first == Passage("diet", first.text, True)


@pytest.fixture
def content() -> dict[str, object]:
    loaded: dict[str, object] = json.loads((FOLDER / "2-negation.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("id", "", "lacks its id"),
        ("query", None, "lacks its query"),
        ("title", {"en": "only"}, r"lacks its title \(en, zh\)"),
        ("look_for", "text", r"lacks its look_for \(en, zh\)"),
        ("passages", [], "lacks its passages"),
        ("passages", [{"id": "a", "text": "A"}], r"lacks its passages \(id, text, label\)"),
        ("passages", [{"id": "a", "text": " ", "label": 1}], r"lacks its passages \(id, text, label\)"),
    ],
)
def test_a_scenario_without_a_part_is_refused_by_name(
    tmp_path: Path, content: dict[str, object], part: str, value: object, said: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content | {part: value}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=f"The scenario 'mine.json' {said}"):
        load(path)


def test_a_broken_file_and_a_double_id_are_refused(tmp_path: Path, content: dict[str, object]) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InvalidInput, match="Two scenarios have the id 'negation'"):
        load_all(tmp_path)
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"'b\.json' cannot be read"):
        load_all(tmp_path)
