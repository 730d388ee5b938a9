"""Files become a labelled set: which format they are in is told from their content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.core.limits import LOCAL, Limits
from playground.inputs.keyed_items import Note
from playground.inputs.labelled_sets import bare_tables, columns, json_rows, trec
from playground.inputs.labelled_sets.gathering import Gathering, Kind, LabelFile, Place, TooMuch
from playground.inputs.labelled_sets.sources import Source, load

_MOST_KEYS = 8

_ADD: dict[Kind, Callable[[Gathering, Place, json_rows.Row], set[str]]] = {
    "flagembedding": json_rows.add_flagembedding,
    "sentence-transformers": json_rows.add_sentence_transformers,
    "csv": json_rows.add_pair,
}


def read(paths: Sequence[Path], *, name: str | None = None, limits: Limits = LOCAL) -> LabelFile:
    """The labelled set that these files hold; all of it, or an error.

    Lines with the same query are one query, and a pair that is said again is merged. Texts are taken as they are, apart
    from characters that no text can hold.

    Args:
        paths: one file, several of one kind, or the parts of a TREC collection in any order; plain, gzip or in a ZIP.
        name: of the set; None takes the first file's.
    Raises:
        InvalidInput: a broken line (all are counted, the first few named with file and line), labels that contradict
            each other, no labels, or a limit is passed.
    """
    paths = [Path(path) for path in paths]
    sources, notes = load(paths, limits)
    gathering = Gathering(limits)
    gathering.notes += notes
    judged = any(_is_qrels(source) for source in sources)
    kinds = [_kind(source, judged) for source in sources]
    if "trec" in kinds:
        kind: Kind = "trec"
        trec.add_trec(gathering, [(source, _part(source, own)) for source, own in zip(sources, kinds, strict=True)])
    else:
        kind = kinds[0]
        unused = [_add(gathering, source, own) for source, own in zip(sources, kinds, strict=True)]
        gathering.notes += _about_unused(set().union(*unused))
    # Files that were scored by one model in one way; else nothing is known of the scores together.
    first, *others = (source.scored_by for source in sources)
    found = gathering.finish(name or _stem(paths[0]), kind)
    return found if any(other != first for other in others) else replace(found, scored_by=first)


def _kind(source: Source, judged: bool) -> Kind:
    """The format of one file.

    Args:
        judged: qrels are among the files, so that a table without a heading holds texts by their ids.
    Raises:
        InvalidInput: none that is known.
    """
    if source.is_json:
        rows = (row for _, row in json_rows.entries(source) if not isinstance(row, InvalidInput))
        return next((kind for kind in map(json_rows.row_kind, rows) if kind is not None), "flagembedding")
    if trec.heading_of(source) is None and columns.is_table(columns.first_row(source)):
        return "csv"
    if not judged and bare_tables.is_bare(source):
        return "csv"
    if trec.part_of(source) is not None:
        return "trec"
    raise _unknown(source)


def _is_qrels(source: Source) -> bool:
    return not source.is_json and trec.part_of(source) == "qrels"


def _part(source: Source, kind: Kind) -> trec.Part:
    """Which part of a TREC collection a file is.

    Raises:
        InvalidInput: it is of another format, which cannot stand beside qrels.
    """
    if kind != "trec":
        raise InvalidInput("{file} is no part of a TREC collection. Import it by itself.", file=source.name)
    return "texts" if source.is_json else trec.part_of(source) or "texts"


def _add(gathering: Gathering, source: Source, kind: Kind) -> set[str]:
    """Adds a file's pairs; its keys or columns that were not used."""
    if kind == "csv" and not source.is_json:
        if columns.is_table(columns.first_row(source)):
            return columns.add_table(gathering, source)
        gathering.notes.append(
            Note("{file} has no heading; its columns were read as query, passage and label.", file=source.name)
        )
        return columns.add_table(gathering, source, bare_tables.COLUMNS)
    unused: set[str] = set()
    for place, row in json_rows.entries(source):
        try:
            if isinstance(row, InvalidInput):
                raise row
            own = json_rows.row_kind(row)
            if own is None or own == "trec":
                raise InvalidInput(
                    "{file}, line {line}: a row needs a query with pos and neg, positive and negative or documents, "
                    "or a passage and a label.",
                    file=place.file,
                    line=place.line,
                )
            unused |= row.keys() - _ADD[own](gathering, place, row)
        except TooMuch:
            raise
        except InvalidInput as problem:
            gathering.broken(problem)
    return unused


def _about_unused(keys: set[str]) -> list[Note]:
    shown = sorted(key[:40] for key in keys if key)
    return [Note("Keys or columns that were not used: {keys}.", keys=", ".join(shown[:_MOST_KEYS]))] if shown else []


def _unknown(source: Source) -> InvalidInput:
    return InvalidInput(
        "{file} is in none of the known formats: FlagEmbedding or sentence-transformers JSON lines, a table with the "
        "columns query, passage and label, or TREC qrels with texts.",
        file=source.name,
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name
