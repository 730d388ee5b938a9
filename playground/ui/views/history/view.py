"""The history: find, open, replay, annotate and move earlier runs."""

from __future__ import annotations

import base64
import secrets
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import HistoryError
from playground.engine.comparison_record import is_comparison
from playground.engine.funnel.record import is_funnel
from playground.engine.manifest import from_manifest
from playground.history.rows import Kept, Run, RunRow
from playground.ui import texts
from playground.ui.components.asked import Restored, restored
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import model_name
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import phrase
from playground.ui.views.compare import shown as of_compare
from playground.ui.views.compare import view as compare
from playground.ui.views.funnel import view as funnel
from playground.ui.views.funnel.stages_form import Refilled
from playground.ui.views.ranking import saved_thresholds
from playground.ui.views.ranking import view as ranking
from playground.ui.wiring import Caller, listen
from playground.ui.workspace.model_settings import Known, known_of

PAGE_ROWS = 30
MAX_NOTE_CHARS = 2_000
# A batch of a big model on a CPU takes seconds, and a scoring ends after its batch.
STOP_SECONDS = 30


@dataclass(frozen=True)
class Widgets:
    """The components of the view. `n_rows` is how many runs the list may hold."""

    text: gr.Textbox
    model: gr.Dropdown
    starred: gr.Checkbox
    export: gr.Button
    import_: gr.UploadButton
    runs: gr.HTML
    n_rows: gr.State

    @property
    def filters(self) -> list[Any]:
        return [self.text, self.model, self.starred, self.n_rows]


class Listed(NamedTuple):
    """The list and the models to filter by."""

    runs: Any
    model: Any


class Opened(NamedTuple):
    """A run of one model or a comparison on the page, as it was."""

    workspace: Restored
    known: Known
    shown: ranking.Shown
    compared: of_compare.Shown
    funnelled: funnel.Shown
    status: Any
    tabs: Any
    stages: Refilled = Refilled()


def build(services: Services, localized: Localized) -> Widgets:
    """Filters above, the list below."""
    with gr.Row(elem_classes="pg-filters"):
        text = localized(
            gr.Textbox(
                lines=1,
                max_lines=1,
                show_label=False,
                container=False,
                scale=4,
                min_width=180,
                elem_id="history-search",
            ),
            label="history.search",
            placeholder="history.search",
        )
        model = localized(
            gr.Dropdown(
                [("All models", "")],
                value="",
                show_label=False,
                container=False,
                scale=2,
                min_width=150,
                filterable=False,
                elem_id="history-model",
            ),
            label="history.model",
        )
        starred = localized(
            gr.Checkbox(container=False, scale=1, min_width=110, elem_id="history-starred"), label="history.starred"
        )
        export = localized(
            gr.Button(size="sm", scale=0, min_width=96, elem_id="history-export"), value="history.export"
        )
        import_ = localized(
            gr.UploadButton(file_types=[".gz", ".jsonl"], size="sm", scale=0, min_width=84, elem_id="history-import"),
            label="history.import",
        )
    runs = html_part("history/list", asset("history/list.html"), elem_id="history-runs")
    return Widgets(text, model, starred, export, import_, runs, gr.State(PAGE_ROWS))


def on_list(
    services: Services,
    caller: Caller,
    text: str,
    model: str | None,
    starred: bool,
    n_rows: int,
    deleted: Run | None = None,
    done: tuple[str, Kept] | None = None,
) -> Listed:
    """The visitor's runs that match, newest first, and how much of everything is kept.

    Args:
        deleted: may be brought back.
        done: what was done to the history (`imported`, `forgotten`), and to how much of it.

    Raises:
        HistoryError: the file cannot be read.
    """
    store = services.history
    rows = store.search(caller.owner, text=text or "", model_id=model or None, starred=bool(starred), limit=n_rows + 1)
    marks = saved_thresholds.marks(services, caller.owner, [row.id for row in rows[:n_rows]])
    value = {
        "ready": True,
        "runs": [{**_row(row), "thresholds": marks.get(row.id, [])} for row in rows[:n_rows]],
        "more": len(rows) > n_rows,
        "filtered": bool((text or "").strip() or model or starred),
        "notices": [texts.both(notice) for notice in store.notices],
        "deleted": {"id": deleted.id, "query": deleted.query} if deleted else None,
        "kept": asdict(store.count(caller.owner)),
        "room": _room(services, caller),
        "done": None if done is None else {"verb": done[0], **asdict(done[1])},
    }
    models = store.models(caller.owner)
    choices = [(texts.say("history.all_models", caller.language), ""), *((_models(name), name) for name in models)]
    return Listed(value, gr.update(choices=choices))


