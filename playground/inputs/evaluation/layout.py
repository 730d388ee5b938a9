"""Which file of a task holds what, told by names only, so that no more is downloaded than is read.

BEIR: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`. MTEB: a folder for each of corpus, queries, qrels (or `data`,
the Hub's word for "default") and, of a reranking task, top_ranked; files in them are named by their split, and folders
of a task in several languages begin with the language ("en-corpus"). Older reranking tasks: one file of rows for each
split. Source: mteb, abstasks/retrieval_dataset_loaders.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from playground.core.errors import InvalidInput

Part = Literal["corpus", "queries", "qrels", "top_ranked"]

_PARTS: dict[str, Part] = {
    "corpus": "corpus",
    "passages": "corpus",
    "collection": "corpus",
    "documents": "corpus",
    "queries": "queries",
    "query": "queries",
    "qrels": "qrels",
    "top_ranked": "top_ranked",
    "top-ranked": "top_ranked",
}
# In the order of preference.
SPLITS = ("test", "dev", "validation", "val", "train")
DEFAULT_FOLDERS = ("", "data", "default")
_FOLDER = re.compile(rf"(?:(?P<subset>.+)-)?(?P<part>{'|'.join(_PARTS)})", re.IGNORECASE)
_STEM = re.compile(rf"(?:.*[._-])?(?P<part>{'|'.join(_PARTS)})(?:[._-].*)?", re.IGNORECASE)
_DATA = re.compile(r"(?!dataset_infos?\.).*\.(jsonl|ndjson|json|parquet|tsv|csv)(\.gz)?", re.IGNORECASE)
_JUDGED = re.compile(r".*\.(txt|trec|qrels?)(\.gz)?", re.IGNORECASE)
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one split of a task.

    Attributes:
        rows: files that are no part of a collection: rows of a query with its passages.
        split: empty where the files name none.
    """

    corpus: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    qrels: tuple[str, ...] = ()
    top_ranked: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    split: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.corpus, *self.queries, *self.qrels, *self.top_ranked, *self.rows)


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    part: Part | None
    subset: str
    split: str


def chosen(names: Iterable[str], task: str, split: str = "", subset: str = "") -> Layout:
    """The files that are to be read.

    Args:
        names: paths within the task, with slashes.
        task: what the task is called in an error.
        split, subset: empty takes the first of `SPLITS` that is there, and the only subset.
    Raises:
        InvalidInput: a part is missing, or there is no such split or subset, or several and none was named.
    """
    files = [file for name in sorted(names) if (file := _file(name)) is not None]
    files = _of_subset(files, task, subset)
    by_part: dict[Part | None, list[_File]] = {}
    for file in files:
        by_part.setdefault(file.part, []).append(file)
    if "corpus" not in by_part and "queries" not in by_part:
        rows = by_part.get(None, [])
        if not rows:
            raise no_task(task)
        split = _split(rows, task, split)
        return Layout(rows=_of_split(rows, split), split=split)
    if "qrels" not in by_part:
        by_part["qrels"] = [file for file in by_part.get(None, []) if file.name.rpartition("/")[0] in DEFAULT_FOLDERS]
    needed: tuple[Part, ...] = ("corpus", "queries", "qrels")
    missing = [part for part in needed if not by_part.get(part)]
    if missing:
        raise InvalidInput(
            "{task} has no {missing}. A retrieval task is a corpus, queries and qrels.",
            task=task,
            missing=" and no ".join(missing),
        )
    split = _split(by_part["qrels"], task, split)
    found = {part: _of_split(by_part.get(part, []), split) for part in (*needed, "top_ranked")}
    return Layout(found["corpus"], found["queries"], found["qrels"], found["top_ranked"], split=split)


def no_task(task: str) -> InvalidInput:
    """There is nothing in it that can be evaluated."""
    return InvalidInput(
        "{task} is no task that is known: give a corpus, queries and qrels as BEIR and MTEB do, or rows of a query "
        "with positive and negative passages.",
        task=task,
    )


def _file(name: str) -> _File | None:
    *folders, last = name.split("/")
    if any(part.startswith(".") for part in (*folders, last)):
        return None
    for folder in folders:
        if found := _FOLDER.fullmatch(folder):
            return _File(name, _PARTS[found["part"].lower()], found["subset"] or "", _split_of(last))
    if not _DATA.fullmatch(last):
        return _File(name, "qrels", "", _split_of(last)) if _JUDGED.fullmatch(last) and "qrel" in last.lower() else None
    if found := _STEM.fullmatch(last.split(".")[0]):
        return _File(name, _PARTS[found["part"].lower()], "", _split_of(last))
    return _File(name, None, "", _split_of(last))


def _split_of(last: str) -> str:
    """The split that a file's name says: "test" of test-00000-of-00001.parquet and of qrels.test.tsv."""
    words = re.split(r"[._-]", last.lower())
    return next((word for word in words if word in SPLITS), "")


def _of_subset(files: Sequence[_File], task: str, subset: str) -> list[_File]:
    names = sorted({file.subset for file in files if file.part is not None})
    if subset and subset not in names:
        raise InvalidInput(
            "{task} has no subset {subset!r}. It has: {names}.",
            task=task,
            subset=subset,
            names=", ".join(filter(None, names[:_SHOWN])) or "-",
        )
    if not subset and len(names) > 1 and "" not in names:
        raise InvalidInput("{task} has several subsets: {names}. Name one.", task=task, names=", ".join(names[:_SHOWN]))
    wanted = subset or ("" if "" in names or not names else names[0])
    return [file for file in files if file.part is None or file.subset == wanted]


def _split(files: Sequence[_File], task: str, split: str) -> str:
    there = {file.split for file in files}
    if split and split not in there:
        raise InvalidInput(
            "{task} has no split {split!r}. It has: {names}.",
            task=task,
            split=split,
            names=", ".join(sorted(filter(None, there))) or "-",
        )
    return split or next((name for name in SPLITS if name in there), "")


def _of_split(files: Sequence[_File], split: str) -> tuple[str, ...]:
    """Those of the split, or all where none is of it, as of a corpus that serves every split."""
    own = [file.name for file in files if file.split == split]
    return tuple(own or (file.name for file in files))
