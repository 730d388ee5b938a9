"""The shown run as a file."""

import ast
import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.scales import PLAIN_LOGIT
from playground.core.spreadsheet_cells import safe_cell
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.engine.exports import to_csv, to_json, to_snippet
from playground.engine.manifest import from_manifest
from tests.engine.doubles import CHOICE, Shelf, request_of, run
from tests.engine.embedders import EMBED, EmbedderShelf

ROOT = Path(__file__).parents[2]
# Everything that a careless writer of Python, CSV or JSON trips over.
NASTY = (
    '=HYPERLINK("http://x")',
    "line one\nline two\r\n\ttabbed",
    "'''quotes''' and \"\"\"more\"\"\" and \\ and {braces} and %s",
    "大熊猫 🐼 \u2028 \u202eright to left",
    "<script>alert(1)</script>, comma; semicolon",
)


def test_a_csv_has_one_row_per_passage_best_first_with_its_model() -> None:
    passages = (Passage("a", "blue", False), Passage("b", "red panda", True), Passage("c", "red"))
    result = run(Engine(load_scorer=Shelf()), RerankRequest("red panda", passages))
    rows = list(csv.DictReader(io.StringIO(to_csv(result), newline="")))
    assert [row["passage_id"] for row in rows] == ["b", "c", "a"]
    assert rows[0] == {
        "rank": "1",
        "tied": "0",
        "input_place": "2",
        "passage_id": "b",
        "logit": "2.0",
        "sigmoid": repr(result.scored[0].score),
        "tokens_read": "2",
        "tokens_cut": "0",
        "label": "1",
        "passage": "red panda",
        "query": "red panda",
        "model": "overlap",
        "revision": "",
        "device": "cpu",
        "precision": "fp32",
        "max_length": "64",
        "instruction": "",
        "passage_instruction": "",
        "long_passages": "cut",
        **dict.fromkeys(("windows", "window_from", "window_to"), ""),
        "warnings": "",
    }
    assert [row["label"] for row in rows] == ["1", "", "0"]
    assert [float(row["logit"]) for row in rows] == [passage.logit for passage in result]


def test_a_negative_number_stays_a_number_and_an_identity_scale_has_no_second_column() -> None:
    result = run(Engine(load_scorer=Shelf(change={"scale": PLAIN_LOGIT})), request_of("red", "blue"))
    header, row = csv.reader(io.StringIO(to_csv(result), newline=""))
    assert "sigmoid" not in header
    assert row[header.index("logit")] == "-0.125"


def test_a_passage_without_a_score_is_in_the_csv_with_empty_numbers() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of("red", "red", "blue"))
    stopped = replace(result, scored=result.scored[:1], missing=(1,))
    rows = list(csv.DictReader(io.StringIO(to_csv(stopped), newline="")))
    assert (rows[1]["passage"], rows[1]["rank"], rows[1]["logit"], rows[1]["sigmoid"]) == ("blue", "", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_text_cell_can_become_a_formula(start: str) -> None:
    result = run(Engine(load_scorer=Shelf()), RerankRequest(f"{start}1", (Passage(f"{start}2", f"{start}3"),)))
    (row,) = csv.DictReader(io.StringIO(to_csv(result), newline=""))
    assert (row["query"], row["passage_id"], row["passage"]) == (f"'{start}1", f"'{start}2", f"'{start}3")


def test_other_text_is_written_as_it_is() -> None:
    assert safe_cell("a=b") == "a=b"
    assert safe_cell("") == ""
    result = run(Engine(load_scorer=Shelf()), request_of("q", *NASTY[1:]))
    rows = csv.DictReader(io.StringIO(to_csv(result), newline=""))
    assert sorted(row["passage"] for row in rows) == sorted(NASTY[1:])


def test_the_json_is_the_full_manifest() -> None:
    result = run(Engine(load_scorer=Shelf()), request_of("q 🐼", *NASTY))
    text = to_json(result, CHOICE)
    assert "大熊猫" in text
    assert from_manifest(json.loads(text)) == (result, CHOICE)


def test_the_snippet_is_python_that_holds_the_very_texts_and_settings() -> None:
    result = run(Engine(load_scorer=Shelf()), RerankRequest("q\n'", tuple(map(Passage, "12345", NASTY)), "find\n"))
    stopped = replace(result, scored=result.scored[:4], missing=(result.scored[4].index,))
    stopped = replace(stopped, spec=replace(result.spec, revision="abc", truncation="longest_first"))
    tree = ast.parse(to_snippet(stopped, CHOICE))
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body[:4]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    logits = {passage.index: passage.logit for passage in stopped}
    assert values == {"query": "q\n'", "passages": list(NASTY), "shown": [logits.get(index) for index in range(5)]}
    call = next(node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call))
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == {
        "model": "overlap@abc",
        "device": "cpu",
        "precision": "fp32",
        "max_length": 64,
        "truncation": "longest_first",
        "instruction": "find\n",
    }


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_snippet_prints_the_logits_of_the_run(
    tiny_bert: Path, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = ModelChoice(str(tiny_bert), device="cpu", precision=precision, max_length=48)  # type: ignore[arg-type]
    texts = ("The giant panda is a bear.", *NASTY, "what is panda? " * 40)
    result = run(Engine(), request_of("what is panda?", *texts), choice)
    # Once in a Python that has nothing of ours loaded; the second time the import of torch is spared.
    said = (
        run_python(to_snippet(result, choice)) if precision == "fp32" else run_here(to_snippet(result, choice), capsys)
    )
    *rows, difference = said.splitlines()
    printed = [line.split(" ", 2) for line in rows if line.split(" ", 1)[0].isdigit()]
    assert [(int(rank), float(logit)) for rank, logit, _ in printed] == [(p.rank, p.logit) for p in result]
    assert difference == "largest difference from the page: 0"


def test_the_snippet_fails_where_the_numbers_are_others(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = ModelChoice(str(tiny_bert), device="cpu", precision="fp32")
    result = run(Engine(), request_of("what is panda?", "hi", "The giant panda is a bear."), choice)
    scored = tuple(replace(passage, logit=passage.logit + 1) for passage in result)
    with pytest.raises(AssertionError, match="these are not the page's numbers"):
        run_here(to_snippet(replace(result, scored=scored), choice), capsys)


def run_python(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "HF_HUB_OFFLINE": "1"}
    pipes = {"capture_output": True, "encoding": "utf-8"}
    done = subprocess.run([sys.executable, "-"], input=code, env=environment, timeout=240, check=False, **pipes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_here(code: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    exec(compile(code, "<snippet>", "exec"), {"__name__": "__main__"})
    return capsys.readouterr().out


def test_the_snippet_of_an_embedder_says_its_kind_and_that_of_bm25_no_length() -> None:
    engine = Engine(load_embedder=EmbedderShelf())
    snippets = [
        to_snippet(run(engine, request_of("red", "red"), choice), choice) for choice in (EMBED, ModelChoice("bm25"))
    ]
    assert ["kind='embedder'" in snippet for snippet in snippets] == [True, False]
    assert "max_length=None" in snippets[1]
