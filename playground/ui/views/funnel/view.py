"""The funnel: from a corpus to the top few, by a retriever and rerankers behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import HistoryError
from playground.core.funnel import FunnelProgress, FunnelResult, FunnelSet
from playground.corpus.corpora import Corpus
from playground.engine.funnel import record, stages
from playground.ui.components import figures
from playground.ui.components.asked import Asked
from playground.ui.components.html_parts import asset, html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.progress_line import step, step_of
from playground.ui.components.run_buttons import busy, idle, run_and_stop, wire_stop
from playground.ui.components.saving import save
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.funnel import corpus_panel, evaluation_panel, many, stages_form
from playground.ui.views.funnel.corpus_sentences import state
from playground.ui.views.funnel.payload import payload
from playground.ui.views.funnel.searching import Searcher, judged, labelled, opened
from playground.ui.views.funnel.stages_form import Form, Refilled
from playground.ui.wiring import MAX_RUNS, Caller, listen

SECONDS_BETWEEN_STEPS = 0.25
N_FORM = len(Form._fields)


@dataclass(frozen=True)
class Visit:
    """What one open page shows of a single query.

    Attributes:
        example: the query that the page put into the box itself; another corpus may replace it.
    """

    result: FunnelResult | None = None
    run_id: str | None = None
    example: str = ""


@dataclass(frozen=True)
class Widgets:
    """The components of the view. `visit` is what this page shows of one query, `asked` its many queries."""

    corpus: corpus_panel.Widgets
    form: stages_form.Widgets
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    results: gr.HTML
    loader: gr.Plot
    many: many.Widgets
    evaluation: evaluation_panel.Widgets
    visit: gr.State
    asked: gr.State

    @property
    def values(self) -> list[Any]:
        """The components of a `Form`."""
        return [self.corpus.chosen, self.corpus.embedder, *self.form.values]

    @property
    def shown(self) -> list[Any]:
        """The components of a `Shown`."""
        return [self.results, self.visit, self.loader, self.form.query]

    @property
    def refilled(self) -> list[Any]:
        """The components of a `stages_form.Refilled`."""
        return [self.corpus.chosen, self.corpus.embedder, *self.form.refilled]


class Shown(NamedTuple):
    """A query's way on the page; what did not change is skipped."""

    results: Any = gr.skip()
    visit: Any = gr.skip()
    loader: Any = gr.skip()
    query: Any = gr.skip()


class Ran(NamedTuple):
    """One step of a run."""

    shown: Shown
    status: Any
    run: Any = gr.skip()
    stop: Any = gr.skip()


class Chosen(NamedTuple):
    """The page after another corpus was chosen."""

    state: Any
    query: Any
    visit: Any
    asked: Any
    said: Any


NOTHING_NEW = Shown()


def build(services: Services, localized: Localized) -> Widgets:
    """The corpus, the query with its stages, the result, then many queries at once."""
    corpus = corpus_panel.build(services, localized)
    form = stages_form.build(services, localized)
    with gr.Row(elem_classes="pg-actions", elem_id="funnel-actions"):
        run, stop = run_and_stop(localized, "funnel", "funnel.run")
        status = phrases(elem_id="funnel-status")
    results = html_part(["funnel/parts", "funnel/results"], asset("funnel/results.html"), elem_id="funnel-results")
    loader = figures.loader("funnel-loader")
    below, evaluation = many.build(services, localized), evaluation_panel.build(services, localized)
    parts = (run, stop, status, results, loader, below, evaluation)
    return Widgets(corpus, form, *parts, gr.State(Visit()), gr.State(None))


