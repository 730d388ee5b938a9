"""The ranking: runs the model on the workspace and shows what comes out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from playground.core.depths import Depths
from playground.core.labels import Label
from playground.core.types import ModelChoice, Progress, RerankRequest, RerankResult
from playground.engine import snippets
from playground.engine.exports import to_csv, to_json, to_snippet
from playground.engine.manifest import from_manifest, manifest
from playground.models.named import refuse_folder
from playground.plots.words import SIGMOID_OF
from playground.ui.components import labels
from playground.ui.components.asked import Asked, note_phrase
from playground.ui.components.code_window import code, code_part
from playground.ui.components.downloads import download_part, file
from playground.ui.components.figures import figure
from playground.ui.components.html_parts import asset, html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.progress_line import step, step_of
from playground.ui.components.replay_changes import changes
from playground.ui.components.run_buttons import busy, idle, wire_stop
from playground.ui.components.saving import save
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.ranking import depth, saved_thresholds, why
from playground.ui.views.ranking.payload import payload
from playground.ui.wiring import MAX_RUNS, Caller, listen
from playground.ui.workspace import view as workspace
from playground.ui.workspace.choices import examples

SECONDS_BETWEEN_TABLES = 0.25


@dataclass(frozen=True)
class Widgets:
    """The components of the view. `visit` is what this page shows now."""

    results: gr.HTML
    plots: gr.Column
    bars: gr.Plot
    distribution: gr.Plot
    download: gr.HTML
    snippet: gr.HTML
    labels: gr.HTML
    saved: gr.HTML
    depth: gr.HTML
    why: gr.HTML
    visit: gr.State

    @property
    def shown(self) -> list[Any]:
        """The components of a `Shown`, without the status line of the workspace."""
        return [self.results, self.plots, self.bars, self.distribution, self.visit, self.depth]


@dataclass(frozen=True)
class Visit:
    """What one open page shows.

    Attributes:
        replaying: the record of an earlier run that the next result is to be compared with.
        request: whose passages are on the page; while a run is under way, not yet those of `result`.
        depths: the scores after every layer that were looked at last.
        looked: the model that gave them.
    """

    result: RerankResult | None = None
    choice: ModelChoice | None = None
    run_id: str | None = None
    unit: str = "logit"
    replaying: Mapping[str, object] | None = None
    request: RerankRequest | None = None
    depths: Depths | None = None
    looked: ModelChoice | None = None


class Shown(NamedTuple):
    """A result on the page."""

    results: Any
    plots: Any
    bars: Any
    distribution: Any
    visit: Any
    depth: Any = gr.skip()


class Ran(NamedTuple):
    """One step of a run; what did not change is skipped."""

    shown: Shown
    status: Any
    run: Any
    stop: Any
    query: Any = gr.skip()


class Exported(NamedTuple):
    """A file for the visitor: to save, or to be shown as code."""

    download: Any
    snippet: Any


NOTHING_NEW = Shown(gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip())


def build(services: Services, localized: Localized) -> Widgets:
    """The list with its threshold, then the plots."""
    scripts = [f"ranking/{name}" for name in ("query_words", "windows", "threshold", "rows", "why", "results")]
    results = html_part(scripts, asset("ranking/results.html"), _cards(), elem_id="ranking-results")
    with gr.Column(visible=False, elem_id="ranking-plots") as plots, gr.Row():
        with gr.Column(scale=3, min_width=300, elem_classes="pg-card"):
            phrases([phrase("ranking.bars")], elem_classes="pg-plot-title")
            bars = gr.Plot(show_label=False, container=False, elem_id="ranking-bars")
        with gr.Column(scale=2, min_width=300, elem_classes="pg-card"):
            phrases([phrase("ranking.distribution")], elem_classes="pg-plot-title")
            distribution = gr.Plot(show_label=False, container=False, elem_id="ranking-distribution")
    download = download_part("ranking-download")
    snippet = code_part("ranking-snippet")
    answers = labels.build("ranking-labels")
    saved = saved_thresholds.build()
    unseen = (answers, saved, depth.build(), why.build())
    return Widgets(results, plots, bars, distribution, download, snippet, *unseen, gr.State(Visit()))


def on_rerank(services: Services, caller: Caller, visit: Visit, *values: Any) -> Iterator[Ran]:
    """Run the model on the workspace: the best so far about four times a second, then everything.

    Raises:
        PlaygroundError: input, model or device cannot be used. What is on the page stays.
    """
    with services.run(caller) as stop:
        yield Ran(NOTHING_NEW, [step("run.start")], **busy())
        asked = Asked(*values)
        query, parsed = asked.read()
        request = RerankRequest(query, parsed.passages, (asked.instruction or "").strip() or None)
        choice = asked.choice(services)
        stored, _ = labels.found(services, caller, request)
        # From the start on: what takes no time, because every score is known, is shown once, at its end.
        shown_at = time.monotonic()
        last = None
        for last in services.engine.rerank(request, choice, stop=stop, keys=asked.keys):
            if time.monotonic() - shown_at < SECONDS_BETWEEN_TABLES or _is_last(last):
                continue
            shown_at = time.monotonic()
            yield _running(visit, last, stored)
        assert last is not None
        warnings = [note_phrase(note) for note in parsed.notes]
        filled = query if query != asked.query else gr.skip()
        yield _ended(services, caller, visit, choice, last, warnings)._replace(query=filled)


def on_example(services: Services, caller: Caller) -> tuple[Any, ...]:
    """Query, passages and the Example box as a card of the first page asks for; the run follows."""
    name = caller.text("id")
    return (*workspace.on_example(services, caller, name), name)


def on_again(services: Services, caller: Caller, visit: Visit, *values: Any) -> Iterator[Ran]:
    """Run again what the history asked to replay; nothing where it opened something else."""
    if visit.replaying is not None:
        yield from on_rerank(services, caller, visit, *values)


def on_unit(services: Services, caller: Caller, visit: Visit) -> Shown:
    """The plots in the unit that was chosen beside the threshold."""
    unit = caller.text("unit") or visit.unit
    visit = replace(visit, unit="sigmoid" if unit == "sigmoid" else "logit")
    if visit.result is None:
        return NOTHING_NEW._replace(visit=visit)
    threshold = caller.event.get("threshold")
    logit = float(threshold) if isinstance(threshold, int | float) else 0.0
    bars, distribution = _figures(visit.result, visit.unit, caller, logit)
    return NOTHING_NEW._replace(bars=bars, distribution=distribution, visit=visit)


def on_label(services: Services, caller: Caller, visit: Visit) -> dict[str, object]:
    """Keep what the visitor says of one passage.

    Raises:
        InvalidInput: the list on the page is another one by now, or this is no label.
        HistoryError: it could not be stored.
    """
    return labels.give(services, caller, _listed(visit))


def on_labels(services: Services, caller: Caller, visit: Visit) -> dict[str, object] | None:
    """The labels of the list as they are now: they may have been given in another view."""
    return labels.listed(services, caller, _listed(visit), "playgroundRanking")


def on_export(services: Services, caller: Caller, visit: Visit) -> Exported:
    """The run on the page as a file."""
    if visit.result is None or visit.choice is None:
        return Exported(gr.skip(), gr.skip())
    kind = caller.text("format")
    if kind == "csv":
        stored, _ = labels.found(services, caller, visit.result.request)
        table = to_csv(labels.over_result(visit.result, stored))
        return Exported(file(services, "reranked.csv", "text/csv;charset=utf-8", table), gr.skip())
    if kind == "json":
        return Exported(
            file(services, "reranked.json", "application/json", to_json(visit.result, visit.choice)), gr.skip()
        )
    return Exported(gr.skip(), on_code(services, caller, visit) if kind == "snippet" else gr.skip())


def on_code(services: Services, caller: Caller, visit: Visit) -> Any:
    """The run on the page as a program: of the playground's own, or of one of the libraries."""
    if visit.result is None or visit.choice is None:
        return gr.skip()
    result, choice = visit.result, visit.choice

    def written(library: str) -> str:
        if services.settings.public:
            # What a program says of a model may stand in its files.
            refuse_folder(result.spec.model_id)
        return to_snippet(result, choice) if library == snippets.OWN else snippets.program(library, result)

    return code(phrase("export.snippet_heading"), "rerank", caller.text("library"), written, own=[snippets.OWN])


