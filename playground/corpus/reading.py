"""Files become documents. Tables and JSON lines give one per row; other files are one each."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from playground.core.corpora import Document, Heading
from playground.core.errors import InvalidInput
from playground.core.limits import LOCAL, Limits
from playground.inputs.encodings import decode
from playground.inputs.heads import HEAD_BYTES, head
from playground.inputs.keyed_items import Note, is_blank, mend
from playground.inputs.passage_files import MOST, Most, cannot_open, read_bytes, read_file, size_of
from playground.inputs.passage_files import SUFFIXES as TABLES

TEXTS = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".pdf")
ROWS = tuple(suffix for suffix in TABLES if suffix not in (".txt", ".md"))
SUFFIXES = (*TEXTS, *ROWS)
TITLE_KEYS = ("title", "heading", "name")
LONGEST_TITLE = 300
MOST_PAGES = 5_000
# Of what only the beginning is read: files, and characters of a PDF's first pages.
HEAD_FILES, HEAD_CHARS = 30, 200_000
BETWEEN = "\n\n"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What a page shows around its text, or does not show at all. Not forms: pages of ASP.NET lie in one as a whole.
DROPPED = (
    *("script", "style", "noscript", "template", "nav", "footer", "aside", "svg", "math"),
    *("button", "select", "textarea", "datalist"),
)
BLOCKS = (
    *(*HEADINGS, "p", "li", "pre", "blockquote", "tr", "dt", "dd", "figcaption", "caption", "div", "section"),
    *("form", "header"),
    *("hr", "ul", "ol", "dl", "table", "body", "article", "main"),
)
# Inline, and yet words on both sides of it are two.
PARTING = ("br", "td", "th")
# Names with values above a Markdown file, as Jekyll, Hugo and Obsidian write them.
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?=[\w-]+:)(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
FRONT_TITLE = re.compile(r"""^title:[ \t]*(["']?)(.+?)\1[ \t]*$""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """Documents of files.

    Attributes:
        problems: of files that could not be read, each with the file's name; the others were.
        notes: what was noticed on the way.
        more: whether there are more documents, since only the beginning was read.
    """

    documents: tuple[Document, ...]
    problems: tuple[InvalidInput, ...] = ()
    notes: tuple[Note, ...] = ()
    more: bool = False


def read(
    paths: Sequence[str | Path], limits: Limits = LOCAL, column: str | None = None, *, beginning: bool = False
) -> Read:
    """The documents of these files, and of the files in these folders.

    Ids are those that rows name, else a file's name; where two would be the same, the file's name goes before.

    Args:
        column: of tables, the one that holds the text; None finds it.
        beginning: read no more than the first files, rows, lines and pages.

    Raises:
        InvalidInput: nothing could be read; where it was one file, the sentence says why.
    """
    documents: dict[str, Document] = {}
    problems, notes = list[InvalidInput](), list[Note]()
    files = list(_files(paths))
    n_bytes, more = 0, beginning and len(files) > HEAD_FILES
    for name, path in files[: HEAD_FILES if beginning else None]:
        try:
            found, said = read_one(path, name, limits, column, beginning=beginning)
            more = more or (beginning and path.suffix.lower() in ROWS and path.stat().st_size > HEAD_BYTES)
        except InvalidInput as problem:
            problems.append(InvalidInput("{file}: {problem}", file=name, problem=problem))
            continue
        notes += [each for each in said if each not in notes]
        for document in found:
            own = replace(document, id=_free(document.id, name, documents))
            documents[own.id] = own
            n_bytes += len(own.text)
        if n_bytes > limits.corpus_bytes:
            raise InvalidInput(
                "These files hold more than {limit:,} MB of text, the most of one corpus here. Use fewer files.",
                limit=limits.corpus_bytes // 1_000_000,
            )
    if not documents:
        if problems:
            raise problems[0]
        raise InvalidInput("There is no file to read. Choose some of: {suffixes}.", suffixes=", ".join(SUFFIXES))
    repeats = len(documents) - len({document.text for document in documents.values()})
    if repeats:
        notes.append(Note("Documents that repeat another word for word, kept: {n}.", n=repeats))
    return Read(tuple(documents.values()), tuple(problems), tuple(notes), more)


def read_one(
    path: Path, name: str, limits: Limits = LOCAL, column: str | None = None, *, beginning: bool = False
) -> tuple[list[Document], tuple[Note, ...]]:
    """The documents of one file; the ending of its name says what it is.

    Args:
        name: what it is called in ids and titles.
        beginning: as `read`.

    Raises:
        InvalidInput: the file is of another type, too big, empty, damaged, or holds no text.
    """
    suffix, take = path.suffix.lower(), head if beginning else read_bytes
    if suffix in ROWS:
        most = Most(limits.corpus_passages, max(MOST.n_bytes, limits.corpus_bytes))
        first = partial(head, unpacked=most) if beginning else None
        parsed = read_file(path, column=column, most_bytes=limits.corpus_file_bytes, most=most, take=first)
        rows = [_of_row(passage.id, passage.text, passage.meta) for passage in parsed.passages]
        return rows, tuple(note for note in parsed.notes if isinstance(note, Note))
    if suffix not in TEXTS:
        raise InvalidInput(
            "Files of type {suffix!r} cannot be read. Upload one of: {suffixes}.",
            suffix=suffix or path.name,
            suffixes=", ".join(SUFFIXES),
        )
    notes = tuple[Note, ...]()
    if suffix == ".pdf" and beginning:
        size_of(path, limits.corpus_file_bytes)
        try:
            with path.open("rb") as file:
                document = of_pdf(file, name, HEAD_CHARS)
        except OSError as error:
            raise cannot_open(path, error) from error
    elif suffix == ".pdf":
        document = of_pdf(io.BytesIO(read_bytes(path, limits.corpus_file_bytes)), name)
    else:
        text, notes = decode(take(path, limits.corpus_file_bytes))
        text, _ = mend(text)
        if suffix.startswith((".htm", ".xhtm")):
            document = of_html(text, name)
        elif suffix.startswith((".md", ".markdown")):
            document = of_markdown(text, name)
        else:
            document = Document(name, Path(name).stem, text.replace("\r\n", "\n").replace("\r", "\n"))
    if is_blank(document.text):
        raise InvalidInput("This file holds no text.")
    return [replace(document, title=document.title[:LONGEST_TITLE])], notes


def of_markdown(text: str, id: str) -> Document:
    """The text of Markdown with its headings, without what stands above it between two lines of dashes."""
    from markdown_it import MarkdownIt

    text = text.replace("\r\n", "\n")
    front = FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    document = of_html(MarkdownIt("commonmark").enable("table").render(body), id)
    title = FRONT_TITLE.search(front[1]) if front else None
    return replace(document, title=title[2]) if title else document


def of_html(markup: str, id: str) -> Document:
    """The text of a page with its headings, without its scripts and what stands around.

    Raises:
        InvalidInput: there is no markup that can be read.
    """
    from lxml import etree, html

    try:
        # As bytes: lxml refuses a str that names an encoding of its own.
        tree = html.document_fromstring(markup.encode(), html.HTMLParser(encoding="utf-8", huge_tree=True))
    except (etree.ParserError, ValueError) as error:
        raise InvalidInput("This file holds no text.") from error
    title = " ".join((tree.findtext(".//title") or "").split())
    for header in tree.findall(".//header"):
        # A page's own title may stand in one.
        if next(header.iter(*HEADINGS), None) is None:
            header.tag = DROPPED[0]
    etree.strip_elements(tree, *DROPPED, "title", etree.Comment, etree.ProcessingInstruction, with_tail=False)
    parts, headings, length = list[str](), list[Heading](), 0
    for tag, words in _blocks(tree):
        start = length + len(BETWEEN) if parts else 0
        parts.append(words)
        length = start + len(words)
        if tag in HEADINGS:
            headings.append(Heading(start, length, int(tag[1])))
            title = title or words
    return Document(id, title or Path(id).stem, BETWEEN.join(parts), tuple(headings))


def of_pdf(file: IO[bytes], id: str, most_chars: int | None = None) -> Document:
    """The text of a PDF, page after page.

    Args:
        most_chars: the page that reaches it is the last that is read.

    Raises:
        InvalidInput: it is damaged, locked with a password, too long, or holds pictures of text only.
    """
    from pypdf import PdfReader

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput("This PDF is locked with a password. Save it without one first.")
        if len(reader.pages) > MOST_PAGES:
            raise InvalidInput(
                "This PDF has {n:,} pages; at most {limit:,} can be read.", n=len(reader.pages), limit=MOST_PAGES
            )
        pages, n_chars = list[str](), 0
        for page in reader.pages:
            pages.append(mend(page.extract_text())[0].strip())
            n_chars += len(pages[-1])
            if most_chars is not None and n_chars >= most_chars:
                break
        title = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
    except InvalidInput:
        raise
    # pypdf lets through whatever a damaged file makes its parsers do.
    except Exception as error:
        raise InvalidInput("This is not a PDF, or it is damaged: {reason}.", reason=str(error)[:200]) from error
    text = BETWEEN.join(page for page in pages if page)
    if not text:
        raise InvalidInput("This PDF holds no text, only pictures of it. Run a text recognition (OCR) over it first.")
    return Document(id, title or Path(id).stem, text)


def _blocks(tree: Any) -> Iterator[tuple[str, str]]:
    """Tag and words of each block that holds words itself."""
    held, tag = list[str](), ""

    def words() -> str:
        return " ".join("".join(held).split())

    for event, node in _walk(tree):
        if event == "text":
            held.append(node)
            continue
        if words():
            yield tag, words()
        held, tag = [], node


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    """Texts in their order, and the tag of each block where it begins or, after it, that of what goes on."""
    from lxml import etree

    stack: list[str] = [""]
    for event, each in etree.iterwalk(node, events=("start", "end")):
        if event == "start":
            if each.tag in BLOCKS:
                stack.append(str(each.tag))
                yield "block", stack[-1]
            if each.text:
                yield "text", each.text
            continue
        if each.tag in PARTING:
            yield "text", " "
        elif each.tag in BLOCKS:
            stack.pop()
            yield "block", stack[-1]
        if each.tail and each is not node:
            yield "text", each.tail
    yield "block", ""


def _of_row(id: str, text: str, meta: Any) -> Document:
    by_name = {str(key).strip().lower(): value for key, value in meta.items()}
    title = next((by_name[key] for key in TITLE_KEYS if isinstance(by_name.get(key), str)), "")
    return Document(id, " ".join(title.split())[:LONGEST_TITLE], text)


def _files(paths: Sequence[str | Path]) -> Iterator[tuple[str, Path]]:
    """Name and path of each file; those of a folder by their path in it, of known types only."""
    for path in map(Path, paths):
        if path.is_dir():
            inside = (each for each in sorted(path.rglob("*")) if each.suffix.lower() in SUFFIXES and each.is_file())
            yield from ((each.relative_to(path).as_posix(), each) for each in inside if not _hidden(each, path))
        else:
            yield path.name, path


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _free(id: str, name: str, taken: dict[str, Document]) -> str:
    """The id, behind the file's name where it is taken, with a number where that is, too."""
    if id in taken and not id.startswith(name):
        id = f"{name}/{id}"
    first, number = id, 1
    while id in taken:
        number += 1
        id = f"{first} ({number})"
    return id
