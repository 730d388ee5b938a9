"""`python -m playground.corpus.openstax GIT`: makes the ready corpus again, from a clone of its book."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from playground.core.corpora import Document
from playground.corpus import ready
from playground.corpus.chunking import chunk
from playground.corpus.reading import of_html

CNXML = "{http://cnx.rice.edu/cnxml}"
MDML = "{http://cnx.rice.edu/mdml}"
COLLXML = "{http://cnx.rice.edu/collxml}"
# Formulas read as letter salad; figures, boxes and exercises are no text of the book's own course.
DROPPED = tuple(f"{CNXML}{tag}" for tag in ("figure", "table", "note", "exercise", "glossary", "metadata", "media"))
MATH = "{http://www.w3.org/1998/Math/MathML}math"
# Said again, or no text.
LEFT_OUT = (
    *("learning-objectives", "summary", "multiple-choice", "critical-thinking", "fill-in-the-blank", "matching"),
    *("short-answer", "true-false", "contrib-auth", "sr-contrib-auth"),
)
# Preface, taxonomy and glossary.
MODULES_LEFT_OUT = ("m63247", "m58949", "m58950")
# Shorter ones say only that something follows.
LEAST_CHARS = 100


def documents(git: Path, commit: str, collection: str) -> Iterator[Document]:
    """The modules of a book in its order, each a document."""
    from lxml import etree

    files = dict(_files(git, commit))
    # Of a file that we named, without entities of its own.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    tree = etree.fromstring(files[f"collections/{collection}.collection.xml"], parser)
    for module in tree.iter(f"{COLLXML}module"):
        id = str(module.get("document"))
        if id in MODULES_LEFT_OUT:
            continue
        root = etree.fromstring(files[f"modules/{id}/index.cnxml"], parser)
        title = root.findtext(f".//{MDML}title") or root.findtext(f"{CNXML}title") or id
        etree.strip_elements(root, *DROPPED, MATH, with_tail=False)
        document = of_html(f"<title>{escape(title)}</title>{''.join(_html(root, 1))}", id)
        if len(document.text) >= LEAST_CHARS:
            yield document


def _html(node: Any, level: int) -> Iterator[str]:
    """Titles, paragraphs and list items of a module as a page."""
    for child in node:
        words = escape(" ".join("".join(child.itertext()).split()))
        if child.tag == f"{CNXML}title" and node.tag == f"{CNXML}section":
            yield f"<h{min(level, 6)}>{words}</h{min(level, 6)}>"
        elif child.tag in (f"{CNXML}para", f"{CNXML}item"):
            yield f"<p>{words}</p>"
        elif child.tag == f"{CNXML}section":
            if child.get("class") not in LEFT_OUT:
                yield from _html(child, level + 1)
        else:
            yield from _html(child, level)


def _files(git: Path, commit: str) -> Iterator[tuple[str, bytes]]:
    command = ["git", f"--git-dir={git}", "archive", commit, "modules", "collections"]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - our own command
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield member.name, file.read()


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    if len(given) != 1:
        sys.stderr.write("Usage: python -m playground.corpus.openstax GIT_DIRECTORY\n")
        return 2
    about = next(each for each in ready.abouts() if each.folder.name == "microbiology")
    commit, collection = about.commit, about.folder.name
    rows, digest = list[str](), hashlib.sha256()
    for passage in chunk(documents(Path(given[0]), commit, collection), about.chunking):
        if len(passage.text) >= LEAST_CHARS:
            rows.append(json.dumps(ready.row_of(passage), ensure_ascii=False) + "\n")
            digest.update(f"{passage.id}\0{passage.title}\0{passage.text}\0".encode())
    # Without a time in it: the same passages are the same bytes.
    (about.folder / ready.PASSAGES).write_bytes(gzip.compress("".join(rows).encode(), mtime=0))
    print(f"{len(rows)} passages, digest {digest.hexdigest()}; that in about.toml is {about.digest or 'empty'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
