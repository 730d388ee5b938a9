"""How the models of a labelled set stand to each other: what the Ranking quality tab draws, and its tables as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.analysis.counting import LeftOut
from playground.analysis.definitions import PRESETS, Counting, Unscored
from playground.analysis.naming import spec_names
from playground.analysis.paired import LEAST_QUERIES, Contest, Estimate, compare, table
from playground.analysis.quality import Quality, measure
from playground.core.errors import PlaygroundError
from playground.core.labels import LabelledSet, SetScores
from playground.core.spreadsheet_cells import safe_cell
from playground.history.rows import ScorerRow
from playground.ui import texts
from playground.ui.components.model_choices import model_name

MOST_ROWS = 300
MOST_CHARS = 300
DIGITS = 5


@dataclass(frozen=True)
class Settings:
    """How the page wants its figures.

    Attributes:
        models: keys of the scorers to compare; None takes those that scored the whole set, or all where none did.
        order_by: the figure whose differences sort the questions: the name of its measure.
    """

    counting: Counting = "expected"
    k: int = 10
    relevant_from: int = 1
    judged_only: bool = False
    unscored: Unscored = "query-left-out"
    models: tuple[str, ...] | None = None
    order_by: str = "map"


@dataclass(frozen=True)
class Model:
    """One scorer of the set.

    Attributes:
        quality: None where its scores cannot be counted, for the reason in `failed`.
    """

    row: ScorerRow
    name: str
    quality: Quality | None
    failed: PlaygroundError | None = None


@dataclass(frozen=True)
class QualityTable:
    """Every model that scored the set, and those that are compared.

    Attributes:
        compared: places in `models`.
        contest: of the compared ones; None where there is none.
    """

    labelled: LabelledSet
    settings: Settings
    models: tuple[Model, ...]
    compared: tuple[int, ...]
    contest: Contest | None

    @property
    def qualities(self) -> list[Quality]:
        found = [self.models[place].quality for place in self.compared]
        return [quality for quality in found if quality is not None]

    @property
    def names(self) -> list[str]:
        return [self.models[place].name for place in self.compared]


def quality_table(
    labelled: LabelledSet, scored: Sequence[tuple[ScorerRow, SetScores]], settings: Settings
) -> QualityTable:
    """Measures every model and compares the chosen ones."""
    names = _names([row for row, _ in scored])
    models = tuple(
        _model(labelled, row, scores, name, settings) for (row, scores), name in zip(scored, names, strict=True)
    )
    compared = _compared(models, settings, labelled.n_pairs)
    qualities = [quality for place in compared if (quality := models[place].quality) is not None]
    return QualityTable(labelled, settings, models, compared, compare(qualities) if qualities else None)


def payload(found: QualityTable) -> dict[str, object]:
    """What the page draws; numbers rounded to `DIGITS` digits."""
    settings, contest = found.settings, found.contest
    quality = found.qualities[0] if found.qualities else None
    return {
        "counting": settings.counting,
        "k": settings.k,
        "judged_only": settings.judged_only or settings.counting in PRESETS,
        "preset": settings.counting in PRESETS,
        "not_found": settings.unscored == "not-found",
        "least": LEAST_QUERIES,
        "longest": max((len(query.passages) for query in found.labelled.queries), default=0),
        "n_queries": len(found.labelled.queries),
        "n_pairs": found.labelled.n_pairs,
        "all_relevant": all(grade is not None and grade >= settings.relevant_from for grade in _grades(found.labelled)),
        "n_shared": 0 if contest is None else len(contest.queries),
        "n_unjudged": quality.n_unjudged if quality else 0,
        "n_unsure": quality.n_unsure if quality else 0,
        "left_out": _left_out(found),
        "models": [_shown(found, place) for place in range(len(found.models))],
        "figures": [] if quality is None else [_definition(each) for each in quality.definitions],
        "estimates": [] if contest is None else [_estimates(contest, model) for model in range(contest.n_models)],
        "differences": {} if contest is None else _differences(contest),
        "best": [] if contest is None else [contest.best(key) for key in contest.keys],
        "order_by": _order_key(found),
        "queries": _queries(found),
    }


def figures_csv(found: QualityTable) -> str:
    """The table of figures: one row per model and figure, with the rules in words."""
    if found.contest is None:
        return ""
    frame = table(found.qualities, found.contest, [safe_cell(name) for name in found.names])
    return str(frame.to_csv(index=False, lineterminator="\r\n"))


def queries_csv(found: QualityTable) -> str:
    """One row per query of the set, with each model's figures, or why it does not count."""
    out = io.StringIO()
    writer = csv.writer(out)
    qualities = found.qualities
    keys = [each.key for each in qualities[0].definitions] if qualities else []
    head = [f"{name}: {part}" for name in found.names for part in (*keys, "first_relevant", "left_out")]
    writer.writerow(["query_id", "query", *(safe_cell(text) for text in head)])
    for number, query in enumerate(found.labelled.queries):
        cells = [cell for quality in qualities for cell in _cells(quality, number, keys)]
        writer.writerow([safe_cell(query.id), safe_cell(query.query), *cells])
    return out.getvalue()


