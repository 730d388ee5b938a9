"""Uploaded files become passages."""

import datetime
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.core.errors import InvalidInput
from playground.core.types import Passage
from playground.inputs.passage_files import MAX_FILE_BYTES, SUFFIXES, read_file

CHINESE = "大熊猫是中国特有的动物。\n它们几乎只吃竹子。"


@pytest.fixture
def write(tmp_path: Path):
    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gbk", "gb18030", "big5"])
def test_chinese_text_is_read_in_every_usual_encoding(write, encoding: str) -> None:
    source = "臺灣的首都是臺北。\n黑熊住在山裡。" if encoding == "big5" else CHINESE
    assert [p.text for p in read_file(write("a.txt", source, encoding)).passages] == source.split("\n")


def test_a_guessed_encoding_is_said(write) -> None:
    parsed = read_file(write("a.txt", CHINESE, "gbk"))
    assert parsed.notes == ("Read as gb18030. If characters look wrong, save the file as UTF-8.",)
    assert read_file(write("b.txt", CHINESE)).notes == ()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("大熊猫", "gbk"),
        ("query,text\n猫,猫是动物", "gbk"),
        ("日本の首都は東京です。", "shift_jis"),
        ("café naïve\nrésumé", "latin-1"),
        ("Ärger über Öl", "latin-1"),
        ("l’été déjà", "cp1252"),
        ("plain words", "utf-16-le"),
        ("plain words", "utf-16-be"),
    ],
)
def test_short_files_without_a_mark_are_read(write, text: str, encoding: str) -> None:
    parsed = read_file(write("a.txt", text, encoding))
    assert "\n".join(p.text for p in parsed.passages) == text


def test_a_long_gbk_file_with_one_rare_character_at_its_end_is_read(write) -> None:
    text = "大熊猫是中国特有的动物。\n" * 4000 + "𠮷"
    assert read_file(write("a.txt", text, "gb18030")).passages[-1].text == "𠮷"


def test_a_few_damaged_bytes_in_utf8_are_replaced_and_said(write) -> None:
    parsed = read_file(write("a.txt", CHINESE.encode() + b"\xff end"))
    assert parsed.passages[-1].text.endswith("\ufffd end")
    assert parsed.notes == ("Damaged characters in the file, replaced: 1 (read as utf-8).",)


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.csv", "|"), ("a.tsv", "\t")]
)
def test_delimiters_are_found(write, name: str, delimiter: str) -> None:
    rows = [["id", "text", "label"], ["p1", '"Bamboo, shoots; and\nleaves"', "1"], ["p2", "Cars", "no"]]
    parsed = read_file(write(name, "\n".join(delimiter.join(row) for row in rows)))
    assert parsed.passages == (Passage("p1", "Bamboo, shoots; and\nleaves", True), Passage("p2", "Cars", False))
    assert (parsed.mode, parsed.column, parsed.columns) == ("table", "text", ("id", "text", "label"))


def test_a_constant_query_column_becomes_the_query(write) -> None:
    parsed = read_file(write("a.csv", "query,passage,source\nwhat is panda?,A bear.,wiki\nwhat is panda?,hi,mail\n"))
    assert parsed.query == "what is panda?"
    assert parsed.passages == (
        Passage("1", "A bear.", None, {"source": "wiki"}),
        Passage("2", "hi", None, {"source": "mail"}),
    )


def test_the_only_text_column_is_taken(write) -> None:
    parsed = read_file(write("a.csv", "year,answer\n1999,Bamboo\n2001,Grass\n"))
    assert [p.text for p in parsed.passages] == ["Bamboo", "Grass"]
    assert parsed.column == "answer"


def test_a_column_may_be_named(write) -> None:
    path = write("a.csv", "text,Answer\nA,B\n")
    assert read_file(path, column="answer").passages == (Passage("1", "B", None, {"text": "A"}),)


def test_a_wrong_column_lists_the_columns(write) -> None:
    with pytest.raises(InvalidInput, match=r"There is no column 'txt'. The columns are: id, answer, comment"):
        read_file(write("a.csv", "id,answer,comment\n1,A,B\n"), column="txt")