def on_more(
    services: Services, caller: Caller, text: str, model: str | None, starred: bool, n_rows: int
) -> tuple[Any, ...]:
    """A longer list."""
    more = n_rows + PAGE_ROWS
    return (*on_list(services, caller, text, model, starred, more), more)


def on_act(services: Services, caller: Caller, text: str, model: str | None, starred: bool, n_rows: int) -> Listed:
    """Star, note, delete or restore one run, or forget everything; then list again.

    Raises:
        HistoryError: the run is gone or another visitor's, or the file cannot be written.
    """
    verb, run_id, value = caller.text("verb"), caller.text("id"), caller.event.get("value")
    store, owner, deleted, done = services.history, caller.owner, None, None
    if verb == "star":
        store.star(run_id, owner, value is True)
    elif verb == "note":
        store.note(run_id, owner, str(value or "")[:MAX_NOTE_CHARS])
    elif verb == "delete":
        deleted = store.get(run_id, owner)
        store.delete(run_id, owner)
    elif verb == "restore":
        store.restore(run_id, owner)
    elif verb == "forget":
        done = ("forgotten", _forget(services, owner))
    return on_list(services, caller, text, model, starred, n_rows, deleted, done)


def on_open(services: Services, caller: Caller, visit: ranking.Visit) -> Opened:
    """A run or a comparison as it was: query, passages, settings and results, without its models.

    Raises:
        HistoryError: it is gone, or another visitor's.
        InvalidInput: its record is damaged or newer than this program.
    """
    return opened(services, caller, visit, services.history.get(caller.text("id"), caller.owner))


def on_link(services: Services, caller: Caller, visit: ranking.Visit) -> Opened | None:
    """The run that the page's address names; nothing where it names none.

    Raises:
        HistoryError: it is gone, or another visitor's on a public page.
    """
    if not caller.link:
        return None
    return opened(services, caller, visit, services.history.open_link(caller.link, caller.owner))


def on_replay(services: Services, caller: Caller, visit: ranking.Visit) -> Opened:
    """Open a run and note that the next result is to be compared with it."""
    run = services.history.get(caller.text("id"), caller.owner)
    page = opened(services, caller, visit, run, again=True)
    if is_comparison(run.manifest) or is_funnel(run.manifest):
        return page
    replaying = ranking.replaying(page.shown.visit, run.manifest)
    return page._replace(shown=page.shown._replace(visit=replaying))


def on_export(services: Services, caller: Caller) -> dict[str, str]:
    """Runs, labels, sets, scores and thresholds of the visitor as one file."""
    data = services.history.export(caller.owner, services.outward)
    return {
        "name": "rerank-playground-history.jsonl.gz",
        "mime": "application/gzip",
        "base64": base64.b64encode(data).decode(),
        "nonce": secrets.token_hex(4),
    }


def on_import(services: Services, caller: Caller, path: str | None, *filters: Any) -> Listed:
    """Take in an exported file.

    Raises:
        HistoryError: it is no such file, damaged, or more than may be kept; nothing was taken in.
    """
    done = ("imported", services.history.import_(caller.owner, Path(path))) if path else None
    text, model, starred, n_rows = filters
    return on_list(services, caller, text, model, starred, n_rows, done=done)


