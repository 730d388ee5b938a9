"""JSON and JSON lines: FlagEmbedding's rows, sentence-transformers' samples, and labelled pairs.

Sources of the formats: FlagEmbedding, examples/finetune/reranker/README.md; sentence-transformers,
`CrossEncoderRerankingEvaluator`, and its guide to training data (triplets, with further negatives as negative_2 ...).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.inputs.keyed_items import LABEL_KEYS, QUERY_KEYS, TEXT_KEYS
from playground.inputs.labelled_sets.gathering import Gathering, Kind, Place
from playground.inputs.labelled_sets.grades import grade_of
from playground.inputs.labelled_sets.sources import Source

QUERY = (*QUERY_KEYS, "anchor", "查询")
TEXT = (*TEXT_KEYS, "段落")
QUERY_ID = ("query_id", "query-id", "qid")
ROW_ID = ("id", "_id")
PASSAGE_ID = ("passage_id", "pid", "doc_id", "docid", "document_id", "corpus-id")
LABEL = (*LABEL_KEYS, "grade", "标注")
# Where both stand, "score" is how the raw output is shown.
SCORE = ("logit", "score", "分数")
TEXT_FILE = ("text", "contents")

_NEGATIVE = re.compile(r"negatives?(_\d+)?")
_POSITIVE = re.compile(r"positives?(_\d+)?")
_SPACE = re.compile(r"\s*")

Row = Mapping[str, object]


class Entry(NamedTuple):
    """One row of a JSON file: its keys in small letters, or why it cannot be read."""

    place: Place
    row: Row | InvalidInput


def entries(source: Source) -> Iterator[Entry]:
    """Every row of a JSON array, of one JSON object, or of JSON lines, with the line that it begins on."""
    text = source.text
    if text.lstrip().startswith("["):
        yield from _of_array(source)
        return
    whole = _whole(text)
    lines = (
        [(1 + text[: len(text) - len(text.lstrip())].count("\n"), text)] if whole else enumerate(text.split("\n"), 1)
    )
    for number, line in lines:
        if line.strip():
            yield _entry(Place(source.name, number), line)


def row_kind(row: Row) -> Kind | None:
    """What a row is: `flagembedding`, `sentence-transformers`, `csv` (one labelled pair), `trec` (an id and a text)."""
    if "pos" in row or "neg" in row:
        return "flagembedding"
    if "documents" in row or any(map(_is_judged_key, row)):
        return "sentence-transformers"
    if has(row, QUERY) and has(row, TEXT) and has(row, LABEL):
        return "csv"
    if has(row, ROW_ID) and has(row, TEXT_FILE):
        return "trec"
    return None


def add_flagembedding(gathering: Gathering, place: Place, row: Row) -> set[str]:
    """One `{"query", "pos", "neg"}` with or without `pos_scores` and `neg_scores`; the keys that were used.

    Raises:
        InvalidInput: a part is missing or of the wrong type.
    """
    query, query_id = query_of(row, place), id_of(row, (*QUERY_ID, *ROW_ID))
    judged = [("pos", 1, texts_of(row, "pos", place)), ("neg", 0, texts_of(row, "neg", place))]
    if not any(texts for _, _, texts in judged):
        raise _nothing(place)
    for key, grade, texts in judged:
        scores = _scores(row, f"{key}_scores", len(texts), place)
        for text, score in zip(texts, scores, strict=True):
            gathering.add(place, query, text, grade, score, query_id)
    return {"pos", "neg", "pos_scores", "neg_scores", *QUERY, *QUERY_ID, *ROW_ID}


def add_sentence_transformers(gathering: Gathering, place: Place, row: Row) -> set[str]:
    """One sample; documents that are not among the positives are not relevant, as its evaluator counts them.

    Raises:
        InvalidInput: a part is missing or of the wrong type.
    """
    query, query_id = query_of(row, place), id_of(row, (*QUERY_ID, *ROW_ID))
    positive = [text for key in row if _POSITIVE.fullmatch(key) for text in texts_of(row, key, place)]
    negative = [text for key in row if _NEGATIVE.fullmatch(key) for text in texts_of(row, key, place)]
    documents = texts_of(row, "documents", place)
    if not positive and not negative and not documents:
        raise _nothing(place)
    right = set(positive)
    # In the order of the documents, which may be a first stage's.
    shown = [*documents, *(text for text in dict.fromkeys(positive) if text not in set(documents))]
    for text in shown:
        gathering.add(place, query, text, int(text in right), None, query_id)
    for text in negative:
        gathering.add(place, query, text, 0, None, query_id)
    return {"documents", *filter(_is_judged_key, row), *QUERY, *QUERY_ID, *ROW_ID}


def add_pair(gathering: Gathering, place: Place, row: Row) -> set[str]:
    """One query, passage and label, with an optional score and ids; the keys that were used.

    Raises:
        InvalidInput: a part is missing or of the wrong type.
    """
    query, text = query_of(row, place), _said(row, TEXT)
    if not isinstance(text, str):
        raise InvalidInput("{file}, line {line}: the passage is not a text.", file=place.file, line=place.line)
    grade = grade_of(_said(row, LABEL), place)
    score = _score(_said(row, SCORE), place)
    gathering.add(place, query, text, grade, score, id_of(row, QUERY_ID), id_of(row, PASSAGE_ID))
    return {*QUERY, *TEXT, *LABEL, *SCORE, *QUERY_ID, *PASSAGE_ID}


def id_and_text(row: Row, place: Place) -> tuple[str, str]:
    """The id of a text and the text, with its title before it.

    Raises:
        InvalidInput: a part is missing or of the wrong type.
    """
    id, title, text = id_of(row, ROW_ID), row.get("title") or "", _said(row, ("text", "contents"))
    if not id or not isinstance(title, str) or not isinstance(text, str):
        raise InvalidInput(
            "{file}, line {line}: a text needs the keys id (or _id) and text.", file=place.file, line=place.line
        )
    return id, " ".join(part for part in (title, text) if part.strip())


def has(row: Row, names: tuple[str, ...]) -> bool:
    """Whether the row has any of these keys."""
    return any(name in row for name in names)


def _is_judged_key(key: str) -> bool:
    return bool(_POSITIVE.fullmatch(key) or _NEGATIVE.fullmatch(key))


def _whole(text: str) -> bool:
    """One JSON object over the whole text, on one line or many."""
    first = text.lstrip().split("\n", 1)[0]
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False
    return False


def _of_array(source: Source) -> Iterator[Entry]:
    """The items of a JSON array one by one, so that each knows its line. It ends at the first break."""
    text, decoder = source.text, json.JSONDecoder()
    at = text.index("[") + 1
    line, counted = 1, 0
    while True:
        at = _end_of(_SPACE, text, at)
        line, counted = line + text.count("\n", counted, at), at
        place = Place(source.name, line)
        if text.startswith("]", at):
            if not text[at + 1 :].strip():
                return
            yield Entry(place, _no_json(place, "text after the end of the array"))
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            place = Place(source.name, error.lineno)
            yield Entry(place, _no_json(place, error.msg))
            return
        except (RecursionError, ValueError):
            yield Entry(place, _no_json(place, "nested too deeply, or a number that is too long"))
            return
        yield Entry(place, _row(place, value))
        at = _end_of(_SPACE, text, at)
        if text.startswith(",", at):
            at += 1
        elif not text.startswith("]", at):
            place = Place(source.name, line + text.count("\n", counted, at))
            yield Entry(place, _no_json(place, "Expecting ',' delimiter"))
            return


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _entry(place: Place, line: str) -> Entry:
    try:
        return Entry(place, _row(place, json.loads(line)))
    except json.JSONDecodeError as error:
        return Entry(place, _no_json(place, error.msg))
    except (RecursionError, ValueError):
        return Entry(place, _no_json(place, "nested too deeply, or a number that is too long"))


def _row(place: Place, value: object) -> Row | InvalidInput:
    if isinstance(value, dict):
        return {key.strip().lower(): inner for key, inner in value.items()}
    return InvalidInput("{file}, line {line}: this is not a JSON object.", file=place.file, line=place.line)


def _no_json(place: Place, reason: str) -> InvalidInput:
    return InvalidInput(
        "{file}, line {line}: not valid JSON ({reason}).", file=place.file, line=place.line, reason=reason
    )


def _nothing(place: Place) -> InvalidInput:
    return InvalidInput("{file}, line {line}: the query has no passages.", file=place.file, line=place.line)


def _said(row: Row, names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if name in row), None)


def query_of(row: Row, place: Place) -> str:
    query = _said(row, QUERY)
    if not isinstance(query, str):
        raise InvalidInput("{file}, line {line}: the query is missing or not a text.", file=place.file, line=place.line)
    return query


def id_of(row: Row, names: tuple[str, ...]) -> str:
    said = _said(row, names)
    return str(said).strip() if isinstance(said, str | int | float) and not isinstance(said, bool) else ""


def texts_of(row: Row, key: str, place: Place) -> list[str]:
    value = row.get(key)
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput(
            "{file}, line {line}: {key} must be a text or a list of texts.", file=place.file, line=place.line, key=key
        )
    return texts


def _scores(row: Row, key: str, n: int, place: Place) -> list[float | None]:
    value = row.get(key)
    if value is None or (value == [] and n == 0):
        return [None] * n
    if not isinstance(value, list) or len(value) != n:
        raise InvalidInput(
            "{file}, line {line}: {key} must hold one number for each text.",
            file=place.file,
            line=place.line,
            key=key,
        )
    return [_score(score, place) for score in value]


def _score(said: object, place: Place) -> float | None:
    """A number, or a text that is one (a cell of a table); None where nothing is said."""
    if said is None or (isinstance(said, str) and not said.strip()):
        return None
    if isinstance(said, str | int | float) and not isinstance(said, bool):
        try:
            return float(said)
        except (ValueError, OverflowError):
            pass
    raise InvalidInput(
        "{file}, line {line}: the score {score!r} is not a number.",
        file=place.file,
        line=place.line,
        score=str(said)[:40],
    )
