"""An evaluation on a terminal: one row for each run, and beneath what its figures are."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playground import terminal
from playground.evaluate import results

SHORT = 8
# A table is as wide as it must be, and a terminal breaks its lines: cells that are cut help nobody.
WIDEST = 240
_NAMES = {"map": "MAP", "mrr": "MRR", "ndcg": "NDCG", "r": "recall"}


def show(found: results.Evaluation) -> None:
    """The table, and what its figures are."""
    task = found.task
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model" if task.candidates is not None else "run", no_wrap=True)
    for key in found.shown:
        table.add_column(heading(key), justify="right", no_wrap=True)
    published = any(one.published for one in found.rows)
    if published:
        table.add_column("published", justify="right", no_wrap=True)
    for name in ("tokens", "in", "on", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for place, one in enumerate(found.rows):
        numbers = [_number(found, place, key) for key in found.shown]
        beside = [", ".join(f"{each.value:.2f}" for each in one.published)] if published else []
        ran = ["", "", "", ""]
        if one.scored is not None:
            spec = one.scored.spec
            ran = [str(spec.max_length or ""), spec.precision, spec.device, f"{one.scored.seconds:.1f}"]
        table.add_row(*(Text(cell, no_wrap=True) for cell in (terminal.plain(one.name), *numbers, *beside, *ran)))
    Console(file=sys.stdout, width=WIDEST).print(table)
    for line in _about(found):
        print(line)


def _about(found: results.Evaluation) -> Iterator[str]:
    task, n = found.task, len(found.contest.queries)
    kind = "retrieval" if task.candidates is None else "reranking"
    of = f", {task.split}" if task.split else ""
    deep = f", first stage to depth {found.depth}" if found.depth is not None else ""
    counted = f"{n:,} of {len(task.queries):,} queries count"
    yield f"{task.name}{of}: {kind}, {counted}, {len(task.passages):,} passages{deep}."
    if task.first_of is not None:
        first = f"The first {len(task.queries):,} of {task.first_of:,} queries only"
        yield f"{first}: published figures are of all, and are not shown beside."
    if (grade := found.definitions[0].relevant_from) > 1:
        yield f"Relevant from grade {grade} on: published figures count from grade 1 on, and are not shown beside."
    yield "Figures times 100; ties by id, as in trec_eval and MTEB 2."
    for place in range(len(found.rows)):
        if estimate := found.estimate(place, found.shown[0]):
            band = (
                f"{100 * estimate.low:.2f} to {100 * estimate.high:.2f}" if estimate.spread else "none, all are alike"
            )
            name, key = found.rows[place].name, heading(found.shown[0])
            yield f"{name}: {key}, 95 % interval over queries {band}{_gain(found, place)}."
    for one in found.rows:
        if one.old is not None and one.scored is not None:
            old = {each.key: one.old.mean(each.key) for each in one.old.definitions}
            told = ", ".join(f"{heading(key)} {100 * value:.2f}" for key, value in old.items() if value is not None)
            yield f"{one.name}: as C-MTEB counted (ties share a threshold) {told}."
    for each in dict.fromkeys((p.counted, p.ran, p.source) for one in found.rows for p in one.published):
        yield f"Published: {each[0]}; {each[1]}; {each[2]}."
    for one in found.rows:
        if one.scored is not None:
            spec = one.scored.spec
            revision = "" if spec.revision is None else f"@{spec.revision[:SHORT]}"
            cut = (
                f", {one.scored.n_cut:,} of {one.scored.n_ran:,} passages cut" if one.scored.n_ran else ", scores known"
            )
            yield f"{spec.model_id}{revision} ({spec.fingerprint[:SHORT]}), {one.scored.scale.name}{cut}."


def _gain(found: results.Evaluation, place: int) -> str:
    if not found.first_stage or not place:
        return ""
    each = found.contest.differences[place, 0, found.shown[0]]
    said = f"{each.wins} queries gain, {each.losses} lose: {each.verdict}"
    return f"; {100 * each.estimate.mean:+.2f} on the first stage, {said}"


def heading(key: str) -> str:
    """A key as a heading: "NDCG@10" of "ndcg@10"."""
    name, at, depth = key.partition("@")
    return f"{_NAMES.get(name, name)}{at}{depth}"


def _number(found: results.Evaluation, place: int, key: str) -> str:
    estimate = found.estimate(place, key)
    return "" if estimate is None else f"{100 * estimate.mean:.2f}"
