"""The beginning of a large file is a file of its own, and no more of it is read."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from random import randbytes

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.core.errors import InvalidInput
from playground.inputs.heads import HEAD_BYTES, HEAD_ROWS, head
from playground.inputs.passage_files import read_file

MIB = 2**20
LARGE = 150 * MIB
WORDS = "the giant panda eats bamboo "


def large(path: Path, line: bytes, before: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(before)
        block = line * (MIB // len(line) + 1)
        for _ in range(LARGE // len(block) + 1):
            file.write(block)
    return path


def texts(path: Path) -> list[str]:
    return [each.text for each in read_file(path, most_bytes=2 * LARGE, take=head).passages]


@pytest.mark.parametrize(
    ("name", "before", "line", "text"),
    [
        ("a.txt", b"", f"{WORDS}\n".encode(), WORDS.strip()),
        ("a.csv", b"n,text\n", b'1,"two\nlines, ""said"" so"\n', 'two\nlines, "said" so'),
        ("a.jsonl", b"", b'{"text": "a panda"}\n', "a panda"),
        ("a.json", b"[\n", b'{"text": "a panda"},\n', "a panda"),
    ],
)
def test_the_first_megabyte_of_a_large_file_is_read_and_ends_with_a_row(
    tmp_path: Path, name: str, before: bytes, line: bytes, text: str
) -> None:
    path = large(tmp_path / name, line, before)
    tracemalloc.start()
    data = head(path, 2 * LARGE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert HEAD_BYTES - 2 * len(line) < len(data) <= HEAD_BYTES + 1
    assert peak < 20 * MIB
    found = texts(path)
    assert abs(len(found) * len(line) - len(data)) <= len(before) + 1
    assert {*found} == {text}


def test_a_small_file_is_read_whole_and_one_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo")
    assert head(tmp_path / "a.txt") == b"one\ntwo"
    with (tmp_path / "b.txt").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(InvalidInput, match="This file has 1024 MiB; at most 20 MiB"):
        head(tmp_path / "b.txt")


def test_a_line_without_end_and_text_in_other_encodings_are_cut_between_characters(tmp_path: Path) -> None:
    for encoding, text in (("utf-8", "熊猫吃竹子。" * 100_000), ("utf-16", "панда\n" * 300_000)):
        path = tmp_path / f"{encoding}.txt"
        path.write_text(text, encoding=encoding, newline="")
        parsed = read_file(path, take=head)
        assert text.startswith("\n".join(each.text for each in parsed.passages))
        assert not any("amaged" in note for note in parsed.notes)


def test_one_large_json_object_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"query": "q", "pos": [WORDS * 50_000], "neg": ["last"]}, indent=1))
    assert texts(path)[-1] == "last"


@pytest.mark.parametrize(("name", "start", "end"), [("a.json", "[", ""), ("a.jsonl", '{"text": ', "\n{}")])
def test_json_that_is_nested_too_deeply_is_said(tmp_path: Path, name: str, start: str, end: str) -> None:
    (tmp_path / name).write_text(start + "[" * 900_000 + end + " " * MIB)
    with pytest.raises(InvalidInput, match="not valid JSON: nested too deeply"):
        texts(tmp_path / name)


def test_the_first_rows_of_parquet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame(
        {"id": [str(n) for n in range(100_000)], "text": [f"{WORDS}{n} {n**9}" for n in range(100_000)]}
    ).to_parquet(path)
    assert path.stat().st_size > HEAD_BYTES
    assert texts(path) == [f"{WORDS}{n} {n**9}" for n in range(HEAD_ROWS)]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(2 * MIB) + b"PAR1")
    with pytest.raises(InvalidInput, match="not a Parquet file, or it is damaged"):
        texts(tmp_path / "bad.parquet")


def test_texts_within_lists_structs_and_maps_are_among_the_first_rows_of_parquet(tmp_path: Path) -> None:
    n = 2 * HEAD_ROWS
    maps = pa.array([[("lang", "en")], None] * HEAD_ROWS, pa.map_(pa.string(), pa.string()))
    inner = {"pos": [["b", None]] * n, "about": [{"by": "c"}, None] * HEAD_ROWS, "maps": maps}
    table = pa.table({"text": ["a"] * n, "raw": [randbytes(2**13) for _ in range(n)], **inner})
    pq.write_table(table, tmp_path / "a.parquet")
    assert pq.read_table(pa.BufferReader(head(tmp_path / "a.parquet"))).to_pylist() == table.to_pylist()[:HEAD_ROWS]
