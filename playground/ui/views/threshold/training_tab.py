"""The Train tab: a reranker made from the labels of the set in view, behind the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import LabelledSet
from playground.core.training import (
    DEV_SHARES,
    MOST_EPOCHS,
    MOST_SEED,
    RECIPES,
    Negatives,
    Preset,
    TrainingAsk,
    TrainingData,
)
from playground.engine import trainable
from playground.engine.trained import checked_name, new_id
from playground.models.named import parse_choice, refuse_folder
from playground.ui import texts
from playground.ui.components import figures
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.views.threshold.labelled_set_in_view import Frame, Parameters, Selection, SetInView, open_set
from playground.ui.views.threshold.saved_tab import keep, set_name
from playground.ui.views.threshold.training_payload import jobs_payload, models_payload, payload
from playground.ui.wiring import Caller, listen, tell
from playground.ui.workspace.choices import model_choices

TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Widgets:
    """The components of the part.

    Attributes:
        file: the zip of a model, once one was asked for.
        loader: brings plotly to the page.
        n_over: changes when a training of this visitor has ended since.
    """

    form: gr.HTML
    jobs: gr.HTML
    models: gr.HTML
    file: gr.File
    timer: gr.Timer
    loader: gr.Plot
    n_over: gr.State

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [*self.answered, self.loader]

    @property
    def answered(self) -> list[Any]:
        """What an `Asking` fills, in its order."""
        return [self.form, self.jobs, self.models, self.timer]


class Asking(NamedTuple):
    """The tab after a training was asked for or stopped; `said` stands in the form."""

    form: Any = gr.skip()
    jobs: Any = gr.skip()
    models: Any = gr.skip()
    timer: Any = gr.skip()


class Ticked(NamedTuple):
    """Where the training stands."""

    jobs: Any
    timer: Any
    n_over: Any


def build(services: Services, localized: Localized) -> Widgets:
    """What is asked for, what is under way, what was made."""
    form = html_part("training/form", asset("training/form.html"), elem_id="training-form")
    jobs = html_part("training/jobs", asset("training/jobs.html"), elem_id="training-jobs")
    models = html_part("training/models", asset("training/models.html"), elem_id="training-models")
    file = localized(gr.File(interactive=False, visible=False, elem_id="training-file"), label="training.file")
    return Widgets(
        form, jobs, models, file, gr.Timer(TICK_SECONDS, active=False), figures.loader("training-loader"), gr.State(0)
    )


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """The set as it would be split, and the visitor's trainings."""
    form = payload(services, caller.owner, plan(in_view.labelled, selection, {}), {})
    jobs = services.trainings.of(caller.owner)
    timer = gr.update(active=True) if any(job.state == "running" for job in jobs) else gr.skip()
    return (form, jobs_payload(jobs), models_payload(services, caller.owner), timer, figures.loaded())


def plan(labelled: LabelledSet, selection: Selection, event: Any) -> TrainingData | PlaygroundError:
    """The rows that the form asks for, or why there are none."""
    # Here, and not at the top: numpy is not needed to open the page.
    from playground.analysis.training_rows import rows_of

    share = event.get("share")
    negatives: Negatives = "mined" if event.get("negatives") == "mined" else "set"
    try:
        return rows_of(
            labelled,
            share if share in DEV_SHARES else DEV_SHARES[1],
            _whole(event.get("seed"), 0, MOST_SEED, 0),
            negatives,
            selection.relevant_from,
        )
    except PlaygroundError as error:
        return error


def _whole(value: object, least: int, most: int, otherwise: int) -> int:
    return min(max(value, least), most) if isinstance(value, int) else otherwise


def on_plan(services: Services, caller: Caller, selection: Selection) -> Any:
    """The form with the split that it asks for."""
    planned = plan(open_set(services, caller, selection).labelled, selection, caller.event)
    return payload(services, caller.owner, planned, caller.event)


def on_train(services: Services, caller: Caller, selection: Selection, device: str) -> Asking:
    """Begin a training.

    Raises:
        PlaygroundError: the set, the base or the form cannot be used, or another training is under way.
    """
    with _may_train(services, caller):
        labelled = open_set(services, caller, selection).labelled
        data = plan(labelled, selection, caller.event)
        if isinstance(data, PlaygroundError):
            raise data
        ask = _asked(services, caller, selection, labelled, data, device)
        if trainable.at_hand(parse_choice(ask.base)[0]):
            trainable.find(ask, offline=True)
        _check_room(services, caller.owner)
        services.trainings.start(ask, data)
    return _under_way(services, caller)


def _check_room(services: Services, owner: str) -> None:
    """Raises InvalidInput: the models of this visitor take what one visitor may keep here."""
    most = services.settings.most_kept_bytes
    if most is not None and services.trained.n_bytes(owner) >= most:
        raise InvalidInput(
            "Your models take the {limit} MB that this page holds for one visitor. Delete one, or drop a training that "
            "was stopped, first.",
            limit=most // 1_000_000,
        )


@contextmanager
def _may_train(services: Services, caller: Caller) -> Iterator[None]:
    """Counts what is begun as a run of this visitor.

    Raises:
        InvalidInput: nobody may train here.
        Busy, SignInNeeded: as `Services.run`.
    """
    if not services.settings.train:
        raise InvalidInput("Whoever runs this page does not let visitors train models here.")
    services.admit(caller)
    with services.visitors.run(caller.owner, caller.address):
        yield


