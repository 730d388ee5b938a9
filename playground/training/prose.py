"""Passages out of any folder of documentation: what the knowledge of the base is kept on.

Labelled rows alone make a reranker forget what its base knew of other fields. Any prose serves against that, because
embedders score it (`playground.training.scoring`): manuals, tutorials, dictionaries.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lxml import etree, html

from playground.core.errors import InvalidInput
from playground.training.groups import FUNCTION

MIN_WORDS, MAX_WORDS = 20, 170
FEWEST_FUNCTION_WORDS = 0.2  # of all words: English prose has about two in five, another language hardly any
HEADINGS = ("h1", "h2", "h3", "h4")
SPACE = re.compile(r"\s+")
HEADWORD = re.compile(r"^ {0,1}\S")


@dataclass(frozen=True, slots=True)
class Section:
    """A passage of prose and the heading it stands under (may be empty)."""

    source: str
    title: str
    text: str


def tidy(text: str) -> str:
    return SPACE.sub(" ", text.replace("¶", " ").replace("\uf0c1", " ")).strip()


def is_prose(text: str) -> bool:
    """Mostly English words: keeps listings, tables and other languages out."""
    letters = sum(c.isascii() and (c.isalpha() or c == " ") for c in text)
    words = text.lower().split()
    english = sum(word in FUNCTION for word in words) >= FEWEST_FUNCTION_WORDS * len(words)
    return english and letters > 0.88 * len(text) and len(words) >= MIN_WORDS


def of_html(path: Path, source: str) -> Iterator[Section]:
    """Paragraphs of one page, short neighbours under one heading joined up to `MAX_WORDS` words."""
    try:
        tree = html.fromstring(path.read_bytes())
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return
    title, held = "", ""
    for node in tree.iter(*HEADINGS, "p"):
        words = tidy(node.text_content())
        if node.tag in HEADINGS:
            if is_prose(held):
                yield Section(source, title, held)
            title, held = re.sub(r"^[\d.\sA-Z]{0,6}\.\s", "", words), ""
            continue
        joined = f"{held} {words}".strip()
        if len(joined.split()) > MAX_WORDS:
            if is_prose(held):
                yield Section(source, title, held)
            joined = " ".join(words.split()[:MAX_WORDS])
        held = joined
    if is_prose(held):
        yield Section(source, title, held)


def of_dictionary(path: Path, source: str) -> Iterator[Section]:
    """Entries of a dictd file: the headword as title, its definitions as text."""
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        entry: list[str] = []
        for line in file:
            if HEADWORD.match(line) and entry:
                yield from _entry(entry, source)
                entry = []
            if line.strip():
                entry.append(line.strip())
        yield from _entry(entry, source)


def _entry(lines: list[str], source: str) -> Iterator[Section]:
    if len(lines) < 2:
        return
    text = tidy(re.sub(r"\[[^\]]*\]|\{|\}", "", " ".join(lines[1:])))
    words = text.split()
    if len(words) >= 6:
        # Webster's puts the pronunciation between backslashes after the headword.
        yield Section(source, lines[0].split("\\")[0].strip(), " ".join(words[:MAX_WORDS]))


def read_folder(folder: Path, per_source: int, seed: int = 0) -> list[Section]:
    """Sections of every source (a subfolder of `folder`), at most `per_source` each, repeats dropped."""
    rng = random.Random(seed)
    found: dict[str, Section] = {}
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted([*source.rglob("*.html"), *source.rglob("*.dict.dz")])
        rng.shuffle(files)
        kept = 0
        for path in files:
            if path.is_symlink() or not path.is_file():
                continue
            reader = of_dictionary if path.name.endswith(".dict.dz") else of_html
            sections = [s for s in reader(path, source.name) if s.text not in found]
            rng.shuffle(sections)
            # One file never fills a source: long reference pages repeat themselves.
            limit = 4 * per_source if reader is of_dictionary else min(40, per_source - kept)
            for section in sections[:limit]:
                found[section.text] = section
                kept += 1
            if kept >= per_source:
                break
    return list(found.values())


def write_sections(sections: list[Section], path: Path) -> int:
    """Writes one JSON object a line; returns how many."""
    with path.open("w", encoding="utf-8") as file:
        for section in sections:
            file.write(json.dumps(asdict(section), ensure_ascii=False) + "\n")
    return len(sections)


def read_sections(path: Path) -> list[Section]:
    """What `write_sections` wrote.

    Raises:
        InvalidInput: a missing file or a line that is no section.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return [Section(**json.loads(line)) for line in file]
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput("{path} does not hold sections of prose: {reason}.", path=path, reason=error) from error