def test_several_text_columns_ask_for_one(write) -> None:
    with pytest.raises(InvalidInput, match="Which column holds the passages\\? Name one of: id, answer, comment"):
        read_file(write("a.csv", "id,answer,comment\n1,A,B\n"))


def test_many_columns_with_long_names_still_make_a_sentence(write) -> None:
    header = ["id", "y" * 500, *(f"c{n}" for n in range(30))]
    rows = [header, ["1", *["word"] * 31]]
    with pytest.raises(InvalidInput, match=r"Name one of: id, y{40}…, c0, c1, .*, c17 …\.$"):
        read_file(write("a.csv", "\n".join(map(",".join, rows))))


def test_a_ragged_row_is_named_by_its_line(write) -> None:
    with pytest.raises(InvalidInput, match="Line 5 has 3 fields, but the first line has 2"):
        read_file(write("a.csv", 'text,label\n"two\nlines",1\n\nHello, world,0\n'))


def test_empty_cells_behind_the_last_column_do_no_harm(write) -> None:
    assert len(read_file(write("a.csv", "text,label\nA,1,,\n,,\n")).passages) == 1


def test_a_quote_that_never_ends_is_named_by_its_line(write) -> None:
    with pytest.raises(InvalidInput, match="The row that begins on line 3 is broken"):
        read_file(write("a.csv", 'text\nA\n"B\nC\n'))


def test_a_csv_without_headings_keeps_its_first_row(write) -> None:
    parsed = read_file(write("a.csv", "Pandas eat bamboo almost all day long.\nBears sleep.\n"))
    assert [p.text for p in parsed.passages] == ["Pandas eat bamboo almost all day long.", "Bears sleep."]
    assert parsed.notes == ("The first row does not look like column names, so it was read as data.",)


def test_a_passage_of_a_megabyte_in_a_cell_is_read(write) -> None:
    parsed = read_file(write("a.csv", 'text,label\n"' + "long " * 200_000 + '",1\n'))
    assert len(parsed.passages[0].text) == 1_000_000


def test_json_and_jsonl_files(write) -> None:
    assert read_file(write("a.json", '{"query": "q", "pos": ["A"], "neg": ["B"]}')).query == "q"
    assert len(read_file(write("b.jsonl", '{"text": "A"}\n{"text": "B"}\n')).passages) == 2
    assert len(read_file(write("one.jsonl", '{"text": "A"}\n')).passages) == 1
    assert read_file(write("lines.json", '{"text": "A"}\n{"text": "B"}\n')).mode == "jsonl"


def test_a_json_key_may_be_named(write) -> None:
    path = write("a.jsonl", '{"answer": "A", "text": "x"}\n{"answer": "B", "text": "y"}')
    assert [p.text for p in read_file(path, column="answer").passages] == ["A", "B"]
    with pytest.raises(InvalidInput, match="Entry 1 has no text: it needs one of the keys reply"):
        read_file(path, column="reply")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_json_file_that_is_no_json_is_refused_with_its_line(write, name: str) -> None:
    with pytest.raises(InvalidInput, match="not valid JSON"):
        read_file(write(name, "just words\n"))


def test_a_broken_line_of_a_jsonl_file_is_named(write) -> None:
    with pytest.raises(InvalidInput, match="Line 2 is not valid JSON"):
        read_file(write("a.jsonl", '{"text": "A"}\n{"text": "B"\n'))


def test_parquet_is_read(tmp_path: Path) -> None:
    table = pa.table(
        {"passage": ["A", "B"], "label": [1, 0], "when": [datetime.date(2024, 1, 2), None], "query": ["q", "q"]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    parsed = read_file(tmp_path / "a.parquet")
    assert parsed.passages == (
        Passage("1", "A", True, {"when": "2024-01-02"}),
        Passage("2", "B", False, {"when": None}),
    )
    assert parsed.query == "q"


def test_parquet_training_rows_give_the_first(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["q", "r"], "pos": [["A"], ["C"]], "neg": [["B"], []]}), tmp_path / "a.parquet")
    parsed = read_file(tmp_path / "a.parquet")
    assert (parsed.query, [p.label for p in parsed.passages]) == ("q", [True, False])


