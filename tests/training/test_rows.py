import gzip
import json
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.training.rows import read_rows

GOOD = {"query": "q", "pos": ["p"], "neg": ["n", "m"]}


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_rows_are_read_plain_and_gzipped_with_blank_lines_skipped(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.jsonl", GOOD, "", GOOD | {"pos_scores": [2.5], "neg_scores": [-1, 0.5]})
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    rows = read_rows([plain, packed])
    assert [bool(row.pos_scores) for row in rows] == [False, True, False]
    assert all(row.labelled for row in rows)
    assert rows[1].neg_scores == (-1.0, 0.5)


def test_take_draws_the_same_rows_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *({"query": f"q{i}", "pos": ["p"], "neg": ["n"]} for i in range(50)))
    first, again = read_rows([path], take=[7], seed=3), read_rows([path], take=[7], seed=3)
    assert len(first) == 7
    assert first == again
    assert first != read_rows([path], take=[7], seed=4)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"query": "q", "pos": ["p"], ', "a.jsonl, line 2: not JSON"),
        ("[1, 2]", "line 2: a row is an object with query, pos and neg"),
        ({"pos": ["p"], "neg": ["n"]}, "line 2: query must be a text that is not empty"),
        ({"query": " ", "pos": ["p"], "neg": ["n"]}, "line 2: query must be a text that is not empty"),
        ({"query": "q", "pos": ["p"]}, "line 2: neg must be a list of texts"),
        ({"query": "q", "pos": ["p"], "neg": []}, "line 2: neg must be a list of texts"),
        ({"query": "q", "pos": ["p", ""], "neg": ["n"]}, "line 2: pos must be a list of texts"),
        ({"query": "q", "pos": ["same"], "neg": ["n", "same"]}, "line 2: 'same' is both positive and negative"),
        (GOOD | {"pos_scores": [1.0], "neg_scores": [1.0]}, "line 2: neg_scores must hold one number for each text"),
        (GOOD | {"pos_scores": [1.0]}, "line 2: give both pos_scores and neg_scores"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, line: object, said: str) -> None:
    path = write(tmp_path / "a.jsonl", GOOD, line, GOOD)
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        read_rows([path])


def test_one_row_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="1 training rows are too few"):
        read_rows([write(tmp_path / "a.jsonl", GOOD)])


def test_a_missing_file_and_a_cut_gzip_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"There is no file .*absent\.jsonl"):
        read_rows([tmp_path / "absent.jsonl"])
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress("\n".join([json.dumps(GOOD)] * 2000).encode())[:-30])
    with pytest.raises(InvalidInput, match=r"cut\.jsonl\.gz cannot be read after line"):
        read_rows([cut])