def opened(services: Services, caller: Caller, visit: ranking.Visit, run: Run, *, again: bool = False) -> Opened:
    """A saved run as the page shows it, in the view that it was made in.

    Args:
        again: it is to be replayed.
    """
    status = [phrase("run.opened", "muted", date=run.created_at.strftime("%Y-%m-%d %H:%M UTC"))]
    if is_comparison(run.manifest):
        compared = of_compare.reopened(services, caller, run.id, run.manifest, again=again)
        comparison = compared.visit.comparison
        workspace = restored(comparison.request, comparison.runs[0].choice)
        return Opened(
            workspace=workspace,
            known=known_of(workspace),
            shown=ranking.NOTHING_NEW._replace(visit=replace(visit, replaying=None)),
            compared=compared,
            funnelled=funnel.NOTHING_NEW,
            status=status,
            tabs=gr.update(selected="compare"),
        )
    if is_funnel(run.manifest):
        funnelled = funnel.reopened(services, caller, run.id, run.manifest)
        return Opened(
            workspace=Restored(*(gr.skip() for _ in Restored._fields)),
            known=gr.skip(),
            shown=ranking.NOTHING_NEW._replace(visit=replace(visit, replaying=None)),
            compared=of_compare.NOTHING_NEW,
            funnelled=funnelled,
            status=status,
            tabs=gr.update(selected="funnel"),
            stages=funnel.refilled(services, caller, funnelled),
        )
    result, choice = from_manifest(run.manifest)
    now = ranking.Visit(result, choice, run.id, ranking.unit_of(visit, result))
    workspace = restored(result.request, choice)
    return Opened(
        workspace=workspace,
        known=known_of(workspace),
        shown=ranking.show(services, caller, now),
        compared=of_compare.NOTHING_NEW,
        funnelled=funnel.NOTHING_NEW,
        status=status,
        tabs=gr.update(selected="ranking"),
    )


def opened_outputs(page: Page) -> list[Any]:
    """The components of an `Opened`."""
    rank: ranking.Widgets = page.views["ranking"]
    beside: compare.Widgets = page.views["compare"]
    return [
        *page.workspace.restored,
        page.workspace.controls.known,
        *rank.shown,
        *beside.shown,
        *page.views["funnel"].shown,
        page.workspace.status,
        page.tabs,
        *page.views["funnel"].refilled,
    ]


def _forget(services: Services, owner: str) -> Kept:
    """Everything of the visitor is gone, indexes too; what that was. What still runs ends first: it would go on to
    write.

    Raises:
        HistoryError: a run or a scoring did not end in time, or the file cannot be written.
    """
    if not services.stops.stop_all(owner, STOP_SECONDS):
        raise HistoryError("Something is still running on one of your pages, so nothing was forgotten. Stop it first.")
    services.jobs.stop(owner)
    if not services.jobs.wait(owner, STOP_SECONDS):
        raise HistoryError("A labelled set is still being scored, so nothing was forgotten. Try again in a minute.")
    services.jobs.forget(owner)
    gone = services.history.forget(owner)
    services.corpora.sweep()
    return gone


def _room(services: Services, caller: Caller) -> dict[str, float] | None:
    """Megabytes that the visitor keeps and may keep; None where there is no limit."""
    most = services.history.most_bytes
    if most is None:
        return None
    return {"used": services.history.n_bytes(caller.owner) / 1_000_000, "most": most / 1_000_000}


def _row(row: RunRow) -> dict[str, object]:
    return {
        "id": row.id,
        "query": row.query,
        "created": row.created_at.isoformat(),
        "n_passages": row.n_passages,
        "model": _models(row.model_id),
        "starred": row.starred,
        "note": row.note,
    }


def _models(model_id: str) -> str:
    """The models as people know them; a comparison is listed under all of its ids."""
    return " + ".join(map(model_name, model_id.split(" + ")))


def wire(page: Page) -> None:
    """Listeners of the view; opening a run fills the workspace and the ranking."""
    w: Widgets = page.views["history"]
    rank: ranking.Widgets = page.views["ranking"]
    me, services = page.me, page.services
    listed: dict[str, Any] = {"me": me, "outputs": [w.runs, w.model]}
    refresh = partial(on_list, services)
    for event in (w.text.input, w.model.input, w.starred.input, page.tab["history"].select, w.runs.wanted):
        listen(event, refresh, inputs=w.filters, trigger_mode="always_last", **listed)
    listen(w.runs.acted, partial(on_act, services), inputs=w.filters, trigger_mode="multiple", **listed)
    listen(w.runs.extended, partial(on_more, services), me=me, inputs=w.filters, outputs=[w.runs, w.model, w.n_rows])
    for event in (w.export.click, w.runs.exportasked):
        listen(event, partial(on_export, services), me=me, outputs=[rank.download])
    listen(w.import_.upload, partial(on_import, services), inputs=[w.import_, *w.filters], **listed)

    shown: dict[str, Any] = {"me": me, "inputs": [rank.visit], "outputs": opened_outputs(page)}
    listen(w.runs.opened, partial(on_open, services), **shown)
    replay = listen(w.runs.replayed, partial(on_replay, services), **shown)
    for again in page.replays:
        again(replay.success)
