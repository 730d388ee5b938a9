"""A comparison becomes what its script draws: columns of ranks, and first of all where the models disagree."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from playground.core.labels import Label
from playground.core.types import Comparison, ModelRun, RerankResult
from playground.engine.comparison_record import comparable
from playground.models import bm25
from playground.plots.palette import SERIES
from playground.ui import texts
from playground.ui.components.html_parts import packed
from playground.ui.components.labels import mark, over_comparison, said
from playground.ui.texts import Phrase, phrase

MAX_NAMED = 3


@dataclass(frozen=True)
class Side:
    """What is looked at together.

    Attributes:
        comparison: the runs, those of an earlier comparison laid beside them last.
        n_new: how many of them are not of the earlier one.
        since: when the earlier one ran, as the page says it; empty without one.
    """

    comparison: Comparison
    n_new: int
    since: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One for each run, no two alike."""
        from playground.analysis.naming import run_names

        new, old = self.comparison.runs[: self.n_new], self.comparison.runs[self.n_new :]
        return (*run_names(new), *(f"{name} · {self.since}" for name in run_names(old)))

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Of the runs that can stand beside each other."""
        return comparable(self.comparison)

    @cached_property
    def results(self) -> tuple[RerankResult, ...]:
        """Of the runs at `places`."""
        found = (self.comparison.runs[place].result for place in self.places)
        return tuple(result for result in found if result is not None)

    @property
    def compared_names(self) -> tuple[str, ...]:
        """Of the runs at `places`."""
        return tuple(self.names[place] for place in self.places)

    def is_earlier(self, place: int) -> bool:
        return place >= self.n_new


def payload(
    side: Side,
    *,
    labels: Sequence[Label | None],
    run_id: str | None = None,
    at: int | None = None,
    warnings: Sequence[Phrase] = (),
    replay: Sequence[Mapping[str, object]] | None = None,
) -> dict[str, object]:
    """Everything that the upper half of the view shows.

    Args:
        labels: as stored, in step with the passages.
        at: the run under way; None once all are over.
        warnings: sentences about the whole.
        replay: what changed since an earlier time, by model.
    """
    comparison = side.comparison
    running = at is not None
    return {
        "nonce": secrets.token_hex(4),
        "run_id": run_id,
        "running": running,
        "query": comparison.request.query,
        "of": mark(comparison.request),
        "passages": packed(
            [
                {"id": passage.id, "text": passage.text, "label": passage.label, "said": said(label)}
                for passage, label in zip(comparison.request.passages, labels, strict=True)
            ]
        ),
        "columns": [column(side, place, at) for place in range(len(comparison.runs))],
        "headline": [] if running else headline(side),
        "right": [] if running else right(side, labels),
        "disagreement": None if running else disagreement(side),
        "warnings": list(warnings),
        "replay": None if replay is None else list(replay),
    }


def column(side: Side, place: int, at: int | None = None) -> dict[str, object]:
    """One model: what it is, how far it came, and its passages best first."""
    run = side.comparison.runs[place]
    result = run.result
    spec = run.choice if result is None else result.spec
    keyword = run.choice.model_id == bm25.MODEL_ID
    series = side.places.index(place) if place in side.places else None
    return {
        "name": side.names[place],
        "id": spec.model_id if spec.revision is None else f"{spec.model_id}@{spec.revision}",
        "kind": "keywords" if keyword else spec.kind,
        "device": "" if keyword or result is None else result.spec.device,
        "precision": "" if keyword or result is None else result.spec.precision,
        "scale": None if result is None else result.scale.name,
        "state": state_of(run, place, at),
        "earlier": side.is_earlier(place),
        "series": series,
        "colour": None if series is None else SERIES[series % len(SERIES)],
        "said": _said(run),
        "scored": packed([] if result is None else _scored(result)),
    }


def state_of(run: ModelRun, place: int, at: int | None) -> str:
    """done, failed, running, stopped or waiting; at the end waiting means that its turn did not come."""
    if run.error is not None:
        return "failed"
    if run.result is not None and run.result.complete:
        return "done"
    if at == place:
        return "running"
    return "waiting" if run.result is None else "stopped"


def headline(side: Side) -> list[Phrase]:
    """What to see first, in a few sentences: who agrees on the first place, and the passage they fight over."""
    results, names = side.results, side.compared_names
    if not results:
        return [phrase("compare.no_scores", "bad")]
    if len(results) == 1:
        return [phrase("compare.one_model")]
    if len(side.comparison.request.passages) == 1:
        return [phrase("compare.one_passage")]
    from playground.analysis.alignment import align, orders_nothing
    from playground.core.errors import PlaygroundError

    try:
        aligned = align(results)
    except PlaygroundError as error:
        return [texts.of_error(error, "warn")]
    speaking = [row for row, scores in enumerate(aligned.scores) if not orders_nothing(scores)]
    silent = [names[row] for row in range(len(results)) if row not in speaking]
    said = [phrase("compare.silent", "warn", models=_listed(silent), n=len(silent))] if silent else []
    if len(speaking) < 2:
        return [*said, phrase("compare.nothing_to_compare")]
    tops: dict[tuple[int, ...], list[str]] = {}
    for row in speaking:
        first = tuple(index + 1 for index, rank in zip(aligned.indexes, aligned.ranks[row], strict=True) if rank == 1)
        tops.setdefault(first, []).append(names[row])
    if len(tops) == 1:
        (first,) = tops
        said.append(phrase("compare.same_first", "good", passages=_numbers(first), n=len(first)))
    else:
        said.append(phrase("compare.other_first", "warn"))
        said += [
            phrase("compare.first_of", "named", models=_listed(models), passages=_numbers(first), n=len(first))
            for first, models in tops.items()
        ]
    return [*said, *_widest(side, speaking)]


def disagreement(side: Side) -> dict[str, object] | None:
    """The passages that all compared models scored, the widest spread first; None where nothing can be said."""
    from playground.analysis.alignment import align, orders_nothing
    from playground.analysis.disagreement import disagreements
    from playground.core.errors import PlaygroundError

    if len(side.results) < 2:
        return None
    try:
        found = disagreements(side.results)
    except PlaygroundError:
        return None
    return {
        "columns": list(side.places),
        "silent": [orders_nothing(scores) for scores in align(side.results).scores],
        "rows": packed(
            [
                {"place": one.index, "spread": one.spread, "ranks": list(one.ranks), "tied": list(one.tied)}
                for one in found
            ]
        ),
        "n_left_out": len(side.comparison.request.passages) - len(found),
    }


def _widest(side: Side, speaking: Sequence[int]) -> list[Phrase]:
    """The passage whose ranks lie furthest apart.

    Args:
        speaking: which results order anything at all; a rank of the others is no opinion.
    """
    from playground.analysis.disagreement import disagreements

    one = disagreements(side.results)[0]
    if not one.spread:
        return [phrase("compare.same_order", "good")]
    best, worst = (find(speaking, key=lambda row: one.ranks[row]) for find in (min, max))
    return [
        phrase(
            "compare.widest",
            passage=one.index + 1,
            best=one.ranks[best],
            best_model=side.compared_names[best],
            worst=one.ranks[worst],
            worst_model=side.compared_names[worst],
        )
    ]


def right(side: Side, labels: Sequence[Label | None]) -> list[Phrase]:
    """Whether what a model puts first is what a person marked as relevant; says nothing without labels."""
    if len(side.comparison.request.passages) == 1:
        return []
    side = Side(over_comparison(side.comparison, labels), side.n_new, side.since)
    good, bad = [], []
    for name, result in zip(side.compared_names, side.results, strict=True):
        first = {scored.passage.label for scored in result.scored if scored.rank == 1}
        if first == {True}:
            good.append(name)
        elif first == {False}:
            bad.append(name)
    shown = []
    if good:
        shown.append(phrase("compare.first_relevant", "good", models=_listed(good)))
    if bad:
        shown.append(phrase("compare.first_not_relevant", "warn", models=_listed(bad)))
    return shown


def _scored(result: RerankResult) -> list[list[object]]:
    """place, rank, tied, raw output, percentile, tokens read, tokens cut; best first."""
    from playground.analysis.percentiles import percentiles

    found = percentiles([scored.logit for scored in result.scored])
    return [
        [one.index, one.rank, one.tied, one.logit, round(float(percentile), 2), one.n_tokens, one.n_cut]
        for one, percentile in zip(result.scored, found, strict=True)
    ]


def _said(run: ModelRun) -> list[Phrase]:
    said = [] if run.error is None else [texts.of_error(run.error)]
    return said + ([] if run.result is None else [texts.both(warning) for warning in run.result.warnings])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _numbers(places: Sequence[int]) -> str:
    more = "" if len(places) <= MAX_NAMED else " …"
    return ", ".join(map(str, places[:MAX_NAMED])) + more