def on_corpus(services: Services, caller: Caller, corpus_id: str | None, query: str, visit: Visit) -> Chosen:
    """What is made of the corpus, and what comes with a ready one: labelled queries, of which the first fills an empty
    box.

    Raises:
        HistoryError: the corpus is gone.
    """
    corpus = opened(services, caller, corpus_id) if corpus_id else None
    asked, made = None if corpus is None else labelled(services, corpus.info), state(corpus)
    fills = not (query or "").strip() or query == visit.example
    if asked is None:
        return Chosen(made, "" if fills and visit.example else gr.skip(), replace(visit, example=""), None, [])
    said = [phrase("funnel.ready_set", "muted", n=len(asked.queries))]
    example = asked.queries[0].text
    return Chosen(made, example if fills else gr.skip(), replace(visit, example=example), asked, said)


def on_run(
    services: Services, caller: Caller, visit: Visit, asked_set: FunnelSet | None, *values: Any
) -> Iterator[Ran]:
    """One query through all stages.

    Raises:
        PlaygroundError: the input cannot be used, or the retriever failed. What is on the page stays.
    """
    yield Ran(NOTHING_NEW, [step("run.start")], **busy())
    form, asked = Form(*values[:N_FORM]), Asked(*values[N_FORM:])
    corpus = opened(services, caller, form.corpus_id)
    request = form.request(services, caller, asked, corpus.info.name)
    stages.check(request, services.engine.limits)
    with services.run(caller) as stop:
        searcher = Searcher(services, corpus, form, form.embedder_choice(services))
        for said in searcher.prepare(stop):
            yield Ran(NOTHING_NEW, [said])
        if stop.is_set():
            yield Ran(NOTHING_NEW, [phrase("run.stopped_early", "muted")], **idle())
            return
        rank = partial(services.engine.rerank, keys=asked.keys)
        shown_at, last = 0.0, None
        for last in stages.steps(rank, searcher.retrieve, request, stop):
            if last.stage > len(request.rerankers):
                break
            if last.step.phase in ("done", "stopped"):
                now = replace(visit, result=last.result, run_id=None)
                yield Ran(Shown(payload(last.result, corpus=corpus, running=True), now, figures.loaded()), gr.skip())
            elif time.monotonic() - shown_at >= SECONDS_BETWEEN_STEPS:
                shown_at = time.monotonic()
                yield Ran(NOTHING_NEW, _where(last))
        assert last is not None
        yield _ended(services, caller, visit, asked_set, corpus, last)


def on_ran(services: Services, caller: Caller, corpus_id: str | None) -> list[Phrase]:
    """What is made of the corpus now: a run makes the indexes that it needs.

    Raises:
        HistoryError: the corpus is gone.
    """
    return state(services.corpora.open(corpus_id, caller.owner) if corpus_id else None)


def failed(said: Phrase) -> Ran:
    """The page after an error: the sentence stays beside the button, the results stay where they are."""
    return Ran(NOTHING_NEW, [said], **idle())


def reopened(services: Services, caller: Caller, run_id: str, kept: Mapping[str, object]) -> Shown:
    """A saved run as it was.

    Raises:
        InvalidInput: the record is damaged or newer than this program.
    """
    result = record.from_manifest(kept)
    asked, gone = result.request, list[Phrase]()
    if _still_there(services, caller, asked.corpus_id) is None:
        gone.append(phrase("funnel.corpus_gone", "warn", name=asked.corpus_name))
    if asked.threshold and not stages_form.on_thresholds(services, caller, asked.threshold.id)["value"]:
        gone.append(phrase("funnel.threshold_gone", "warn", name=asked.threshold.name))
    return show(services, caller, Visit(result, run_id), None, warnings=gone)._replace(query=asked.query)


def refilled(services: Services, caller: Caller, shown: Shown) -> Refilled:
    """The corpus and the stages of a run that was opened."""
    return stages_form.refilled(services, caller, shown.visit.result)


