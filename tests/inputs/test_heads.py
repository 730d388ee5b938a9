"""The beginning of a large file is a file of its own, and no more of it is read."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pandas as pd
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


def test_the_first_rows_of_parquet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame(
        {"id": [str(n) for n in range(200_000)], "text": [f"{WORDS}{n} {n**9}" for n in range(200_000)]}
    ).to_parquet(path)
    assert path.stat().st_size > HEAD_BYTES
    assert texts(path) == [f"{WORDS}{n} {n**9}" for n in range(HEAD_ROWS)]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(2 * MIB) + b"PAR1")
    with pytest.raises(InvalidInput, match="not a Parquet file, or it is damaged"):
        texts(tmp_path / "bad.parquet")
