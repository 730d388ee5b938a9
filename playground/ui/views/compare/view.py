"""The comparison: several models on the same passages, and where they disagree."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from playground.core.labels import Label
from playground.core.types import CompareProgress, ModelChoice, RerankRequest
from playground.engine.comparison_record import manifest, to_csv, to_json
from playground.remote.connect import NO_KEYS, Keys
from playground.ui.components import labels
from playground.ui.components.asked import Asked, note_phrase
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.components.model_rows import chosen, instruction_of, offered
from playground.ui.components.progress_line import step, step_of
from playground.ui.components.saving import save
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.views.compare import comparison_details, comparison_payload
from playground.ui.views.compare.comparison_details import Pair
from playground.ui.views.compare.comparison_payload import Side
from playground.ui.views.compare.earlier_runs import beside, earlier_runs
from playground.ui.views.compare.figures import FIGURES, head
from playground.ui.views.compare.figures import page as page_of
from playground.ui.views.compare.figures import plots as plots_of
from playground.ui.views.compare.progress import busy, idle, lines
from playground.ui.views.compare.shown import (
    NOTHING_NEW,
    Ran,
    Shown,
    Visit,
    details_of,
    listed,
    picker,
    right_first,
    show,
    side_of,
)
from playground.ui.wiring import MAX_RUNS, Caller, listen

SECONDS_BETWEEN_LINES = 0.25


@dataclass(frozen=True)
class Widgets:
    """The components of the view. `visit` is what this page compares now."""

    models: gr.HTML
    progress: gr.HTML
    results: gr.HTML
    plots: gr.Column
    shift: gr.Plot
    percentiles: gr.Plot
    heads: tuple[gr.HTML, ...]
    details: gr.HTML
    download: gr.HTML
    labels: gr.HTML
    visit: gr.State

    @property
    def shown(self) -> list[Any]:
        """The components of a `Shown`."""
        return [self.models, self.results, self.plots, self.shift, self.percentiles, self.details, self.visit]


def build(services: Services, localized: Localized) -> Widgets:
    """The models, the result with its plots, then the numbers about it."""
    settings = services.settings
    first = offered(services, services.first_model, settings.precision)
    with gr.Column(elem_id="compare-picker", elem_classes="pg-card"):
        models = html_part("compare/models", '<div class="pg-picker"></div>', first, elem_id="compare-models")
        progress = html_part("compare/progress", asset("compare/progress.html"), idle(), elem_id="compare-progress")
    scripts = [f"compare/{name}" for name in ("lists", "plots", "results")]
    results = html_part(scripts, asset("compare/results.html"), elem_id="compare-results")
    with gr.Column(visible=False, elem_id="compare-plots") as plots:
        with gr.Column(elem_classes="pg-card"):
            heads = [head("rank_shift")]
            shift = gr.Plot(show_label=False, container=False, elem_id="compare-shift")
        with gr.Column(elem_classes="pg-card"):
            heads.append(head("score_percentiles"))
            percentiles = gr.Plot(show_label=False, container=False, elem_id="compare-percentiles")
    details = html_part("compare/details", asset("compare/details.html"), elem_id="compare-details")
    download = download_part("compare-download")
    parts = (models, progress, results, plots, shift, percentiles)
    return Widgets(*parts, tuple(heads), details, download, labels.build("compare-labels"), gr.State(Visit()))


def on_first(
    services: Services, caller: Caller, visit: Visit, model: str | None, precision: str, reading: str
) -> dict[str, object]:
    """The picker with another first model: the one in the workspace."""
    return picker(services, visit, model or "", precision, reading)


def on_compare(services: Services, caller: Caller, visit: Visit, *values: Any) -> Iterator[Ran]:
    """Run the workspace's model and those of the picker's rows, one after another.

    Raises:
        PlaygroundError: the input or the choice of models cannot be used. What is on the page stays.
    """
    yield Ran(NOTHING_NEW, busy(step("run.start")))
    asked = Asked(*values)
    query, parsed = asked.read()
    choices = chosen(services, asked, caller.event.get("rows"))
    request = RerankRequest(query, parsed.passages, instruction_of(services, asked))
    warnings = [note_phrase(note) for note in parsed.notes]
    filled = query if query != asked.query else gr.skip()
    visit = replace(visit, replaying=None, opened=False)
    for ran in _run(services, caller, visit, request, choices, warnings, asked.keys):
        yield ran._replace(query=filled)


def on_again(services: Services, caller: Caller, visit: Visit) -> Iterator[Ran]:
    """Run again the comparison that the history asked to replay; nothing where it opened something else."""
    if visit.replaying is None or visit.comparison is None:
        return
    choices = [run.choice for run in visit.comparison.runs]
    yield from _run(services, caller, visit, visit.comparison.request, choices, [])


def on_stop(services: Services, caller: Caller) -> dict[str, object]:
    """Ask the run to end after the batch that is being computed; no other model is started."""
    services.stops.stop(caller.session)
    return busy(phrase("run.stopping", "muted"))


def on_time(services: Services, caller: Caller, visit: Visit) -> Iterator[Ran]:
    """Measure how fast the two precisions of one model are, in alternation.

    Raises:
        PlaygroundError: one of the two cannot be loaded or run any more.
    """
    pair = _pair(visit, caller)
    if pair is None or visit.comparison is None:
        return
    first, second = (visit.comparison.runs[place].choice for place in pair)
    with services.run(caller) as stop:
        for last in services.engine.speed([visit.comparison.request], [first, second], stop=stop):
            if last.result is not None:
                for error in (run.error for run in last.result.runs if run.error is not None):
                    raise error
                visit = replace(visit, speeds={**visit.speeds, pair: last.result})
                break
            said = step("compare.rounds", last.done, last.total) if last.phase == "score" else step_of(last)
            yield Ran(NOTHING_NEW._replace(details=details_of(visit, timing=(pair, said))), busy())
        yield Ran(NOTHING_NEW._replace(details=details_of(visit), visit=visit), idle())


def on_words(services: Services, caller: Caller, visit: Visit) -> Shown:
    """The plots in the language that was clicked."""
    language: Language = "zh" if caller.text("lang") == "zh" else "en"
    if visit.comparison is None:
        return NOTHING_NEW
    shift, percentiles = plots_of(side_of(visit), language)
    return NOTHING_NEW._replace(shift=shift, percentiles=percentiles)


def on_seek(services: Services, caller: Caller, visit: Visit) -> Shown:
    """The visitor's earlier runs of the same passages.

    Raises:
        HistoryError: the file cannot be read.
    """
    if visit.comparison is None:
        return NOTHING_NEW
    visit = replace(visit, found=earlier_runs(services.history, caller.owner, visit.comparison.request, visit.run_id))
    return NOTHING_NEW._replace(details=details_of(visit), visit=visit)


def on_lay(services: Services, caller: Caller, visit: Visit) -> Shown:
    """An earlier run beside this one; without an id it is taken away again.

    Raises:
        PlaygroundError: it is gone, damaged, another visitor's, or has other passages.
    """
    if visit.comparison is None:
        return NOTHING_NEW
    run_id = caller.text("id")
    earlier = None if not run_id else beside(visit.comparison, services.history.get(run_id, caller.owner))
    return show(services, caller, replace(visit, earlier=earlier))


def on_label(services: Services, caller: Caller, visit: Visit) -> dict[str, object]:
    """Keep what the visitor says of one passage, and say which models put a relevant one first now.

    Raises:
        InvalidInput: the list on the page is another one by now, or this is no label.
        HistoryError: it could not be stored.
    """
    return labels.give(services, caller, listed(visit)) | {"right": right_first(services, caller, visit)}


def on_labels(services: Services, caller: Caller, visit: Visit) -> dict[str, object] | None:
    """The labels of the list as they are now: they may have been given in another view."""
    values = {"right": right_first(services, caller, visit)}
    return labels.listed(services, caller, listed(visit), "playgroundCompare", **values)


def on_export(services: Services, caller: Caller, visit: Visit) -> dict[str, str] | None:
    """The comparison as a file, or one of its figures as a page of its own."""
    if visit.comparison is None:
        return None
    kind, figure = caller.text("format"), caller.text("figure")
    if kind == "csv":
        stored, _ = labels.found(services, caller, visit.comparison.request)
        table = to_csv(labels.over_comparison(visit.comparison, stored))
        return file(services, "comparison.csv", "text/csv;charset=utf-8", table)
    if kind == "json":
        return file(services, "comparison.json", "application/json", to_json(visit.comparison))
    if kind == "html" and figure in FIGURES:
        name = f"{figure.replace('_', '-')}.html"
        return file(services, name, "text/html;charset=utf-8", page_of(figure, side_of(visit), caller.language))
    return None


def failed(said: Phrase) -> Ran:
    """The page after an error: the sentence stays under the button, the comparison stays where it is."""
    return Ran(NOTHING_NEW, idle(said))


def _run(
    services: Services,
    caller: Caller,
    visit: Visit,
    request: RerankRequest,
    choices: Sequence[ModelChoice],
    warnings: Sequence[Phrase],
    keys: Keys = NO_KEYS,
) -> Iterator[Ran]:
    with services.run(caller) as stop:
        shown_at, last = 0.0, None
        stored, _ = labels.found(services, caller, request)
        for last in services.engine.compare(request, choices, stop=stop, keys=keys):
            if last.place == len(choices):
                continue
            if last.step.phase in ("done", "stopped"):
                yield _one_more(visit, last, stored)
            elif time.monotonic() - shown_at >= SECONDS_BETWEEN_LINES:
                shown_at = time.monotonic()
                yield Ran(NOTHING_NEW, busy(lines=lines(last)))
        assert last is not None
        yield _ended(services, caller, visit, last, warnings)


def _one_more(visit: Visit, last: CompareProgress, stored: Sequence[Label | None]) -> Ran:
    """The columns with one more of them filled; plots and numbers wait for all."""
    side = Side(last.comparison, len(last.comparison.runs))
    results = comparison_payload.payload(side, labels=stored, at=last.place + 1)
    now = replace(visit, request=last.comparison.request)
    shown = NOTHING_NEW._replace(results=results, plots=gr.update(visible=False), details=None, visit=now)
    return Ran(shown, busy(lines=lines(last)))


def _ended(services: Services, caller: Caller, visit: Visit, last: CompareProgress, warnings: Sequence[Phrase]) -> Ran:
    comparison = last.comparison
    n_failed = sum(run.error is not None for run in comparison.runs)
    scored = any(result.scored for result in comparison.results)
    if not scored and not n_failed:
        return Ran(
            NOTHING_NEW._replace(visit=replace(visit, replaying=None)), idle(phrase("run.stopped_early", "muted"))
        )
    run_id, unsaved = save(services.history, caller.owner, manifest(comparison)) if scored else (None, [])
    replay = None
    if visit.replaying is not None and visit.comparison is not None:
        replay = tuple(comparison_details.replayed(visit.comparison, comparison, visit.replaying))
    now = Visit(comparison, run_id, replay=replay)
    status = phrase("compare.done", "good", n=last.step.done - n_failed)
    if last.step.phase == "stopped":
        status = phrase("compare.stopped", "muted", n=last.step.done - n_failed, total=len(comparison.runs))
    failures = [phrase("compare.failures", "bad", n=n_failed)] if n_failed else []
    return Ran(show(services, caller, now, warnings=[*warnings, *unsaved]), idle(status, *failures, *unsaved))


def _pair(visit: Visit, caller: Caller) -> Pair | None:
    """The two runs that the event names, where they are two precisions of one model."""
    wanted = caller.event.get("pair")
    if visit.comparison is None or not isinstance(wanted, list):
        return None
    return next((pair for pair in comparison_details.precision_pairs(side_of(visit)) if list(pair) == wanted), None)


def wire(page: Page) -> None:
    """Listeners of the view; the workspace's model is its first."""
    w: Widgets = page.views["compare"]
    panel, me, services = page.workspace, page.me, page.services
    outputs = [*w.shown, w.progress, panel.query]
    options: dict[str, Any] = {"me": me, "outputs": outputs, "on_error": failed, "trigger_mode": "once"}
    model: dict[str, Any] = {"concurrency_id": "rerank", "concurrency_limit": MAX_RUNS}
    listen(w.progress.compared, partial(on_compare, services), inputs=[w.visit, *panel.asked], **options, **model)
    page.replays.append(lambda event: listen(event, partial(on_again, services), inputs=[w.visit], **options, **model))
    listen(w.details.timed, partial(on_time, services), inputs=[w.visit], **options, **model)
    stop: dict[str, Any] = {"concurrency_limit": None, "concurrency_id": "stop"}
    listen(w.progress.halted, partial(on_stop, services), me=me, outputs=[w.progress], **stop)
    for source in (panel.model, panel.precision, panel.windows.reading):
        listen(
            source.change,
            partial(on_first, services),
            me=me,
            inputs=[w.visit, panel.model, panel.precision, panel.windows.reading],
            outputs=[w.models],
            trigger_mode="always_last",
        )
    visit: dict[str, Any] = {"me": me, "inputs": [w.visit]}
    given: dict[str, Any] = {"outputs": [w.labels], "on_error": labels.refused, "trigger_mode": "multiple"}
    given |= {"concurrency_id": "labels", "concurrency_limit": 8}
    listen(w.results.graded, partial(on_label, services), **visit, **given)
    listen(page.tab["compare"].select, partial(on_labels, services), outputs=[w.labels], **visit)
    for event, handler in ((w.details.sought, on_seek), (w.details.laid, on_lay), (page.header.switched, on_words)):
        listen(event, partial(handler, services), outputs=w.shown, **visit)
    for part in (w.results, *w.heads):
        listen(part.exported, partial(on_export, services), outputs=[w.download], **visit)