def show(
    services: Services, caller: Caller, visit: Visit, asked: FunnelSet | None, *, warnings: list[Phrase] | None = None
) -> Shown:
    """A whole query on the page."""
    result = visit.result
    assert result is not None
    corpus = _still_there(services, caller, result.request.corpus_id)
    asked = asked or (None if corpus is None else labelled(services, corpus.info))
    query = judged(asked, result.request.query)
    brought = {one.passage.id for one in result.found}
    missed = (
        [] if query is None else [id for id, grade in (query.grades or {}).items() if grade > 0 and id not in brought]
    )
    drawn = payload(
        result,
        corpus=corpus,
        grades=None if query is None else query.grades,
        unreached=[] if corpus is None else corpus.known(missed),
        run_id=visit.run_id,
        warnings=warnings or (),
    )
    return Shown(drawn, visit, figures.loaded())


def _ended(
    services: Services, caller: Caller, visit: Visit, asked: FunnelSet | None, corpus: Corpus, last: FunnelProgress
) -> Ran:
    result = last.result
    if not result.found and last.step.phase == "stopped":
        return Ran(NOTHING_NEW, [phrase("run.stopped_early", "muted")], **idle())
    run_id, unsaved = save(services.history, caller.owner, record.manifest(result)) if result.found else (None, [])
    n_failed = sum(run.error is not None for run in result.stages)
    status = phrase("funnel.done", "good", n=len(result.answer))
    if n_failed:
        status = phrase("funnel.failed", "bad")
    elif last.step.phase == "stopped":
        status = phrase("funnel.stopped", "muted")
    elif not result.found:
        status = phrase("funnel.nothing_found", "warn")
    now = replace(visit, result=result, run_id=run_id)
    return Ran(show(services, caller, now, asked, warnings=unsaved), [status, *unsaved], **idle())


def _where(last: FunnelProgress) -> list[Phrase]:
    """Which stage is at work, and how far it is."""
    at = phrase("funnel.stage_of", "plain", place=last.stage + 1, total=len(last.result.stages) + 1)
    return [at, *([step_of(last.step)] if last.step.total or last.step.phase != "score" else [])]


def _still_there(services: Services, caller: Caller, corpus_id: str) -> Corpus | None:
    try:
        return services.corpora.open(corpus_id, caller.owner)
    except HistoryError:
        return None


def wire(page: Page) -> None:
    """Listeners of the view."""
    w: Widgets = page.views["funnel"]
    form, me, services = w.form, page.me, page.services
    corpus_panel.wire(page, w.corpus)
    evaluation_panel.wire(page, w.evaluation)
    saved: dict[str, Any] = {"inputs": [form.threshold], "outputs": [form.threshold], "me": me}
    listen(page.tab["funnel"].select, partial(stages_form.on_thresholds, services), **saved)
    listen(
        w.corpus.chosen.change,
        partial(on_corpus, services),
        me=me,
        inputs=[w.corpus.chosen, form.query, w.visit],
        outputs=[w.corpus.state, form.query, w.visit, w.asked, w.many.said],
        trigger_mode="always_last",
    )
    listen(
        form.kind.input,
        partial(stages_form.on_kind, services),
        me=me,
        inputs=[form.kind],
        outputs=[form.share],
    )
    listen(
        form.second.input,
        partial(stages_form.on_second, services),
        me=me,
        inputs=[form.second],
        outputs=[form.second_keep],
    )
    model: dict[str, Any] = {
        "me": me,
        "trigger_mode": "once",
        "concurrency_id": "rerank",
        "concurrency_limit": MAX_RUNS,
    }
    asked = [w.visit, w.asked, *w.values, *page.workspace.asked]
    ran: dict[str, Any] = {"outputs": [*w.shown, w.status, w.run, w.stop], "on_error": failed, **model}
    runs = [listen(w.run.click, partial(on_run, services), inputs=asked, **ran)]
    wire_stop(services, me, w.stop, w.status)
    ran_many, picked = many.wire(page, w.many, w.asked, w.values, form.query, w.loader)
    runs += [ran_many, listen(picked.success, partial(on_run, services), inputs=asked, **ran)]
    for event in runs:
        listen(event.then, partial(on_ran, services), me=me, inputs=[w.corpus.chosen], outputs=[w.corpus.state])