def show(
    services: Services,
    caller: Caller,
    visit: Visit,
    *,
    warnings: list[Phrase] | None = None,
    replay: list[Phrase] | None = None,
) -> Shown:
    """A whole result on the page."""
    assert visit.result is not None
    bars, distribution = _figures(visit.result, visit.unit, caller, 0.0)
    stored, unread = labels.found(services, caller, visit.result.request)
    said = [*(warnings or ()), *unread]
    return Shown(
        results=payload(visit.result, labels=stored, run_id=visit.run_id, warnings=said, replay=replay),
        plots=gr.update(visible=bool(visit.result.scored)),
        bars=bars,
        distribution=distribution,
        visit=visit,
        depth=depth.shown(visit),
    )


def replaying(visit: Visit, record: Mapping[str, object]) -> Visit:
    """The visit whose next result is compared with the run of `record`."""
    return replace(visit, replaying=record)


def failed(said: Phrase) -> Ran:
    """The page after an error: the sentence stays under the button, the results stay where they are."""
    return Ran(NOTHING_NEW, [said], **idle())


def _cards() -> dict[str, object]:
    """What stands there before the first run: an example on every card."""
    return {"examples": [{"id": each.id, "title": each.title, "look_for": each.look_for} for each in examples()]}


def _is_last(progress: Progress) -> bool:
    """Whether the whole result follows at once."""
    return progress.phase in ("done", "stopped") or (progress.phase == "score" and progress.done == progress.total)