def test_parquet_with_a_column_of_maps_is_read(tmp_path: Path) -> None:
    maps = pa.array([[("lang", "en"), ("licence", None)], None], pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table({"text": ["A", "B"], "more": maps}), tmp_path / "a.parquet")
    assert [p.text for p in read_file(tmp_path / "a.parquet").passages] == ["A", "B"]


def test_damaged_parquet_is_refused(write) -> None:
    with pytest.raises(InvalidInput, match="not a Parquet file, or it is damaged"):
        read_file(write("a.parquet", b"PAR1" + bytes(range(200)) + b"PAR1"))


def test_a_parquet_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array(["x" * 3_000_000] * 90)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(InvalidInput, match=r"unpacks to 25. MiB; at most 200 MiB"):
        read_file(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "column",
    [
        ["x" * 100_000] * 3_000,
        [["x" * 100_000] * 3_000],
        [{"a": "x" * 100_000}] * 3_000,
        pa.array([[("a", "x" * 100_000)]] * 3_000, pa.map_(pa.string(), pa.string())),
    ],
)
def test_a_parquet_file_that_holds_one_text_thousands_of_times_is_refused(
    tmp_path: Path, column: list | pa.Array
) -> None:
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    with pytest.raises(InvalidInput, match=r"unpacks to 28. MiB; at most 200 MiB"):
        read_file(tmp_path / "a.parquet")


def test_a_parquet_file_of_endless_lists_of_nothing_is_refused(tmp_path: Path) -> None:
    lists = pa.array([[0] * 8_000_000], pa.list_(pa.int8()))
    pq.write_table(pa.table({"text": ["a"], "more": lists}), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(InvalidInput, match=r"unpacks to 24. MiB; at most 200 MiB"):
        read_file(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.json", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(write, name: str, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="This file is empty"):
        read_file(write(name, content))


def test_a_table_without_rows_is_refused(write) -> None:
    with pytest.raises(InvalidInput, match="column names but no rows"):
        read_file(write("a.csv", "text,label\n"))


def test_a_file_of_200_mb_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(InvalidInput, match="This file has 200 MiB; at most 20 MiB can be read"):
        read_file(path)
    assert MAX_FILE_BYTES == 20 * 2**20


@pytest.mark.parametrize("name", ["a.xlsx", "a.exe", "noending"])
def test_other_types_are_refused_with_the_ones_that_work(write, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be read. Upload one of: .txt, .md, .csv"):
        read_file(write(name, "text"))


def test_a_spreadsheet_called_csv_is_recognised(write) -> None:
    with pytest.raises(InvalidInput, match="a ZIP or an Excel or Word document"):
        read_file(write("a.csv", b"PK\x03\x04" + bytes(60)))


@pytest.mark.parametrize("size", [64, 1000, 100_000])
def test_binary_garbage_is_refused(write, size: int) -> None:
    with pytest.raises(InvalidInput, match="not text"):
        read_file(write("a.txt", b"\x01\x02" + random.Random(7).randbytes(size)))


def test_a_nul_inside_a_text_file_is_taken_out(write) -> None:
    assert read_file(write("a.txt", b"A panda\0 is a bear.")).passages[0].text == "A panda is a bear."


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'gone.txt' cannot be opened: No such file"):
        read_file(tmp_path / "gone.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InvalidInput, match="cannot be opened"):
        read_file(tmp_path / "folder.txt")


JUNK = st.one_of(
    st.binary(max_size=200),
    st.text('{}[]",:;\t\n\r\0 aé猫"1', max_size=80).map(lambda text: text.encode()),
    st.text('text,id\n"x;|\t', max_size=60).map(lambda text: b"text,label\n" + text.encode("utf-16")),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JUNK, suffix=st.sampled_from(SUFFIXES))
def test_whatever_a_file_holds_it_is_read_or_refused_in_a_sentence(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(content)
    said, passages = "", ()
    try:
        passages = read_file(path).passages
    except InvalidInput as error:
        said = str(error)
    assert passages or (said[0].isupper() and said.endswith("."))
    assert all("\0" not in passage.text for passage in passages)
