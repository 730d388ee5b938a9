"""A labelled set becomes files that our readers, and other people's tools, accept."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE, Label, LabelledQuery, LabelledSet, SetScores
from playground.core.types import Passage
from playground.inputs.keyed_items import Note
from playground.inputs.labelled_sets.columns import OURS, OURS_SCORED, escaped
from playground.inputs.labelled_sets.gathering import SHOWN_CHARS, Kind

_NO_SPACE = re.compile(r"\S+")


class _Pair(NamedTuple):
    passage: Passage
    label: Label | None
    score: float | None

    @property
    def grade(self) -> int | None:
        """None where it is unsure or nobody said anything."""
        return self.label.grade if self.label is not None and self.label.judged else None


class _Query(NamedTuple):
    query: LabelledQuery
    pairs: list[_Pair]

    def graded(self, relevant: bool) -> list[_Pair]:
        """The judged pairs that are relevant, or those that are not."""
        return [pair for pair in self.pairs if pair.grade is not None and (pair.grade > 0) == relevant]


class TrecParts(NamedTuple):
    """A labelled set by ids that stand in every file of TREC; `candidates` are the passages of each query."""

    queries: dict[str, str]
    passages: dict[str, str]
    qrels: dict[str, dict[str, int]]
    candidates: dict[str, tuple[str, ...]]


def trec_parts(labelled: LabelledSet) -> TrecParts:
    """The parts of a TREC collection; ids that hold spaces or are not unique are made anew."""
    queries = _queries(labelled, None)
    ids, passage_ids = _query_ids(queries), _passage_ids(queries)
    named = list(zip(ids, queries, strict=True))
    return TrecParts(
        {id: query.query.query for id, query in named},
        {passage_ids[pair.passage.text]: pair.passage.text for query in queries for pair in query.pairs},
        {
            id: {passage_ids[p.passage.text]: p.label.grade for p in query.pairs if p.label is not None}
            for id, query in named
        },
        {id: tuple(passage_ids[pair.passage.text] for pair in query.pairs) for id, query in named},
    )


def write(labelled: LabelledSet, kind: Kind, scores: SetScores | None = None) -> dict[str, str]:
    """The set as files: text by file name.

    Write a `.csv` with the encoding `utf-8-sig`, so that Excel reads it as UTF-8, and all of them with `newline=""`.
    No format holds who labelled a pair and when, or what else came with a passage. Beyond that:

    - `flagembedding` holds two grades, no ids, nothing unsure or unjudged, and only queries with a relevant and a not
      relevant passage (its trainer draws one of each). Scores are written where every pair in the file has one.
    - `sentence-transformers` holds two grades, no ids, no scores, nothing unsure or unjudged, and only queries with
      two judged passages or more (its NDCG is undefined on one).
    - `csv` holds everything.
    - `trec` holds all grades, and unsure as -1. Pairs without a label are in the run, and so need a score. Ids that are
      not unique or hold spaces are made anew.

    `losses` says which of these happen to a set.

    Raises:
        InvalidInput: a pair has two labels that contradict each other, or nothing is left to write.
    """
    check(labelled)
    files = _WRITERS[kind](_queries(labelled, scores), scores)
    if not any(files.values()):
        raise InvalidInput("Nothing of this set can be written in this format. Choose CSV, which holds everything.")
    return files


def losses(labelled: LabelledSet, kind: Kind, scores: SetScores | None = None) -> tuple[Note, ...]:
    """What files of this kind cannot hold of this set, in sentences for the user. Empty for CSV."""
    return tuple(_LOSSES[kind](_queries(labelled, scores), scores))


def check(labelled: LabelledSet) -> None:
    """That no pair of the set has two labels, also where its query or passage stands there twice.

    Raises:
        InvalidInput: one has, and is named.
    """
    said: dict[tuple[str, str], int] = {}
    for query in labelled.queries:
        for passage, label in zip(query.passages, query.labels, strict=True):
            if label is None:
                continue
            first = said.setdefault((query.query, passage.text), label.grade)
            if first == label.grade:
                continue
            if {first, label.grade} & {0} and max(first, label.grade) > 0:
                raise InvalidInput(
                    "{text!r} is both relevant and not relevant to {query!r}. Correct one of the two labels.",
                    text=passage.text[:SHOWN_CHARS],
                    query=query.query[:SHOWN_CHARS],
                )
            raise InvalidInput(
                "{text!r} has two different labels for {query!r}. Correct one of them.",
                text=passage.text[:SHOWN_CHARS],
                query=query.query[:SHOWN_CHARS],
            )


def _queries(labelled: LabelledSet, scores: SetScores | None) -> list[_Query]:
    """The set's queries with those of the same text put together, and each pair once."""
    rows = scores.logits if scores is not None else [[None] * len(query.passages) for query in labelled.queries]
    queries: dict[str, _Query] = {}
    pairs: dict[tuple[str, str], int] = {}
    for query, row in zip(labelled.queries, rows, strict=True):
        own = queries.setdefault(query.query, _Query(query, []))
        for passage, label, score in zip(query.passages, query.labels, row, strict=True):
            at = pairs.setdefault((query.query, passage.text), len(own.pairs))
            if at == len(own.pairs):
                own.pairs.append(_Pair(passage, label, score))
            else:
                first = own.pairs[at]
                own.pairs[at] = _Pair(
                    first.passage, first.label or label, score if first.score is None else first.score
                )
    return list(queries.values())