def _names(rows: Sequence[ScorerRow]) -> list[str]:
    """The short name people know a model by, where that tells it apart; and the instruction, where only that does."""
    ids = [row.spec.model_id for row in rows]
    names = []
    for row, apart in zip(rows, spec_names([row.spec for row in rows]), strict=True):
        id = row.spec.model_id
        # "Mini reranker (built in, English demo)".
        name = model_name(id).partition(" (")[0] if ids.count(id) == 1 and model_name(id) != id else apart
        same = [each for each in rows if each.spec == row.spec]
        names.append(f"{name} · {row.instruction[:40]}" if len(same) > 1 and row.instruction else name)
    return names


def _model(labelled: LabelledSet, row: ScorerRow, scores: SetScores, name: str, settings: Settings) -> Model:
    try:
        quality = measure(
            labelled,
            scores,
            settings.counting,
            k=settings.k,
            relevant_from=settings.relevant_from,
            judged_only=settings.judged_only,
            unscored=settings.unscored,
        )
    except PlaygroundError as error:
        return Model(row, name, None, error)
    return Model(row, name, quality)


def _compared(models: Sequence[Model], settings: Settings, n_pairs: int) -> tuple[int, ...]:
    usable = [place for place, model in enumerate(models) if model.quality is not None]
    if settings.models is not None:
        chosen = tuple(place for place in usable if models[place].row.key in settings.models)
        if chosen:
            return chosen
    whole = tuple(place for place in usable if models[place].row.n_scored == n_pairs)
    return whole or tuple(usable)


def _shown(found: QualityTable, place: int) -> dict[str, object]:
    model = found.models[place]
    spec, quality = model.row.spec, model.quality
    shown: dict[str, object] = {
        "key": model.row.key,
        "name": model.name,
        "id": spec.model_id,
        "n_scored": model.row.n_scored,
        "at": found.compared.index(place) if place in found.compared else None,
        "failed": None if model.failed is None else texts.of_error(model.failed),
    }
    if quality is None or found.contest is None:
        return shown
    rows = [quality.queries[number] for number in found.contest.queries] if place in found.compared else []
    return shown | {
        "n_counted": len(quality.counted),
        "n_incomplete": quality.left_out["incomplete"],
        "n_first": sum(row.first is not None and row.first[1] == 1 for row in rows),
        "n_tied_first": sum(row.first is not None and row.first[0] == 1 < row.first[1] for row in rows),
        "n_ties": sum(row.decided_by_ties for row in rows),
    }


def _grades(labelled: LabelledSet) -> Iterator[int | None]:
    return (grade for query in labelled.queries for grade in query.grades())


def _left_out(found: QualityTable) -> dict[LeftOut, int]:
    """Queries that do not count for the comparison, by the first reason that any compared model has."""
    counts: dict[LeftOut, int] = {}
    for number in range(len(found.labelled.queries)):
        reason = _reason(found, number)
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def _reason(found: QualityTable, number: int) -> LeftOut | None:
    reasons = (quality.queries[number].left_out for quality in found.qualities)
    return next((reason for reason in reasons if reason is not None), None)


