"""Files become documents with their headings; what cannot be read says why in one sentence."""

from __future__ import annotations

import io
from pathlib import Path
from random import randbytes

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.core.errors import InvalidInput
from playground.core.limits import MAX_CORPUS_PASSAGES, Limits
from playground.corpus.reading import of_html, of_markdown, of_pdf, read
from playground.inputs.tables import csv_table

PAGE = """<html><head><title>Pandas</title><style>p {}</style></head><body><nav>Home</nav>
<h1>The panda</h1><p>Eats <b>bamboo</b>.<br>Daily.</p><table><tr><td>one</td><td>two</td></tr></table>
<h2>Where</h2>In China<script>alert(1)</script>.</body></html>"""


def pdf(text: str, *, packed: bool = False, title: str | None = "A title") -> bytes:
    """A PDF that says this."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    page = writer.add_blank_page(300, 300)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): named})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    content = DecodedStreamObject()
    content.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
    page[NameObject("/Contents")] = writer._add_object(content.flate_encode() if packed else content)
    writer.add_metadata({"/Author": "Ann"} if title is None else {"/Title": title})
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_folder_of_every_kind_becomes_documents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_bytes("Grüße aus Köln und Düsseldorf, schöne Grüße.".encode("cp1252"))
    (tmp_path / "b.md").write_text("# Panda\n\nEats *bamboo*.\n\n## Home\n\nChina.", encoding="utf-8")
    (tmp_path / "sub" / "c.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "d.pdf").write_bytes(pdf("Bamboo grows fast"))
    (tmp_path / "e.csv").write_text("id,title,text\n7,T,one\n8,,two\n", encoding="utf-8")
    (tmp_path / "f.jsonl").write_text('{"_id": "7", "text": "seven"}\n', encoding="utf-8")
    pd.DataFrame({"text": ["one"], "id": ["p"]}).to_parquet(tmp_path / "g.parquet")
    (tmp_path / "h.bin").write_bytes(b"\0\1")
    (tmp_path / ".hidden.txt").write_text("no", encoding="utf-8")

    found = read([tmp_path])

    documents = {document.id: document for document in found.documents}
    assert list(documents) == ["a.txt", "b.md", "d.pdf", "7", "8", "f.jsonl/7", "p", "sub/c.html"]
    assert documents["a.txt"].text.startswith("Grüße aus Köln")
    assert [documents["b.md"].text[each.start : each.end] for each in documents["b.md"].headings] == ["Panda", "Home"]
    assert documents["sub/c.html"].text == "The panda\n\nEats bamboo. Daily.\n\none two\n\nWhere\n\nIn China."
    assert (documents["sub/c.html"].title, documents["d.pdf"].title) == ("Pandas", "A title")
    assert documents["d.pdf"].text == "Bamboo grows fast"
    assert (documents["7"].title, documents["f.jsonl/7"].text) == ("T", "seven")
    assert any("Read as" in note for note in found.notes)
    assert "Documents that repeat another word for word, kept: 1." in found.notes


def test_a_pdf_without_a_title_is_called_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "bamboo.pdf").write_bytes(pdf("Bamboo grows fast", title=None))

    assert [each.title for each in read([tmp_path]).documents] == ["bamboo"]


def test_the_beginning_of_a_pdf_is_its_first_pages(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    for number in range(12):
        writer.append(PdfReader(io.BytesIO(pdf(f"page {number} " + "bamboo " * 10))))
    writer.write(tmp_path / "a.pdf")
    whole = read([tmp_path / "a.pdf"]).documents[0].text.split("\n\n")
    assert [page.split()[1] for page in whole] == [str(number) for number in range(12)]
    with (tmp_path / "a.pdf").open("rb") as file:
        assert of_pdf(file, "a.pdf", 150).text.split("\n\n") == whole[:2]
    assert read([tmp_path / "a.pdf"], beginning=True).documents[0].text.split("\n\n") == whole


def test_a_page_in_a_form_keeps_its_text_and_a_header_its_title() -> None:
    page = """<body><header><a>Menu</a></header><form><header><nav>Home</nav><h1>Pandas</h1></header>
    <p>They eat bamboo.</p><select><option>1</option></select><button>Go</button></form></body>"""

    found = of_html(page, "a.html")

    assert (found.title, found.text) == ("Pandas", "Pandas\n\nThey eat bamboo.")


def test_a_deep_page_loses_nothing() -> None:
    page = "<div>" * 600 + "deep" + "</div>" * 600 + "<p>after</p>"

    assert of_html(page, "a.html").text == "deep\n\nafter"


def test_what_stands_above_markdown_is_no_text_but_may_name_it() -> None:
    found = of_markdown('---\r\nlayout: post\r\ntitle: "All: pandas"\r\n---\r\n\r\n# Food\r\n\r\nBamboo.\r\n', "a.md")

    assert (found.title, found.text, len(found.headings)) == ("All: pandas", "Food\n\nBamboo.", 1)
    assert of_markdown("---\ntags: x\n---\nBamboo.", "a.md").title == "a"
    assert of_markdown("---\n\nBamboo.\n\n---\n\nMore.", "a.md").text == "Bamboo.\n\nMore."


def test_a_table_may_have_as_many_rows_as_a_corpus_has_passages(tmp_path: Path) -> None:
    assert len(csv_table("text\n" + "one\n" * 100_001, ",", most=MAX_CORPUS_PASSAGES).rows) == 100_001
    (tmp_path / "a.csv").write_text("text\n" + "one\n" * 3, encoding="utf-8")
    pd.DataFrame({"text": ["one"] * 4}).to_parquet(tmp_path / "b.parquet")

    assert len(read([tmp_path], Limits(corpus_passages=4)).documents) == 7
    for name in ("a.csv", "b.parquet"):
        with pytest.raises(InvalidInput, match=r"This file has 4 rows; at most 2 can be read"):
            read([tmp_path / name], Limits(corpus_passages=2))


@pytest.mark.parametrize(
    ("text", "n", "most_rows", "said"),
    [
        ("panda", 8_000_000, 200, "unpacks to 2.. MiB; at most 200 MiB"),
        ("x" * 3_000_000, 100, 200, "unpacks to 28. MiB; at most 200 MiB"),
        ("panda", 1, 100, "has 200 rows; at most 100"),
    ],
)
def test_a_parquet_file_that_unpacks_too_far_is_refused_by_the_preview_too(
    tmp_path: Path, text: str, n: int, most_rows: int, said: str
) -> None:
    texts = pa.ListArray.from_arrays([0] + [n] * 200, pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), [text]))
    # Incompressible, so that the preview does not take the whole file.
    raw = [randbytes(2**13) for _ in range(200)]
    pq.write_table(pa.table({"text": texts, "raw": raw}), tmp_path / "a.parquet", store_schema=False)
    usual, counted = pa.default_memory_pool(), pa.system_memory_pool()
    limits = Limits(corpus_passages=most_rows, corpus_bytes=10_000_000)
    before = counted.max_memory()
    pa.set_memory_pool(counted)
    try:
        for beginning in (True, False):
            with pytest.raises(InvalidInput, match=f"This file {said}"):
                read([tmp_path / "a.parquet"], limits, beginning=beginning)
    finally:
        pa.set_memory_pool(usual)
    assert counted.max_memory() - before < 40 * 2**20


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of that kind")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "pictures.pdf").write_bytes(pdf(""))
    (tmp_path / "good.txt").write_text("good", encoding="utf-8")

    found = read([tmp_path])

    assert [document.id for document in found.documents] == ["good.txt"]
    said = [str(problem) for problem in found.problems]
    assert said[0].startswith("broken.pdf: This is not a PDF, or it is damaged")
    assert said[1].startswith("cut.parquet: This is not a Parquet file")
    assert said[2] == "empty.txt: This file is empty."
    assert said[3].startswith("pictures.pdf: This PDF holds no text")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.pdf", b"no", "a.pdf: This is not a PDF"),
        ("a.exe", b"MZ", "a.exe: Files of type '.exe' cannot be read"),
        ("a.html", b"<html></html>", "a.html: This file holds no text."),
        ("a.txt", b"\x7fELF" + bytes(range(200)), "a.txt: This file is not text: it is a program"),
        ("a.csv", b"text\n", "a.csv: This file has column names but no rows."),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidInput) as raised:
        read([tmp_path / name])

    assert str(raised.value).startswith(sentence)


def test_a_file_of_a_gigabyte_is_refused_by_its_size_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2**30)

    with pytest.raises(InvalidInput, match=r"This file has 1024 MiB; at most 200 MiB can be read\."):
        read([path])


def test_files_that_hold_more_than_a_corpus_may_are_refused_together(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("x " * 600_000, encoding="utf-8")

    with pytest.raises(InvalidInput, match="more than 2 MB of text"):
        read([tmp_path], Limits(corpus_bytes=2_000_000))


def test_a_pdf_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pdf"
    bomb.write_bytes(pdf("x) Tj (" * 11_500_000, packed=True))
    assert bomb.stat().st_size < 1_000_000

    with pytest.raises(InvalidInput, match=r"bomb\.pdf: This"):
        read([bomb])


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file to read"):
        read([tmp_path])


def test_files_in_several_encodings_are_read_each_in_its_own(tmp_path: Path) -> None:
    texts = {
        "utf-8": "Grüße aus dem Bambuswald, 熊猫。",
        "cp1252": "Grüße aus Köln und Düsseldorf, schöne Grüße.",
        "gb18030": "大熊猫吃竹子，生活在中国的山区。它们每天要吃很多竹子。",
        "utf-16": "Панда ест бамбук.",
    }
    for encoding, text in texts.items():
        (tmp_path / f"{encoding}.txt").write_bytes(text.encode(encoding))

    found = read([tmp_path])

    assert {document.id: document.text for document in found.documents} == {f"{key}.txt": texts[key] for key in texts}
    assert sorted(note.split(".")[0] for note in found.notes) == ["Read as cp1252", "Read as gb18030"]


def test_documents_that_repeat_another_are_kept_and_counted(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text("The same." if name != "c" else "Another.", encoding="utf-8")
    (tmp_path / "d.csv").write_text("id,text\n1,The same.\n1,Other.\n", encoding="utf-8")
    (tmp_path / "e.csv").write_text("id,text\n1,The same.\n2,The same.\n", encoding="utf-8")

    found = read([tmp_path])

    assert [document.id for document in found.documents] == ["a.txt", "b.txt", "c.txt", "1", "2"]
    assert found.notes[-1] == "Documents that repeat another word for word, kept: 3."
    assert [str(problem) for problem in found.problems] == [
        "d.csv: Two passages have the id '1'. Give each passage its own id."
    ]