def _flagembedding(queries: Sequence[_Query], scores: SetScores | None) -> dict[str, str]:
    rows = []
    whole = _has_all_scores(queries)
    for query in _trainable(queries):
        pos, neg = query.graded(True), query.graded(False)
        row: dict[str, object] = {"query": query.query.query, "pos": _texts(pos), "neg": _texts(neg)}
        if whole:
            row |= {"pos_scores": [pair.score for pair in pos], "neg_scores": [pair.score for pair in neg]}
        rows.append(row)
    return {"flagembedding.jsonl": _json_lines(rows)}


def _sentence_transformers(queries: Sequence[_Query], scores: SetScores | None) -> dict[str, str]:
    rows = [
        {"query": query.query.query, "positive": _texts(query.graded(True)), "negative": _texts(query.graded(False))}
        for query in queries
        if _measurable(query)
    ]
    return {"sentence-transformers.jsonl": _json_lines(rows)}


def _csv(queries: Sequence[_Query], scores: SetScores | None) -> dict[str, str]:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(OURS if scores is None else OURS_SCORED)
    for query in queries:
        for passage, label, score in query.pairs:
            said = "" if label is None else "unsure" if label.grade == UNSURE else str(label.grade)
            texts = [escaped(text) for text in (query.query.id, query.query.query, passage.id, passage.text)]
            number = [] if scores is None else ["" if score is None else repr(score)]
            writer.writerow([*texts, said, *number])
    return {"labels.csv": out.getvalue()}


def _trec(queries: Sequence[_Query], scores: SetScores | None) -> dict[str, str]:
    query_ids, passage_ids = _query_ids(queries), _passage_ids(queries)
    qrels, run, used = [], [], dict[str, None]()
    for query, query_id in zip(queries, query_ids, strict=True):
        for passage, label, _ in query.pairs:
            if label is not None:
                qrels.append(f"{query_id} 0 {passage_ids[passage.text]} {label.grade}\n")
                used[passage.text] = None
        scored = {pair.passage.text: pair.score for pair in query.pairs if pair.score is not None}
        by_id = {passage_ids[text]: score for text, score in scored.items()}
        run.append(run_text({query_id: by_id}, "" if scores is None else scores.spec.model_id))
        used |= dict.fromkeys(scored)
    texts = [{"_id": passage_ids[text], "text": text} for text in used]
    asked = [{"_id": id, "text": query.query.query} for query, id in zip(queries, query_ids, strict=True)]
    files = {"qrels.txt": "".join(qrels), "queries.jsonl": _json_lines(asked), "passages.jsonl": _json_lines(texts)}
    return (files | ({"run.txt": "".join(run)} if any(run) else {})) if qrels else {}


def run_text(run: Mapping[str, Mapping[str, float]], name: str) -> str:
    """A run as trec_eval reads it: best first, ties by id descending. Spaces in ids and in its name become `_`."""
    lines = []
    for query, scores in run.items():
        ranked = sorted(((score, _solid(id)) for id, score in scores.items()), reverse=True)
        lines += [
            f"{_solid(query)} Q0 {id} {rank} {score!r} {_solid(name) or 'run'}\n"
            for rank, (score, id) in enumerate(ranked, 1)
        ]
    return "".join(lines)


