"""A task of the field on the page: chosen or uploaded, run through models, its figures beside the published ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr

from playground.core.evaluation import EvaluationTask
from playground.core.types import Step
from playground.engine import comparison_run
from playground.evaluate import results, stages, tasks
from playground.evaluate.results import Evaluation
from playground.evaluate.table import heading
from playground.inputs.labelled_sets.writing import run_text
from playground.models import bm25
from playground.models.catalog import BUILT_IN_RERANKER
from playground.ui import texts
from playground.ui.components.asked import Asked
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import phrases
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import any_choices, embedder_choices, model_name
from playground.ui.components.model_rows import choice_of
from playground.ui.components.progress_line import step, step_of
from playground.ui.components.run_buttons import busy, idle, run_and_stop, wire_stop
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.views.funnel.evaluation_task import Form, opening
from playground.ui.wiring import MAX_RUNS, Caller, listen

SUFFIXES = (".zip", ".jsonl", ".json", ".parquet", ".tsv", ".csv", ".txt", ".gz")
FIRST_QUERIES, FIRST_DEPTH = 20, 50
COLUMNS = ("published", "tokens", "precision", "device", "seconds")


@dataclass(frozen=True)
class Widgets:
    """The components of the panel. `found` is what this page evaluated last."""

    task: gr.Dropdown
    files: gr.File
    models: gr.Dropdown
    retriever: gr.Dropdown
    depth: gr.Number
    queries: gr.Number
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.Dataframe
    json: gr.Button
    trec: gr.Button
    download: gr.HTML
    found: gr.State

    @property
    def form(self) -> list[Any]:
        """The components of a `Form`."""
        return [self.task, self.files, self.models, self.retriever, self.depth, self.queries]

    @property
    def shown(self) -> list[Any]:
        """The components of a `Ran`."""
        return [self.status, self.table, self.found, self.run, self.stop, self.json, self.trec]


class Ran(NamedTuple):
    """One step of an evaluation; what did not change is skipped."""

    status: Any
    table: Any = gr.skip()
    found: Any = gr.skip()
    run: Any = gr.skip()
    stop: Any = gr.skip()
    json: Any = gr.skip()
    trec: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """The task, the models, the buttons and the table."""
    public = services.settings.public
    with localized(gr.Accordion(open=False, elem_id="funnel-evaluation"), label="evaluation.title"):
        phrases([phrase("evaluation.about", "muted")], elem_id="evaluation-about")
        with gr.Row():
            task = localized(
                gr.Dropdown(
                    list(tasks.ready()),
                    value=tasks.ready()[0],
                    allow_custom_value=not public,
                    scale=2,
                    min_width=240,
                    elem_id="evaluation-task",
                ),
                label="evaluation.task",
                info="evaluation.task_info_public" if public else "evaluation.task_info",
            )
            files = localized(
                gr.File(
                    file_count="multiple",
                    file_types=list(SUFFIXES),
                    height=150,
                    min_width=280,
                    elem_id="evaluation-files",
                ),
                label="evaluation.files",
            )
        models = localized(
            gr.Dropdown(
                any_choices(services),
                value=[BUILT_IN_RERANKER],
                multiselect=True,
                allow_custom_value=True,
                elem_id="evaluation-models",
            ),
            label="evaluation.models",
        )
        with gr.Row():
            retriever = localized(
                gr.Dropdown(
                    [(bm25.NAME, bm25.MODEL_ID), *embedder_choices(services)],
                    value=bm25.MODEL_ID,
                    allow_custom_value=True,
                    scale=2,
                    min_width=220,
                    elem_id="evaluation-retriever",
                ),
                label="evaluation.first_stage",
            )
            numbers: dict[str, Any] = {"precision": 0, "min_width": 140}
            depth = localized(
                gr.Number(FIRST_DEPTH, minimum=1, elem_id="evaluation-depth", **numbers),
                label="evaluation.depth",
                info="evaluation.depth_info",
            )
            queries = localized(
                gr.Number(FIRST_QUERIES, minimum=0, elem_id="evaluation-queries", **numbers),
                label="evaluation.queries",
                info="evaluation.queries_info",
            )
        with gr.Row(elem_classes="pg-actions", elem_id="evaluation-actions"):
            run, stop = run_and_stop(localized, "evaluation", "evaluation.run")
        status = phrases(elem_id="evaluation-status")
        table = gr.Dataframe(visible=False, interactive=False, elem_id="evaluation-table")
        with gr.Row(elem_classes="pg-actions", elem_id="evaluation-saved"):
            saved = (_saving(localized, "json"), _saving(localized, "trec"))
    form = (task, files, models, retriever, depth, queries)
    return Widgets(*form, run, stop, status, table, *saved, download_part("evaluation-download"), gr.State(None))


def _saving(localized: Localized, what: str) -> gr.Button:
    button = gr.Button(size="sm", scale=0, min_width=150, visible=False, elem_id=f"evaluation-{what}")
    return localized(button, value=f"evaluation.{what}")


def on_run(services: Services, caller: Caller, *values: Any) -> Iterator[Ran]:
    """The task through its first stage and every model. Each row is on the page as soon as it is made, and stays.

    Raises:
        PlaygroundError: no model or too many, the task cannot be read, or a model cannot be run.
    """
    form, asked = Form(*values[: len(Form._fields)]), Asked(*values[len(Form._fields) :])
    yield Ran([step("evaluation.reading")], **busy())
    names = [name for name in dict.fromkeys(form.models or ()) if name.strip()]
    choices = [choice_of(services, asked._replace(model=name), "auto") for name in names]
    comparison_run.check(choices, services.engine.limits)
    with services.run(caller) as stop, TemporaryDirectory(prefix="evaluation-") as folder:
        task = yield from opening(services, form, stop, lambda said: Ran([said]))
        if task is None:
            yield _stopped(services)
            return
        rows: list[results.Row] = []
        depth, candidates = None, task.candidates
        if candidates is None:
            depth = max(1, int(form.depth or FIRST_DEPTH))
            embed, name = None, form.retriever or bm25.MODEL_ID
            if name != bm25.MODEL_ID:
                choice = choice_of(services, asked._replace(model=name), "embedder")
                embed = services.engine.embedder(choice, stop)
            run = None
            for first in stages.retrieve(task, depth, Path(folder), embed, stop):
                run = first.run
                key = "evaluation.search" if first.phase == "search" else f"corpus.{first.phase}"
                yield Ran([step(key, first.done, first.total)])
            if run is None:
                yield _stopped(services)
                return
            rows.append(results.row(task, name, run, depth=depth))
            yield _so_far(task, rows, depth, caller)
            candidates = {id: tuple(scores) for id, scores in run.items()}
        store = None if services.settings.public else services.history.sets
        for name, choice in zip(names, choices, strict=True):
            scored = None
            for now in stages.rerank(
                task, candidates, services.engine, choice, store=store, owner=caller.owner, stop=stop, keys=asked.keys
            ):
                scored = now.scored
                at = phrase("evaluation.model_at", "plain", model=model_name(name))
                yield Ran([at, step_of(Step(now.step.phase, now.step.done, now.step.total))])
            if scored is None:
                yield _stopped(services, sentences(_of(task, rows, depth)) if rows else [])
                return
            rows.append(results.row(task, name, scored.run, scored, depth))
            yield _so_far(task, rows, depth, caller)
    yield Ran(sentences(_of(task, rows, depth)), **idle())


def drawn(found: Evaluation, language: Language) -> Any:
    """The table: one row for each run."""
    columns = [name for name in COLUMNS if name != "published" or any(one.published for one in found.rows)]
    headers = [
        texts.say("evaluation.column_run", language),
        *map(heading, found.shown),
        *(texts.say(f"evaluation.column_{name}", language) for name in columns),
    ]
    rows = [
        [_name(found, place), *_figures(found, place), *_facts(found, place, columns)]
        for place in range(len(found.rows))
    ]
    return gr.update(value={"headers": headers, "data": rows}, visible=True)


def sentences(found: Evaluation) -> list[Phrase]:
    """What was counted, how sure the first figure is, and where published figures come from."""
    n, counted = len(found.task.queries), len(found.contest.queries)
    said = [phrase("evaluation.done", "good", task=found.task.name, counted=counted, n=n)]
    if found.task.first_of is not None:
        said.append(phrase("evaluation.first", "warn", n=n, all=found.task.first_of))
    for place in range(len(found.rows)):
        estimate = found.estimate(place, found.shown[0])
        if estimate is not None and estimate.spread:
            low, high = (f"{100 * bound:.2f}" for bound in (estimate.low, estimate.high))
            figure = heading(found.shown[0])
            said.append(
                phrase("evaluation.interval", "muted", model=_name(found, place), figure=figure, low=low, high=high)
            )
    said += [texts.both(note, "muted") for note in found.task.notes]
    for each in dict.fromkeys((p.counted, p.ran, p.source) for one in found.rows for p in one.published):
        said.append(phrase("evaluation.published", "muted", counted=each[0], ran=each[1], source=each[2]))
    return said


def on_json(services: Services, caller: Caller, found: Evaluation | None) -> Any:
    """All figures as a file."""
    if found is None:
        return gr.skip()
    text = json.dumps(results.record(found), ensure_ascii=False, indent=1, allow_nan=False)
    return file(services, "results.json", "application/json", text)


def on_trec(services: Services, caller: Caller, found: Evaluation | None) -> Any:
    """The runs one after another in one file; the last column says whose a line is."""
    if found is None:
        return gr.skip()
    return file(services, "runs.trec", "text/plain", "".join(run_text(one.run, one.name) for one in found.rows))


def failed(said: Phrase) -> Ran:
    """The panel after an error."""
    return Ran([said], **idle())


def _of(task: EvaluationTask, rows: Sequence[results.Row], depth: int | None) -> Evaluation:
    return results.evaluation(task, rows, depth is not None, depth)


def _so_far(task: EvaluationTask, rows: Sequence[results.Row], depth: int | None, caller: Caller) -> Ran:
    """The table and what can be saved, after one row more."""
    found, shown = _of(task, rows, depth), gr.update(visible=True)
    return Ran(sentences(found), drawn(found, caller.language), found, json=shown, trec=shown)


def _stopped(services: Services, about: Sequence[Phrase] = ()) -> Ran:
    key = "evaluation.stopped_public" if services.settings.public else "evaluation.stopped"
    return failed(phrase(key, "muted"))._replace(status=[phrase(key, "muted"), *about])


def _name(found: Evaluation, place: int) -> str:
    return model_name(found.rows[place].name)


def _figures(found: Evaluation, place: int) -> list[str]:
    estimates = [found.estimate(place, key) for key in found.shown]
    return ["" if one is None else f"{100 * one.mean:.2f}" for one in estimates]


def _facts(found: Evaluation, place: int, columns: Sequence[str]) -> list[str]:
    one = found.rows[place]
    facts = {"published": ", ".join(f"{each.value:.2f}" for each in one.published)}
    if one.scored is not None:
        spec = one.scored.spec
        facts |= {"tokens": str(spec.max_length or ""), "precision": spec.precision, "device": spec.device}
        facts["seconds"] = f"{one.scored.seconds:.1f}"
    return [facts.get(name, "") for name in columns]


def wire(page: Page, w: Widgets) -> None:
    """Listeners of the panel."""
    me, services = page.me, page.services
    listen(
        w.run.click,
        partial(on_run, services),
        me=me,
        inputs=[*w.form, *page.workspace.asked],
        outputs=w.shown,
        on_error=failed,
        trigger_mode="once",
        concurrency_id="rerank",
        concurrency_limit=MAX_RUNS,
    )
    wire_stop(services, me, w.stop, w.status)
    for button, handler in ((w.json, on_json), (w.trec, on_trec)):
        listen(button.click, partial(handler, services), me=me, inputs=[w.found], outputs=[w.download])
