"""Files become a task, or an error that says in one sentence what is wrong with them."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.core.evaluation import EvaluationTask
from playground.core.labels import LabelledSet
from playground.core.limits import LOCAL, Limits
from playground.inputs.evaluation import layout
from playground.inputs.evaluation.layout import Layout
from playground.inputs.keyed_items import Note, is_blank, mend
from playground.inputs.labelled_sets import json_rows, trec, writing
from playground.inputs.labelled_sets import read as read_labelled
from playground.inputs.labelled_sets.gathering import Gathering, Place
from playground.inputs.labelled_sets.grades import whole_number
from playground.inputs.labelled_sets.sources import ZIP_MAGIC, Source, files_in, load, too_big, unpacking
from playground.inputs.passage_files import Most

Qrels = dict[str, dict[str, int]]

CANDIDATES = ("corpus-ids", "corpus_ids", "passage_ids")
MOST_IN_ZIP = 200
_POSITIVE = re.compile(r"pos|positives?(_\d+)?")
_NEGATIVE = re.compile(r"neg|negatives?(_\d+)?")


def read(
    paths: Sequence[Path], *, name: str = "", split: str = "", subset: str = "", limits: Limits = LOCAL
) -> EvaluationTask:
    """The task that a folder, a ZIP of one, or files hold; all of it, or an error.

    Args:
        name: of the task; empty takes the folder's or the first file's.
        split, subset: as `layout.chosen`.
    Raises:
        InvalidInput: no such layout, a file that cannot be read, a broken line, or nothing to measure on.
    """
    if not paths:
        raise InvalidInput("There is no file to read. Choose one.")
    name = name or paths[0].name
    with _opened(paths, limits) as (files, folder):
        found = layout.chosen(files, name, split, subset)
        reader = _Reader(name, found, files, limits)
        if found.rows:
            return reader.rows(in_folder=folder)
        return reader.collection()


def of_labelled(labelled: LabelledSet, name: str = "", notes: Sequence[str] = ()) -> EvaluationTask:
    """A labelled set as a reranking task: the candidates of a query are its passages."""
    parts = writing.trec_parts(labelled)
    return EvaluationTask(
        name or labelled.name, "", parts.queries, parts.passages, parts.qrels, parts.candidates, tuple(notes)
    )


@contextmanager
def _opened(paths: Sequence[Path], limits: Limits) -> Iterator[tuple[dict[str, Path], bool]]:
    """The files by their names within the task, and whether these are names in a folder."""
    path = paths[0]
    if len(paths) == 1 and path.is_dir():
        yield {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}, True
    elif len(paths) == 1 and path.suffix.lower() == ".zip" and _is_zip(path):
        with tempfile.TemporaryDirectory() as folder:
            yield _unzipped(path, Path(folder), limits), True
    else:
        yield {file.name: file for file in paths}, False


def _is_zip(path: Path) -> bool:
    with unpacking(path), path.open("rb") as file:
        return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC


def _unzipped(path: Path, folder: Path, limits: Limits) -> dict[str, Path]:
    most = most_bytes(limits)
    with unpacking(path), zipfile.ZipFile(path) as archive:
        inside = files_in(archive, path.name, MOST_IN_ZIP)
        if sum(each.file_size for each in inside) > most:
            raise too_big(path.name, most)
        return {each.filename: Path(archive.extract(each, folder)) for each in inside}


def most_bytes(limits: Limits) -> int:
    """Of one file of a task."""
    return 4 * limits.set_chars


class _Reader:
    """The files of one layout."""

    def __init__(self, name: str, found: Layout, files: Mapping[str, Path], limits: Limits) -> None:
        self.name, self.layout, self.files, self.limits = name, found, files, limits
        self.gathering = Gathering(limits)
        self.notes: list[Note] = []

    def rows(self, *, in_folder: bool) -> EvaluationTask:
        """Queries with positives and negatives, as MTEB's older reranking tasks have them; or any labelled set.

        Ids are MTEB's, so that a run of this task is one of MTEB's, and queries with only one of both are left out, as
        there. Source: mteb, abstasks/text/reranking.py.
        """
        paths = [self.files[name] for name in self.layout.rows]
        sources = self._load(self.layout.rows)
        kinds = {json_rows.row_kind(row) for source in sources if source.is_json for row in _some(source)}
        if not (kinds <= {"flagembedding", "sentence-transformers"} and kinds) or not all(
            source.is_json for source in sources
        ):
            if in_folder and None in kinds:
                raise layout.no_task(self.name)
            read = read_labelled(paths, name=self.name, limits=self.limits)
            return of_labelled(read.labelled, self.name, read.notes)
        samples = _Samples(self.layout.split or "test")
        for source in sources:
            for place, row in json_rows.entries(source):
                try:
                    if isinstance(row, InvalidInput):
                        raise row
                    samples.add(place, row)
                except InvalidInput as problem:
                    self.gathering.broken(problem)
        self.gathering.check()
        if samples.n_one_sided:
            self.notes.append(
                Note(
                    "Queries without a relevant or without a not relevant passage, left out: {n}.",
                    n=samples.n_one_sided,
                )
            )
        if samples.n_blank:
            self.notes.append(Note("Blank passages, left out: {n}.", n=samples.n_blank))
        return self._made(samples.queries, samples.passages, samples.qrels, samples.candidates)

    def collection(self) -> EvaluationTask:
        """A corpus, queries and qrels, and of a reranking task the candidates too."""
        found = self.layout
        passages = self._texts(found.corpus)
        queries = self._texts(found.queries)
        if self.gathering.no_problems and not passages:
            raise InvalidInput("The corpus of {task} is empty.", task=self.name)
        said = self._judgements(found.qrels)
        candidates = self._candidates(found.top_ranked) if found.top_ranked else None
        self.gathering.check()
        n_nameless = len(said.keys() - queries.keys())
        qrels = {id: grades for id, grades in said.items() if id in queries}
        if n_nameless:
            self.notes.append(Note("Queries that the qrels name and that have no text, left out: {n}.", n=n_nameless))
        if said and not qrels:
            raise InvalidInput(
                "None of the {n:,} queries in the qrels of {task} has a text. Do the files belong together?",
                n=len(said),
                task=self.name,
            )
        if n_unknown := sum(id not in passages for grades in qrels.values() for id in grades):
            self.notes.append(
                Note("Judgements of passages that the corpus does not have, which count as missed: {n}.", n=n_unknown)
            )
        if candidates is not None:
            own = {id: tuple(p for p in candidates.get(id, ()) if p in passages) for id in qrels}
            if n_gone := sum(len(candidates.get(id, ())) - len(ids) for id, ids in own.items()):
                self.notes.append(Note("Candidates that the corpus does not have, left out: {n}.", n=n_gone))
            candidates = own
        return self._made({id: queries[id] for id in qrels}, passages, qrels, candidates)

    def _made(
        self,
        queries: Mapping[str, str],
        passages: Mapping[str, str],
        qrels: Qrels,
        candidates: Mapping[str, tuple[str, ...]] | None,
    ) -> EvaluationTask:
        n_without = sum(not any(grade > 0 for grade in grades.values()) for grades in qrels.values())
        if n_without == len(qrels):
            raise InvalidInput(
                "No query of {task} has a relevant passage, so there is nothing to measure.", task=self.name
            )
        if n_without:
            self.notes.append(Note("Queries without a relevant passage, which count in no figure: {n}.", n=n_without))
        notes = (*self.gathering.notes, *self.notes)
        return EvaluationTask(self.name, self.layout.split, queries, passages, qrels, candidates, notes)

    def _load(self, names: Sequence[str]) -> list[Source]:
        most = most_bytes(self.limits)
        rows = Most(most // 100, most)
        sources: list[Source] = []
        for name in names:
            loaded, notes = load([self.files[name]], self.limits, rows)
            sources += loaded
            self.gathering.notes += notes
        return sources

    def _texts(self, names: Sequence[str]) -> dict[str, str]:
        """Texts by id; blank ones are left out."""
        found: dict[str, str] = {}
        n_blank = 0
        for source in self._load(names):
            for id, text in trec.texts_of(self.gathering, source).by_id.items():
                whole = mend(text)[0]
                if is_blank(whole):
                    n_blank += 1
                else:
                    found[id] = whole
        if n_blank:
            self.notes.append(Note("Blank texts, left out: {n}.", n=n_blank))
        return found

    def _judgements(self, names: Sequence[str]) -> Qrels:
        """Grades of any whole number, by query and passage id."""
        found: Qrels = {}
        for source in self._load(names):
            rows = _json_judgements(source) if source.is_json else _judged_lines(source)
            for place, query, passage, said in rows:
                try:
                    if not (query and passage):
                        raise InvalidInput(
                            "{file}, line {line}: a judgement needs query-id, corpus-id and score.",
                            file=place.file,
                            line=place.line,
                        )
                    found.setdefault(query, {})[passage] = _grade(said, place)
                except InvalidInput as problem:
                    self.gathering.broken(problem)
        return found

    def _candidates(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for source in self._load(names):
            for place, row in json_rows.entries(source):
                ids = next((row[key] for key in CANDIDATES if key in row), None) if isinstance(row, Mapping) else None
                if isinstance(row, InvalidInput) or not isinstance(ids, list):
                    self.gathering.broken(
                        row
                        if isinstance(row, InvalidInput)
                        else InvalidInput(
                            "{file}, line {line}: candidates need query-id and a list corpus-ids.",
                            file=place.file,
                            line=place.line,
                        )
                    )
                else:
                    found[json_rows.id_of(row, json_rows.QUERY_ID)] = tuple(dict.fromkeys(map(str, ids)))
        return found


class _Samples:
    """Rows as MTEB names them. What stands twice in a row is two passages, as there."""

    def __init__(self, split: str) -> None:
        self.queries: dict[str, str] = {}
        self.passages: dict[str, str] = {}
        self.qrels: Qrels = {}
        self.candidates: dict[str, tuple[str, ...]] = {}
        self.n_one_sided = self.n_blank = 0
        self._split = split

    def add(self, place: Place, row: json_rows.Row) -> None:
        query = mend(json_rows.query_of(row, place))[0]
        if is_blank(query):
            raise InvalidInput("{file}, line {line}: the query is blank.", file=place.file, line=place.line)
        positive, negative = (self._texts(row, place, key.fullmatch) for key in (_POSITIVE, _NEGATIVE))
        documents = json_rows.texts_of(row, "documents", place)
        negative += [text for text in documents if text not in set(positive) and not is_blank(text)]
        if not positive or not negative:
            self.n_one_sided += 1
            return
        id = f"{self._split}_query{len(self.queries)}"
        own = {f"apositive_{id}_{number:05}": (text, 1) for number, text in enumerate(positive)}
        own |= {f"negative_{id}_{number:05}": (text, 0) for number, text in enumerate(negative)}
        self.queries[id] = query
        self.passages |= {name: text for name, (text, _) in own.items()}
        self.qrels[id] = {name: grade for name, (_, grade) in own.items()}
        self.candidates[id] = tuple(own)

    def _texts(self, row: json_rows.Row, place: Place, is_one: Callable[[str], object]) -> list[str]:
        texts = [mend(text)[0] for key in row if is_one(key) for text in json_rows.texts_of(row, key, place)]
        kept = [text for text in texts if not is_blank(text)]
        self.n_blank += len(texts) - len(kept)
        return kept


def _some(source: Source) -> Iterator[json_rows.Row]:
    """The first row that can be read."""
    rows = (row for _, row in json_rows.entries(source) if not isinstance(row, InvalidInput))
    first = next(rows, None)
    if first is not None:
        yield first


def _json_judgements(source: Source) -> Iterator[tuple[Place, str, str, object]]:
    for place, row in json_rows.entries(source):
        if isinstance(row, InvalidInput):
            yield place, "", "", None
        else:
            said = next((row[key] for key in trec.GRADE if key in row), None)
            query, passage = (json_rows.id_of(row, names) for names in (json_rows.QUERY_ID, json_rows.PASSAGE_ID))
            yield place, query, passage, said


def _judged_lines(source: Source) -> Iterator[tuple[Place, str, str, object]]:
    """Lines with a heading, or trec_eval's four columns, or three of them."""
    delimiter = trec.heading_of(source)
    lines = trec.columns_of(source, delimiter)
    if delimiter is not None:
        next(lines)
    for place, fields in lines:
        yield (place, fields[0], fields[-2], fields[-1]) if len(fields) in (3, 4) else (place, "", "", None)


def _grade(said: object, place: Place) -> int:
    grade = whole_number(said)
    if grade is not None:
        return grade
    raise InvalidInput(
        "{file}, line {line}: the grade {grade!r} is no whole number.",
        file=place.file,
        line=place.line,
        grade=str(said)[:40],
    )
