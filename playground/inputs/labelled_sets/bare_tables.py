"""Tables without a heading: do their three columns hold texts and a label, or ids? What cannot be told is refused."""

from __future__ import annotations

import re
from itertools import islice

from playground.core.errors import InvalidInput
from playground.inputs.labelled_sets.grades import is_label
from playground.inputs.labelled_sets.sources import Source, delimiter_of
from playground.inputs.tables import records

COLUMNS = ("query", "passage", "label")

_LOOKED_AT = 50
_LONGEST_WORD = 40
_SHOWN_CHARS = 40
_ID = re.compile(r"(?=.*\d)[\w.:/-]+", re.ASCII)


def is_bare(source: Source) -> bool:
    """Whether the file holds a query, a passage and a label in each row, without saying so.

    Raises:
        InvalidInput: it may as well hold ids; the sentence says what was seen and how to tell us.
    """
    rows = [row for row in _rows(source) if len(row) == len(COLUMNS) and is_label(row[-1])]
    if not rows or 2 * len(rows) <= len(_rows(source)):
        return False
    queries, passages, _ = zip(*rows, strict=True)
    if 2 * sum(map(_is_text, passages)) < len(rows):
        raise InvalidInput(
            "{file} has three columns and no heading, and its second column holds words such as {word!r}, which may be "
            "texts or ids. Put the heading query, passage, label over texts. Over ids, put query-id, corpus-id, score, "
            "and give their texts in files of their own.",
            file=source.name,
            word=_shown(passages[0]),
        )
    if all(_ID.fullmatch(query.strip()) for query in queries):
        raise InvalidInput(
            "{file} has three columns and no heading: texts in the second, but in the first words such as {word!r}, "
            "which look like ids. Put the texts of the queries there, or, where these are the queries, the heading "
            "query, passage, label over the columns.",
            file=source.name,
            word=_shown(queries[0]),
        )
    return True


def _rows(source: Source) -> list[list[str]]:
    try:
        return [fields for _, fields in islice(records(source.text, delimiter_of(source)), _LOOKED_AT)]
    except InvalidInput:  # a quote that never ends
        return []


def _is_text(cell: str) -> bool:
    """More than a word: ids have no spaces, and Chinese, which has none either, is no ASCII."""
    word = cell.strip()
    return len(word.split()) > 1 or len(word) > _LONGEST_WORD or not word.isascii()


def _shown(cell: str) -> str:
    return cell.strip()[:_SHOWN_CHARS]