def _running(visit: Visit, progress: Progress, stored: list[Label | None]) -> Ran:
    shown = NOTHING_NEW
    if progress.result is not None and progress.result.scored:
        now = replace(visit, request=progress.result.request)
        shown = shown._replace(results=payload(progress.result, labels=stored, streaming=True), visit=now)
    return Ran(shown, [step_of(progress)], gr.skip(), gr.skip())


def _ended(
    services: Services, caller: Caller, visit: Visit, choice: ModelChoice, last: Progress, warnings: list[Phrase]
) -> Ran:
    result = last.result
    if result is None or not result.scored:
        cleared = NOTHING_NEW._replace(visit=replace(visit, replaying=None))
        return Ran(cleared, [phrase("run.stopped_early", "muted")], **idle())
    run_id, unsaved = save(services.history, caller.owner, manifest(result, choice))
    replay = _replayed(visit, result, choice)
    made = replace(visit, result=result, choice=choice, run_id=run_id, request=result.request)
    now = replace(made, unit=unit_of(visit, result), replaying=None)
    status = (
        phrase("run.done", "good", n=len(result.scored))
        if last.phase == "done"
        else phrase("run.stopped", "muted", n=len(result.scored), total=len(result.request.passages))
    )
    return Ran(show(services, caller, now, warnings=[*warnings, *unsaved], replay=replay), [status, *unsaved], **idle())


def _listed(visit: Visit) -> RerankRequest | None:
    return visit.request or (visit.result.request if visit.result is not None else None)


def _replayed(visit: Visit, result: RerankResult, choice: ModelChoice) -> list[Phrase] | None:
    if visit.replaying is None:
        return None
    return changes(from_manifest(visit.replaying), (result, choice), visit.replaying)


def unit_of(visit: Visit, result: RerankResult) -> str:
    """The unit of the plots: the one chosen, where the scale of the result has it."""
    return visit.unit if result.scale.name in SIGMOID_OF else "logit"


def _figures(result: RerankResult, unit: str, caller: Caller, logit: float) -> tuple[Any, Any]:
    if not result.scored:
        return gr.skip(), gr.skip()
    if result.scale.name not in SIGMOID_OF:
        unit = "logit"
    names = ("ranking_bars", "score_distribution")
    bars, distribution = (figure(name, result, logit, unit, caller.language) for name in names)
    return bars, distribution


def wire(page: Page) -> None:
    """Listeners of the view and of the two buttons that make it run."""
    w: Widgets = page.views["ranking"]
    panel, me, services = page.workspace, page.me, page.services
    outputs = [*w.shown, panel.status, panel.run, panel.stop, panel.query]
    run = partial(on_rerank, services)
    options: dict[str, Any] = {"concurrency_id": "rerank", "concurrency_limit": MAX_RUNS, "trigger_mode": "once"}
    runs: dict[str, Any] = {"me": me, "inputs": [w.visit, *panel.asked], "outputs": outputs, "on_error": failed}
    page.run = lambda event: listen(event, run, **runs, **options)
    page.run(panel.run.click)
    chosen: dict[str, Any] = {"me": me, "outputs": [*panel.filled, panel.example]}
    page.run(listen(w.results.examplechosen, partial(on_example, services), **chosen).then)
    page.replays.append(lambda event: listen(event, partial(on_again, services), **runs, **options))
    wire_stop(services, me, panel.stop, panel.status)
    listen(w.results.unitchosen, partial(on_unit, services), me=me, inputs=[w.visit], outputs=w.shown)
    given: dict[str, Any] = {"me": me, "inputs": [w.visit], "outputs": [w.labels], "concurrency_id": "labels"}
    given |= {"on_error": labels.refused, "trigger_mode": "multiple", "concurrency_limit": 8}
    listen(w.results.graded, partial(on_label, services), **given)
    looked: dict[str, Any] = {"me": me, "inputs": [w.visit], "outputs": [w.labels]}
    listen(page.tab["ranking"].select, partial(on_labels, services), **looked)
    saved_thresholds.wire(page, w.saved, w.visit)
    depth.wire(page, w.depth, w.visit)
    why.wire(page, w.results, w.why, w.visit)
    listen(w.results.exported, partial(on_export, services), me=me, inputs=[w.visit], outputs=[w.download, w.snippet])
    listen(w.snippet.codeasked, partial(on_code, services), me=me, inputs=[w.visit], outputs=[w.snippet])