def _definition(each: Any) -> dict[str, object]:
    return {
        "key": each.key,
        "measure": each.measure,
        "cutoff": each.cutoff,
        "gain": each.gain,
        "ties": each.ties,
        "unjudged": each.unjudged,
        "relevant_from": each.relevant_from,
    }


def _estimates(contest: Contest, model: int) -> list[list[float] | None]:
    """For each figure: mean, low, high; the mean alone where all questions have it."""
    found = [contest.estimates[model].get(key) for key in contest.keys]
    return [_rounded(each) if each is None or each.spread else [round(each.mean, DIGITS)] for each in found]


def _differences(contest: Contest) -> dict[str, list[object]]:
    """For each two models, "0-1", one list for each figure: mean, low, high, verdict, wins, ties, losses."""
    found: dict[str, list[object]] = {}
    for model in range(contest.n_models):
        for other in range(contest.n_models):
            rows = [contest.differences.get((model, other, key)) for key in contest.keys]
            if model != other and contest.queries:
                found[f"{model}-{other}"] = [
                    [*(_rounded(row.estimate) or ()), row.verdict, row.wins, row.ties, row.losses]
                    for row in rows
                    if row is not None
                ]
    return found


def _rounded(estimate: Estimate | None) -> list[float] | None:
    if estimate is None:
        return None
    return [round(value, DIGITS) for value in (estimate.mean, estimate.low, estimate.high)]


def _order_key(found: QualityTable) -> str:
    """The key of the figure that was asked for, or of the first where this way of counting lacks it."""
    qualities = found.qualities
    if not qualities:
        return ""
    keys = {each.measure: each.key for each in qualities[0].definitions}
    return keys.get(found.settings.order_by, qualities[0].definitions[0].key)  # type: ignore[call-overload, no-any-return]


def _queries(found: QualityTable) -> dict[str, object]:
    """The questions that count for all, those first that the models differ on most, or that one model does worst on."""
    if found.contest is None:
        return {"rows": [], "total": 0}
    key = _order_key(found)
    qualities = found.qualities

    def weight(number: int) -> float:
        values = [quality.queries[number].values[key] for quality in qualities]
        return max(values) - min(values) if len(values) > 1 else -values[0]

    order = sorted(found.contest.queries, key=lambda number: -round(weight(number), 9))
    rows = [
        {
            "id": found.labelled.queries[number].id,
            "text": found.labelled.queries[number].query[:MOST_CHARS],
            "values": [round(quality.queries[number].values[key], DIGITS) for quality in qualities],
            "first": [quality.queries[number].first for quality in qualities],
            "tied": [quality.queries[number].decided_by_ties for quality in qualities],
        }
        for number in order[:MOST_ROWS]
    ]
    out = [
        {"text": query.query[:MOST_CHARS], "reason": reason}
        for number, query in enumerate(found.labelled.queries)
        if (reason := _reason(found, number)) is not None
    ]
    return {"rows": rows, "total": len(order), "left_out": out[:MOST_ROWS]}


def _cells(quality: Quality, number: int, keys: Sequence[str]) -> list[object]:
    row = quality.queries[number]
    if row.left_out is not None:
        return [*("" for _ in keys), "", row.left_out]
    first = (
        ""
        if row.first is None
        else str(row.first[0])
        if row.first[0] == row.first[1]
        else "{} to {}".format(*row.first)
    )
    return [*(row.values[key] for key in keys), first, ""]


def settings_of(event: Mapping[str, object], relevant_from: int) -> Settings:
    """What the page asked for; anything that cannot be is the default."""
    counting, k, models = event.get("counting"), event.get("k"), event.get("models")
    known: dict[str, Counting] = {"expected": "expected", "trec_eval": "trec_eval", **{name: name for name in PRESETS}}
    return Settings(
        counting=known.get(str(counting), "expected"),
        k=k if isinstance(k, int) and not isinstance(k, bool) and 1 <= k <= 1000 else 10,
        relevant_from=relevant_from,
        judged_only=event.get("judged_only") is True,
        unscored="not-found" if event.get("not_found") is True else "query-left-out",
        models=tuple(str(key) for key in models) if isinstance(models, list) else None,
        order_by=str(event.get("order_by") or "map"),
    )