def _solid(text: str) -> str:
    return "_".join(text.split())


def _losses_of_two_grades(queries: Sequence[_Query]) -> Iterator[Note]:
    labels = [pair.label for query in queries for pair in query.pairs]
    n_unsure = sum(label is not None and not label.judged for label in labels)
    n_unjudged = sum(label is None for label in labels)
    n_graded = sum(label is not None and label.grade > 1 for label in labels)
    if n_unsure:
        yield Note("Pairs labelled unsure, left out: {n}.", n=n_unsure)
    if n_unjudged:
        yield Note("Pairs without a label, left out: {n}.", n=n_unjudged)
    if n_graded:
        yield Note("Pairs of grade 2 or 3, written as plain relevant: {n}.", n=n_graded)


def _losses_flagembedding(queries: Sequence[_Query], scores: SetScores | None) -> Iterator[Note]:
    yield from _losses_of_two_grades(queries)
    n_left = len(queries) - len(_trainable(queries))
    if n_left:
        yield Note("Queries without a relevant or without a not relevant passage, left out: {n}.", n=n_left)
    if scores is not None and not _has_all_scores(queries):
        yield Note("Some pairs have no score, so no scores were written.")


def _losses_sentence_transformers(queries: Sequence[_Query], scores: SetScores | None) -> Iterator[Note]:
    yield from _losses_of_two_grades(queries)
    n_left = sum(not _measurable(query) for query in queries)
    if n_left:
        yield Note("Queries with fewer than two judged passages, left out: {n}.", n=n_left)
    if scores is not None:
        yield Note("This format holds no scores.")


def _losses_trec(queries: Sequence[_Query], scores: SetScores | None) -> Iterator[Note]:
    n_left = sum(pair.label is None and pair.score is None for query in queries for pair in query.pairs)
    if n_left:
        yield Note("Pairs with neither a label nor a score, left out: {n}.", n=n_left)
    if _query_ids(queries) != [query.query.id for query in queries]:
        yield Note("Ids of queries hold spaces, so the queries were numbered.")
    passage_ids = _passage_ids(queries)
    if any(passage_ids[pair.passage.text] != pair.passage.id for query in queries for pair in query.pairs):
        yield Note("Ids of passages are not unique over the queries or hold spaces, so the passages were numbered.")


def _trainable(queries: Sequence[_Query]) -> list[_Query]:
    return [query for query in queries if query.graded(True) and query.graded(False)]


def _measurable(query: _Query) -> bool:
    return len(query.graded(True)) + len(query.graded(False)) > 1


def _has_all_scores(queries: Sequence[_Query]) -> bool:
    return all(
        pair.score is not None for query in _trainable(queries) for pair in query.pairs if pair.grade is not None
    )


def _query_ids(queries: Sequence[_Query]) -> list[str]:
    own = [query.query.id for query in queries]
    return own if all(map(_NO_SPACE.fullmatch, own)) else [f"q{number}" for number in range(1, len(own) + 1)]


def _passage_ids(queries: Sequence[_Query]) -> Mapping[str, str]:
    """An id by text: the passages' own where each stands for one text and each text has one, else numbers."""
    named = {(pair.passage.text, pair.passage.id) for query in queries for pair in query.pairs}
    own = dict(named)
    if len(own) == len(named) == len({id for _, id in named}) and all(map(_NO_SPACE.fullmatch, own.values())):
        return own
    texts = dict.fromkeys(pair.passage.text for query in queries for pair in query.pairs)
    return {text: f"p{number}" for number, text in enumerate(texts, 1)}


def _texts(pairs: Sequence[_Pair]) -> list[str]:
    return [pair.passage.text for pair in pairs]


def _json_lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


_WRITERS: dict[Kind, Callable[[Sequence[_Query], SetScores | None], dict[str, str]]] = {
    "flagembedding": _flagembedding,
    "sentence-transformers": _sentence_transformers,
    "csv": _csv,
    "trec": _trec,
}
_LOSSES: dict[Kind, Callable[[Sequence[_Query], SetScores | None], Iterator[Note]]] = {
    "flagembedding": _losses_flagembedding,
    "sentence-transformers": _losses_sentence_transformers,
    "csv": lambda queries, scores: iter(()),
    "trec": _losses_trec,
}
