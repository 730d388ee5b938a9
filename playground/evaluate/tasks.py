"""A task by its name: one that comes with the project, files or a folder, or a data set of the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.core.evaluation import EvaluationTask
from playground.core.limits import LOCAL, Limits
from playground.inputs import ready_sets
from playground.inputs.evaluation import layout, reading
from playground.models import hub
from playground.models.named import parse_choice
from playground.paths import ASSETS

CORPORA = ASSETS / "corpora"


def ready() -> tuple[str, ...]:
    """The names of what comes with the project: labelled sets, and corpora with judged queries."""
    return (*ready_sets.NAMES, *sorted(path.parent.parent.name for path in CORPORA.glob("*/qrels/test.tsv")))


def open_task(
    data: Sequence[str],
    *,
    split: str = "",
    subset: str = "",
    offline: bool = False,
    files: bool = True,
    limits: Limits = LOCAL,
    on_progress: hub.OnProgress | None = None,
) -> EvaluationTask:
    """What one name, or several files, stand for.

    Args:
        data: one of `ready()`, a folder, files, or the id of a data set, with its revision behind an @.
        files: whether folders and files of this machine may be named.
    Raises:
        InvalidInput: there is no such thing, or it is no task.
        ModelNotFound: the Hub does not give it.
    """
    if len(data) == 1 and data[0] in ready():
        if data[0] in ready_sets.NAMES:
            return reading.of_labelled(ready_sets.load(data[0]), data[0])
        return reading.read([CORPORA / data[0]], name=data[0], limits=limits)
    paths = [Path(each) for each in data]
    if files and (len(paths) > 1 or any(path.exists() for path in paths)):
        return reading.read(paths, split=split, subset=subset, limits=limits)
    if len(data) != 1 or not data[0].strip():
        raise InvalidInput("Name one data set of the Hub, such as mteb/T2Reranking.")
    name, revision = parse_choice(data[0])
    folder = hub.data_set(
        name,
        revision,
        lambda names: layout.chosen(names, name, split, subset).files,
        offline=offline,
        on_progress=on_progress,
        most_bytes=reading.most_bytes(limits),
    )
    return reading.read([folder], name=name, split=split, subset=subset, limits=limits)


def first_queries(task: EvaluationTask, n: int) -> EvaluationTask:
    """The task with its first queries only, which says so where there are more."""
    if n >= len(task.queries):
        return task
    kept = dict(islice(task.queries.items(), n))
    qrels, n_all = {id: task.qrels[id] for id in kept}, task.first_of or len(task.queries)
    kept_task = replace(task, queries=kept, qrels=qrels, first_of=n_all)
    if task.candidates is None:
        return kept_task
    candidates = {id: task.candidates.get(id, ()) for id in kept}
    passages = {id: task.passages[id] for ids in candidates.values() for id in ids}
    return replace(kept_task, candidates=candidates, passages=passages)
