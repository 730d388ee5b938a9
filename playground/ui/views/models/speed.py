"""Which way to run the workspace's model is the fastest on this machine, measured at a press."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from playground.engine.speed_choices import choices_of, name_of
from playground.engine.speed_texts import requests
from playground.ui import texts
from playground.ui.components.asked import Asked
from playground.ui.components.figures import as_plot, words
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.model_choices import model_name
from playground.ui.components.model_rows import chosen
from playground.ui.components.progress_line import step, step_of
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.wiring import Caller, listen

if TYPE_CHECKING:
    from playground.analysis.fastest import SpeedRow
    from playground.core.speeds import Speeds


class Bounds(NamedTuple):
    """How much is timed: passages of each of the two queries, rounds at most, and about how many seconds."""

    passages: int
    rounds: int
    seconds: float


OWN, PUBLIC = Bounds(100, 20, 45.0), Bounds(16, 5, 10.0)


@dataclass(frozen=True)
class Widgets:
    """The button with its table, and the plot. `rows` is what was measured last on this page."""

    table: gr.HTML
    plot_box: gr.Column
    plot: gr.Plot
    rows: gr.State

    @property
    def shown(self) -> list[Any]:
        """The components of a `Shown`."""
        return [self.table, self.plot_box, self.plot, self.rows]


class Shown(NamedTuple):
    """What the part becomes."""

    table: Any
    plot_box: Any = gr.skip()
    plot: Any = gr.skip()
    rows: Any = gr.skip()


def build() -> Widgets:
    """The button, and room for what it finds."""
    with gr.Column(elem_id="models-speed-card", elem_classes="pg-card"):
        table = html_part("models/speed", asset("models/speed.html"), _payload(False), elem_id="models-speed")
        with gr.Column(visible=False, elem_id="models-speed-figure") as plot_box:
            plot = gr.Plot(show_label=False, container=False, elem_id="models-speed-plot")
    return Widgets(table, plot_box, plot, gr.State(()))


def on_fastest(services: Services, caller: Caller, *values: Any) -> Iterator[Shown]:
    """Time every way to run the workspace's model.

    Raises:
        PlaygroundError: the model cannot be named, or is BM25.
    """
    yield Shown(_payload(True, step("run.start")), gr.update(visible=False))
    (choice,) = chosen(services, Asked(*values), ())
    public = services.settings.public
    bounds, ways = (PUBLIC if public else OWN), choices_of(choice, made=not public)
    with services.run(caller) as stop:
        said = None
        for last in services.engine.speed(
            requests(bounds.passages), ways, rounds=bounds.rounds, seconds=bounds.seconds, stop=stop
        ):
            if last.result is not None:
                yield _ended(last.result, caller.language)
            elif last.phase == "stopped":
                yield Shown(_payload(False, phrase("models.speed_stopped", "muted")))
            else:
                now = step("models.speed_round", last.done, last.total) if last.phase == "score" else step_of(last)
                if now != said:
                    yield Shown(_payload(True, said := now))


def on_halt(services: Services, caller: Caller) -> dict[str, object]:
    """Ask the measurement to end after the batch that is being computed."""
    services.stops.stop(caller.session)
    return _payload(True, phrase("run.stopping", "muted"))


def on_words(caller: Caller, rows: Sequence[SpeedRow]) -> Any:
    """The plot in the language that was clicked."""
    return _plot(rows, "zh" if caller.text("lang") == "zh" else "en") if rows else gr.skip()


def failed(said: Phrase) -> Shown:
    """The part after an error."""
    return Shown(_payload(False, said))


def _ended(speeds: Speeds, language: Language) -> Shown:
    from playground.analysis.fastest import fastest, rows

    found = rows(speeds)
    best = fastest(found)
    model = model_name(found[0].choice.model_id)
    if best is None:
        says = phrase("models.speed_nothing", "bad", model=model)
    elif best is found[0]:
        says = phrase("models.speed_fp32", "good", model=model)
    else:
        says = phrase("models.speed_best", "good", model=model, way=name_of(best.choice), ratio=f"{best.ratio:.1f}")
    n_rounds = max((len(run.seconds) for run in speeds.runs), default=0)
    how = phrase("models.speed_how", "muted", rounds=n_rounds, pairs=speeds.n_passages)
    table = _payload(False, says, how, rows=[_row(row, row is best) for row in found])
    if not any(row.pairs_per_second for row in found):
        return Shown(table, rows=())
    return Shown(table, gr.update(visible=True), _plot(found, language), found)


def _row(row: SpeedRow, best: bool) -> dict[str, object]:
    return {
        "name": name_of(row.choice),
        "best": best,
        "keeps_order": row.keeps_order,
        "pairs": row.pairs_per_second,
        "tokens": row.tokens_per_second,
        "ratio": row.ratio,
        "least": row.least,
        "most": row.most,
        "tau": row.tau,
        "top": row.top_kept,
        "drift": row.drift,
        "memory_mib": row.memory_mib,
        "error": None if row.error is None else texts.of_error(row.error, "muted"),
    }


def _plot(rows: Sequence[SpeedRow], language: Language) -> Any:
    from playground.plots import find

    return as_plot(find("speed")(rows, [name_of(row.choice) for row in rows], words=words(language)))


def _payload(running: bool, *said: Phrase, rows: Sequence[dict[str, object]] | None = None) -> dict[str, object]:
    return {"running": running, "said": list(said), "rows": rows}


def wire(page: Page, w: Widgets) -> Any:
    """Listeners of the part; returns the event of a measurement, which may have loaded models."""
    services, me = page.services, page.me
    timed = listen(
        w.table.timed,
        partial(on_fastest, services),
        me=me,
        inputs=page.workspace.asked,
        outputs=w.shown,
        on_error=failed,
        trigger_mode="once",
        # It keeps the device busy for long, and nobody waits for a ranking behind it.
        concurrency_id="fastest",
        concurrency_limit=2,
    )
    stop: dict[str, Any] = {"concurrency_limit": None, "concurrency_id": "stop"}
    listen(w.table.halted, partial(on_halt, services), me=me, outputs=[w.table], **stop)
    listen(page.header.switched, on_words, me=me, inputs=[w.rows], outputs=[w.plot])
    return timed