def _asked(
    services: Services, caller: Caller, selection: Selection, labelled: LabelledSet, data: TrainingData, device: str
) -> TrainingAsk:
    event, base = caller.event, caller.text("base").strip()
    model_id, _ = parse_choice(base)
    trainable.refuse(model_id)
    refuse_folder(model_id, services.settings.folders)
    preset: Preset = "careful" if event.get("preset") == "careful" else "quick"
    adapters = event.get("adapters")
    return TrainingAsk(
        id=new_id(),
        owner=caller.owner,
        name=checked_name(caller.text("name")),
        set_name=set_name("en", selection.set_id, labelled.name),
        set_id=selection.set_id,
        base=base,
        preset=preset,
        epochs=_whole(event.get("epochs"), 1, MOST_EPOCHS, RECIPES[preset].epochs),
        seed=_whole(event.get("seed"), 0, MOST_SEED, 0),
        negatives="mined" if event.get("negatives") == "mined" else "set",
        adapters=adapters if adapters in ("yes", "no") else "auto",
        n_train=len(data.train),
        n_dev=len(data.dev),
        warnings=data.warnings,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        device=device,
    )


def on_resume(services: Services, caller: Caller) -> Asking:
    """Go on from the last checkpoint.

    Raises:
        PlaygroundError: another training is under way, this one is gone, or nobody may train here.
    """
    with _may_train(services, caller):
        services.trainings.resume(caller.owner, caller.text("id"))
    return _under_way(services, caller)


def on_stop(services: Services, caller: Caller) -> Asking:
    """Ask the visitor's training to end after its step."""
    services.trainings.stop(caller.owner)
    return Asking(jobs=jobs_payload(services.trainings.of(caller.owner)))


def on_forget(services: Services, caller: Caller) -> Asking:
    """Drop a training that is not under way."""
    services.trainings.forget(caller.owner, caller.text("id"))
    return Asking(jobs=jobs_payload(services.trainings.of(caller.owner)))


def on_tick(services: Services, caller: Caller, n_over: int) -> Ticked:
    """Where the training stands; everything is shown anew once it is over."""
    jobs = services.trainings.of(caller.owner)
    over = sum(job.state != "running" for job in jobs)
    timer = gr.skip() if over < len(jobs) else gr.update(active=False)
    return Ticked(jobs_payload(jobs), timer, over if over != n_over else gr.skip())


def on_act(services: Services, caller: Caller) -> Asking:
    """Rename or delete a model.

    Raises:
        InvalidInput: it is gone, has no name, or the disk cannot be written.
    """
    verb, id = caller.text("verb"), caller.text("id")
    if verb == "rename":
        services.trained.rename(caller.owner, id, caller.text("name"))
    elif verb == "delete":
        found = services.trained.get(caller.owner, id)
        services.trained.delete(caller.owner, id)
        if found.result is not None:
            services.engine.unload(found.result.fingerprint)
    return Asking(models=models_payload(services, caller.owner))


def on_keep(services: Services, caller: Caller) -> Any:
    """The suggested threshold of a model among the saved ones.

    Raises:
        InvalidInput: the model is gone, or has none.
        HistoryError: it could not be written.
    """
    threshold = services.trained.threshold(caller.owner, caller.text("id"))
    ask = services.trained.get(caller.owner, caller.text("id")).ask
    named = replace(threshold, set_name=set_name(caller.language, ask.set_id, threshold.set_name))
    keep(services, caller, named)
    tell(caller, texts.say("saved.saved", caller.language, name=named.name))
    return models_payload(services, caller.owner)


def on_zip(services: Services, w: Widgets, caller: Caller) -> Any:
    """The model as a file.

    Raises:
        InvalidInput: it is gone, or the disk cannot be written.
    """
    # Its name has the key that the model's folder has.
    folder = Path(w.file.GRADIO_CACHE) / "trained"
    return gr.update(value=str(services.trained.zipped(caller.owner, caller.text("id"), folder)), visible=True)


def on_use(services: Services, caller: Caller) -> Any:
    """The model in the workspace's box.

    Raises:
        InvalidInput: it is gone.
    """
    path = str(services.trained.get(caller.owner, caller.text("id")).path)
    choices = model_choices(services, caller.language, services.settings.device, services.settings.precision)
    return gr.update(choices=choices, value=path)


def refused(said: Phrase) -> Asking:
    """What an error leaves under the form."""
    return Asking(jobs={"refused": said})


def _under_way(services: Services, caller: Caller) -> Asking:
    return Asking(jobs=jobs_payload(services.trainings.of(caller.owner)), timer=gr.update(active=True))


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part."""
    services, me = page.services, page.me
    listen(
        w.form.planned,
        partial(on_plan, services),
        me=me,
        inputs=[frame.selection],
        outputs=[w.form],
        trigger_mode="always_last",
    )
    anew: dict[str, Any] = {"me": me, "outputs": w.answered, "on_error": refused}
    asked = [frame.selection, page.workspace.device]
    listen(w.form.trainasked, partial(on_train, services), inputs=asked, **anew)
    listen(w.jobs.resumed, partial(on_resume, services), **anew)
    listen(w.jobs.halted, partial(on_stop, services), **anew)
    listen(w.jobs.forgotten, partial(on_forget, services), **anew)
    listen(w.models.acted, partial(on_act, services), **anew)
    frame.refresh(listen(w.models.kept, partial(on_keep, services), me=me, outputs=[w.models]).then)
    listen(w.models.zipped, partial(on_zip, services, w), me=me, outputs=[w.file])
    listen(w.models.used, partial(on_use, services), me=me, outputs=[page.workspace.model])
    ticked: dict[str, Any] = {"outputs": [w.jobs, w.timer, w.n_over], "concurrency_id": "threshold-jobs"}
    listen(w.timer.tick, partial(on_tick, services), me=me, inputs=[w.n_over], concurrency_limit=None, **ticked)
    frame.refresh(w.n_over.change)
