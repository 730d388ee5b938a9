"""Many queries through one funnel: how deep it pays to rerank, and which queries gain and lose by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.analysis.funnel import depths_up_to
from playground.core.errors import InvalidInput
from playground.core.funnel import FunnelResult, FunnelSet, ManyProgress
from playground.core.limits import Limits
from playground.engine.funnel import stages
from playground.inputs import query_files
from playground.ui.components import figures
from playground.ui.components.asked import Asked
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import asset, html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.progress_line import step, step_of
from playground.ui.components.run_buttons import busy, idle, run_and_stop, wire_stop
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.funnel.hard_negatives import mined
from playground.ui.views.funnel.many_payload import payload
from playground.ui.views.funnel.searching import Searcher, counted, opened, with_labels
from playground.ui.views.funnel.stages_form import Form
from playground.ui.wiring import MAX_RUNS, Caller, listen

FIRST_K = 100
# As many as come with the ready corpus: the button works as it stands, on a public page too.
READY_QUERIES = 60
SECONDS_BETWEEN_STEPS = 0.25
# The figures of what has run so far are measured anew for each look.
SECONDS_BETWEEN_LOOKS = 3.0
LEAST_SHOWN = 2
SUFFIXES = [".txt", ".tsv", ".csv", ".json", ".jsonl", ".gz", ".zip"]


@dataclass(frozen=True)
class Ranked:
    """The queries that ran, and what became of them."""

    asked: FunnelSet | None = None
    results: tuple[FunnelResult, ...] = ()


@dataclass(frozen=True)
class Widgets:
    """The components of the part. `ran` is what this page shows of many queries."""

    said: gr.HTML
    box: gr.Textbox
    upload: gr.UploadButton
    k: gr.Number
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    results: gr.HTML
    download: gr.HTML
    ran: gr.State


class Ran(NamedTuple):
    """One step of the run; what did not change is skipped."""

    results: Any
    ran: Any
    status: Any
    run: Any = gr.skip()
    stop: Any = gr.skip()
    loader: Any = gr.skip()


class Read(NamedTuple):
    """The queries of a file."""

    asked: Any
    said: Any
    box: Any


def first_k(limits: Limits) -> int:
    """The depth that the box begins with."""
    return min(FIRST_K, limits.pairs // READY_QUERIES)


def build(services: Services, localized: Localized) -> Widgets:
    """Where queries come from, the buttons, and everything that is drawn."""
    html_part("funnel/heading", '<div class="fn-heading"></div>', elem_id="funnel-many-heading")
    said = phrases(elem_id="funnel-many-said")
    with gr.Row(elem_id="funnel-many-input", equal_height=False):
        box = localized(
            gr.Textbox(lines=3, max_lines=8, scale=4, min_width=260, elem_id="funnel-many-box"),
            label="funnel.many_box",
            placeholder="funnel.many_hint",
        )
        with gr.Column(scale=1, min_width=170):
            k = localized(
                gr.Number(first_k(services.engine.limits), precision=0, minimum=1, elem_id="funnel-many-k"),
                label="funnel.many_k",
                info="funnel.many_k_info",
            )
            upload = localized(
                gr.UploadButton(file_types=SUFFIXES, file_count="multiple", size="sm", elem_id="funnel-many-upload"),
                label="funnel.many_upload",
            )
    with gr.Row(elem_classes="pg-actions", elem_id="funnel-many-actions"):
        run, stop = run_and_stop(localized, "funnel-many", "funnel.many_run")
        status = phrases(elem_id="funnel-many-status")
    results = html_part(["funnel/parts", "funnel/many"], asset("funnel/many.html"), elem_id="funnel-many")
    parts = (said, box, upload, k, run, stop, status, results, download_part("funnel-download"))
    return Widgets(*parts, gr.State(Ranked()))


def on_upload(services: Services, caller: Caller, paths: list[str] | None) -> Read | None:
    """The queries of the files, in place of those that were there.

    Raises:
        InvalidInput: they cannot be read.
    """
    if not paths:
        return None
    asked = query_files.read([Path(path) for path in paths], services.engine.limits)
    n_labelled = sum(bool(query.grades) for query in asked.queries)
    return Read(asked, [phrase("funnel.many_read", "good", n=len(asked.queries), labelled=n_labelled)], "")


def on_many(
    services: Services, caller: Caller, asked_set: FunnelSet | None, text: str, k: float | None, *values: Any
) -> Iterator[Ran]:
    """Every query through all stages.

    Raises:
        PlaygroundError: the input cannot be used, or a stage failed. What is on the page stays.
    """
    skip = gr.skip()
    yield Ran(skip, skip, [step("run.start")], **busy())
    n_form = len(Form._fields)
    form, asked = Form(*values[:n_form]), Asked(*values[n_form:])
    corpus = opened(services, caller, form.corpus_id)
    queries = with_labels(query_files.paste(text), asked_set) if (text or "").strip() else asked_set
    if queries is None:
        raise InvalidInput("There is no query here. Write one a line, or choose a file with queries.")
    form = form._replace(k=k, query=queries.queries[0].text, threshold_id="")
    request = form.request(services, caller, asked, corpus.info.name)
    stages.check(request, services.engine.limits, len(queries.queries))
    with services.run(caller) as stop:
        queries = counted(corpus, queries)
        searcher = Searcher(services, corpus, form, form.embedder_choice(services))
        for said in searcher.prepare(stop):
            yield Ran(skip, skip, [said])
        if stop.is_set():
            yield Ran(skip, skip, [phrase("run.stopped_early", "muted")], **idle())
            return
        rank = partial(services.engine.rerank, keys=asked.keys)
        depths = depths_up_to(request.k)
        said_at, looked_at, n_looked, last = 0.0, time.monotonic(), 0, None
        for last in stages.many(rank, searcher.retrieve, queries.queries, request, stop, depths):
            now, n_done = time.monotonic(), len(last.results)
            if last.place == len(queries.queries):
                break
            if n_done >= LEAST_SHOWN and n_done > n_looked and now - looked_at >= SECONDS_BETWEEN_LOOKS:
                shown = Ranked(queries, last.results)
                yield Ran(
                    payload(queries, last.results, running=True),
                    shown,
                    _where(last, len(queries.queries)),
                    loader=figures.loaded(),
                )
                looked_at, n_looked = time.monotonic(), n_done
            elif now - said_at >= SECONDS_BETWEEN_STEPS:
                said_at = now
                yield Ran(skip, skip, _where(last, len(queries.queries)))
        assert last is not None
        yield _ended(queries, last)


def on_pick(services: Services, caller: Caller, ran: Ranked) -> str:
    """The query that was clicked, for the box above.

    Raises:
        InvalidInput: it is none of them.
    """
    for query in ran.asked.queries if ran.asked else ():
        if query.id == caller.text("id"):
            return query.text
    raise InvalidInput("This query is no longer on the page. Run them again.")


def on_export(services: Services, caller: Caller, ran: Ranked) -> dict[str, str]:
    """The hard negatives of what ran, as training rows.

    Raises:
        InvalidInput: there are no labels, or nothing is left of what stood high.
    """
    if ran.asked is None or not ran.results:
        raise InvalidInput("No query has run yet. Run some first.")
    corpus = opened(services, caller, ran.results[0].request.corpus_id)
    return file(
        services,
        "hard-negatives.jsonl",
        "application/jsonl;charset=utf-8",
        mined(ran.asked, ran.results, corpus, caller.event),
    )


def failed(said: Phrase) -> Ran:
    """After an error the sentence stays beside the button, and the results until then."""
    return Ran(gr.skip(), gr.skip(), [said], **idle())


def refused(said: Phrase) -> Read:
    """After a file that could not be read the queries stay as they are."""
    return Read(gr.skip(), [said], gr.skip())


def _ended(queries: FunnelSet, last: ManyProgress) -> Ran:
    n_done, total = last.step.done, last.step.total
    if not n_done:
        return Ran(gr.skip(), gr.skip(), [phrase("run.stopped_early", "muted")], **idle())
    status = phrase("funnel.many_done", "good", n=n_done)
    if last.step.phase == "stopped":
        status = phrase("funnel.many_stopped", "muted", n=n_done, total=total)
    now = Ranked(queries, last.results)
    return Ran(payload(queries, last.results), now, [status], loader=figures.loaded(), **idle())


def _where(last: ManyProgress, total: int) -> list[Phrase]:
    at = phrase("funnel.query_of", "plain", n=last.place + 1, total=total)
    return [
        at,
        *([step_of(last.step)] if last.step.total or last.step.phase != "score" else []),
        step("funnel.queries_done", last.place, total),
    ]


def wire(
    page: Page, w: Widgets, asked: gr.State, values: list[Any], query: gr.Textbox, loader: gr.Plot
) -> tuple[Any, Any]:
    """Listeners of the part. Returns the events that run all queries, and that put a clicked one into its box."""
    services, me = page.services, page.me
    ran = listen(
        w.run.click,
        partial(on_many, services),
        me=me,
        inputs=[asked, w.box, w.k, *values, *page.workspace.asked],
        outputs=[w.results, w.ran, w.status, w.run, w.stop, loader],
        on_error=failed,
        trigger_mode="once",
        concurrency_id="rerank",
        concurrency_limit=MAX_RUNS,
    )
    wire_stop(services, me, w.stop, w.status)
    read: dict[str, Any] = {"inputs": [w.upload], "outputs": [asked, w.said, w.box], "on_error": refused}
    listen(w.upload.upload, partial(on_upload, services), me=me, **read)
    listen(w.results.exported, partial(on_export, services), me=me, inputs=[w.ran], outputs=[w.download])
    picked = listen(w.results.picked, partial(on_pick, services), me=me, inputs=[w.ran], outputs=[query])
    return ran, picked
