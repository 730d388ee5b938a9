"""The catalogue: complete, well-formed, and found by the errors that the rooms raise."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.paths import ASSETS
from playground.ui import texts
from tests.ui import text_keys

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "inputs", "models", "remote", "engine", "analysis", "history", "plots", "evaluate", "ui")
RAISED = {
    "InvalidInput",
    "ModelNotFound",
    "ModelUnsuitable",
    "BackendError",
    "ModelBroken",
    "DeviceUnavailable",
    "OutOfMemory",
    "HistoryError",
    "Note",
    "TooMuch",
    "Busy",
    "SignInNeeded",
    "ModelChanged",
    "ModelEnded",
}
WARNINGS = ("playground/core/limits.py", "playground/engine/warnings.py", "playground/engine/threshold_files.py")
FIELD = re.compile(r"\{(\w+)")
BRACES = re.compile(r"\{[^{}]*\}")


def templates() -> Iterator[str]:
    for room in ROOMS:
        for path in (ROOT / "playground" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        yield first.value


def sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (*ASSETS.rglob("*.js"), *(ROOT / "playground").rglob("*.py"))]


def sentences() -> Iterator[str]:
    """Every text in the code, the fields of a template without their names."""
    for path in (ROOT / "playground").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield BRACES.sub("{}", node.value)


def named_sentences() -> Iterator[str]:
    """The templates that a module of the analysis or the warnings of the engine hold under a name of their own."""
    for path in (*(ROOT / "playground" / "analysis").glob("*.py"), *map(ROOT.joinpath, WARNINGS)):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                text = node.value.value
                if isinstance(text, str) and " " in text and text[0] in string.ascii_uppercase + "{":
                    yield text


def test_every_text_is_in_both_languages_with_the_same_fields() -> None:
    assert list(text_keys.one_sided(texts.texts())) == []
    for key, entry in texts.texts().items():
        if not key.endswith("_one") and "n" not in FIELD.findall(entry["en"]):
            assert sorted(FIELD.findall(entry["en"])) == sorted(FIELD.findall(entry["zh"])), key


def test_every_text_is_asked_for_and_every_text_asked_for_is_there() -> None:
    assert len(texts.texts()) > 500
    assert text_keys.keys(sources(), texts.texts().keys()) == ([], [])


def test_the_comparison_of_keys_finds_what_is_missing_and_what_is_unused() -> None:
    code = """pg.say("a.lost"); pg.say("gone.all");
        pg.say(`b.card_${kind}`); pg.say(`c.${x}`); row = { key: "a.there" };"""
    python = """localized(box, label="a.label"); phrase(f"d.tab_{name}"); kinds = ("f-beta", "recall"); open("a.csv")"""
    known = {"a.there", "a.there_one", "a.label", "a.old", "b.card_f_beta", "b.card_max", "d.tab_recall"}

    assert text_keys.keys([code, python], known) == (["a.lost", "gone.all"], ["a.old", "b.card_max"])
    assert text_keys.keys([code, python], known | {"c.recall"}).unused == ["a.old", "b.card_max"]
    assert list(text_keys.one_sided({"a": {"en": "A"}, "b": {"en": "B", "zh": ""}, "c": {"en": "C", "zh": "丙"}})) == [
        "a",
        "b",
    ]


def test_what_is_typed_and_scored_is_a_query_in_every_text() -> None:
    for key, entry in texts.texts().items():
        assert "question" not in entry["en"].lower(), key
        assert not {word for word in ("提问", "问句") if word in entry["zh"]}, key


def test_every_error_that_a_room_can_raise_has_a_chinese_sentence() -> None:
    said = {*templates(), *named_sentences()}
    assert len(said) > 200
    assert sorted(template for template in said if "zh" not in texts.errors().get(template, {})) == []


def test_no_translation_is_of_a_sentence_that_nobody_says() -> None:
    said = set(sentences())
    assert [template for template in texts.errors() if BRACES.sub("{}", template) not in said] == []


def test_a_translation_uses_no_field_that_its_template_lacks() -> None:
    for template, entry in texts.errors().items():
        assert set(FIELD.findall(entry["zh"])) <= set(FIELD.findall(template)), template


def test_an_error_is_said_in_chinese_with_its_values() -> None:
    error = InvalidInput("Passage {id} is blank. Remove it or give it a text.", id="7")
    assert texts.sentence(error, "zh") == "段落 7 是空白的。请删除它或填入文本。"
    assert texts.sentence(error, "en") == "Passage 7 is blank. Remove it or give it a text."


def test_a_finished_warning_is_translated_by_the_template_it_came_from() -> None:
    assert (
        texts.both("fp16 does not run on this CPU; fp32 was used.")["zh"]
        == "这台机器的 CPU 不能运行 fp16，已改用 fp32。"
    )
    assert texts.both("Nobody wrote this sentence down.")["zh"] == "Nobody wrote this sentence down."


def test_the_checks_of_a_model_have_chinese_names_and_details() -> None:
    said = ("Finite", "Alone as in a batch", "off by 1.2e-06, allowed 0.001", "3 pairs agree (BAAI's model card)")
    assert [texts.both(text)["zh"] for text in said] == [
        "数值有限",
        "单独计算与成批计算一致",
        "相差 1.2e-06，允许 0.001",
        "3 对一致（BAAI's model card）",
    ]


def test_one_passage_is_singular() -> None:
    assert texts.say("live.passages", n=1) == "1 passage"
    assert texts.say("live.passages", n=2) == "2 passages"


def test_the_catalogue_cannot_end_the_script_element_it_stands_in() -> None:
    assert "<" not in texts.for_browser()
    assert json.loads(texts.for_browser())["texts"]["run.run"] == {"en": "Rerank", "zh": "重排"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("zh", "zh"), ("zh-CN,zh;q=0.9", "zh"), ("zh-TW", "zh"), ("de-DE,en;q=0.5", "en"), ("fr", "en"), ("", "en")],
)
def test_the_browsers_first_known_language_is_taken(accepted: str, language: str) -> None:
    assert texts.language_of(accepted) == language
