"""Label files of any kind: packed, several, damaged, or too large."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE
from playground.core.limits import LOCAL, PUBLIC, Limits
from playground.inputs.labelled_sets import read
from tests.inputs.label_sets import FLAG, PASSAGES, QRELS, QUERIES, put, read_text, said


def test_gzip_and_a_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + FLAG.replace("\n", "\r\n").encode()))
    file = read([path])
    assert said(file.labelled) == said(read_text(tmp_path, FLAG).labelled)
    assert file.labelled.name == "rows"


def test_the_parts_of_a_collection_may_come_in_one_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "collection.zip", "w") as archive:
        archive.writestr("deep/", "")
        for name, text in {"deep/qrels.txt": QRELS, "q.tsv": QUERIES, "d.tsv": PASSAGES, "__MACOSX/x": "x"}.items():
            archive.writestr(name, text)
    file = read([tmp_path / "collection.zip"])
    assert (file.kind, file.labelled.name, file.labelled.n_pairs) == ("trec", "collection", 4)


def test_several_files_become_one_set(tmp_path: Path) -> None:
    table = "query,passage,label\nq1,d,unsure\n"
    file = read(put(tmp_path, {"a.jsonl": FLAG, "b.csv": table}), name="both")
    assert said(file.labelled)["q1"] == [("a", 1), ("b", 1), ("c", 0), ("d", UNSURE)]
    assert file.labelled.name == "both"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(FLAG.encode() * 50)[:-20])
    with pytest.raises(InvalidInput, match=r"cut\.jsonl\.gz is damaged or locked"):
        read([tmp_path / "cut.jsonl.gz"])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(InvalidInput, match=r"cut\.zip is damaged or locked"):
        read([tmp_path / "cut.zip"])
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(
        InvalidInput, match=r"labels\.xlsx cannot be read. This file is not text: it is a ZIP or an Excel"
    ):
        read([tmp_path / "labels.xlsx"])
    with pytest.raises(InvalidInput, match=r"The file 'none\.csv' cannot be opened"):
        read([tmp_path / "none.csv"])
    with pytest.raises(InvalidInput, match="There is no file to read"):
        read([])


def test_characters_that_no_text_can_hold_are_mended_with_a_note(tmp_path: Path) -> None:
    file = read_text(tmp_path, '{"query": "q", "pos": ["a\\u0000b", "half \\ud83d"], "neg": ["\\ud83d\\udc3c"]}')
    assert said(file.labelled) == {"q": [("ab", 1), ("half \ufffd", 1), ("🐼", 0)]}
    assert file.notes == ("Texts with characters that no text can hold (NUL, half emoji), mended: 2.",)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(pairs=3), "A labelled set may hold 3 pairs; this one holds more."),
        (Limits(set_chars=100), "The passages of a labelled set may have 100 characters together; these have more."),
        (Limits(passage_chars=60), "file.jsonl, line 1: a passage has 70 characters; the limit is 60."),
        (Limits(query_chars=1), "file.jsonl, line 1: the query has 2 characters; the limit is 1."),
        (Limits(set_chars=10), "file.jsonl is too big"),
    ],
)
def test_a_passed_limit_is_stated(tmp_path: Path, limits: Limits, reason: str) -> None:
    paths = put(tmp_path, {"file.jsonl": FLAG.replace('"a"', json.dumps("a" * 70))})
    with pytest.raises(InvalidInput) as caught:
        read(paths, limits=limits)
    assert reason in str(caught.value)


def test_a_public_space_takes_less(tmp_path: Path) -> None:
    assert (LOCAL.pairs, PUBLIC.pairs) == (100_000, 5_000)
    rows = "".join(f'{{"query": "q{n}", "pos": ["a"]}}\n' for n in range(5_001))
    paths = put(tmp_path, {"file.jsonl": rows})
    assert read(paths).labelled.n_pairs == 5_001
    with pytest.raises(InvalidInput, match="may hold 5,000 pairs"):
        read(paths, limits=PUBLIC)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 3_000_000))
    with pytest.raises(InvalidInput, match="is too big"):
        read([tmp_path / "bomb.gz"], limits=Limits(set_chars=100_000))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b" " * 300_000)
        archive.writestr("b.csv", b" " * 300_000)
    with pytest.raises(InvalidInput, match=r"b\.csv is too big"):
        read([tmp_path / "bomb.zip"], limits=Limits(set_chars=100_000))


def test_a_hundred_thousand_pairs_are_read(tmp_path: Path) -> None:
    rows = "".join(
        f'{{"query": "question {n}", "pos": ["p{n}"], "neg": {json.dumps([f"n{n} {m}" for m in range(19)])}}}\n'
        for n in range(5_000)
    )
    labelled = read(put(tmp_path, {"big.jsonl": rows})).labelled
    assert (labelled.n_pairs, labelled.counts()) == (100_000, {1: 5_000, 0: 95_000})
