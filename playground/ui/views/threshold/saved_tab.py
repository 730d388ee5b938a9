"""Saved thresholds: the panel's line under a name, its file, its code for other libraries, and the way back."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.limits import clean
from playground.core.thresholds import Threshold
from playground.engine import snippets, threshold_files
from playground.models.named import refuse_folder, short_name
from playground.ui import texts
from playground.ui.components.code_window import code, code_part
from playground.ui.components.downloads import download_part, file
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import model_name
from playground.ui.components.readings import windows_phrase
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase, phrase
from playground.ui.views.threshold.labelled_set_in_view import READY, Frame, Parameters, Selection, SetInView, open_set
from playground.ui.views.threshold.threshold_panel import line_form
from playground.ui.wiring import Caller, listen, tell


@dataclass(frozen=True)
class Widgets:
    """The components of the part.

    Attributes:
        form: the present line under a name, as it also stands beside the line itself.
        upload: out of sight; the list's own button opens it.
        line: carries a threshold to the panel.
    """

    form: gr.HTML
    saved: gr.HTML
    upload: gr.UploadButton
    download: gr.HTML
    code: gr.HTML
    line: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.saved]


class Kept(NamedTuple):
    """The list after a line was saved, and what the form that asked says of it."""

    saved: Any
    form: dict[str, object]


class Acted(NamedTuple):
    """The list after something was done to it, and a file for the visitor."""

    saved: Any = gr.skip()
    download: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """The line to be saved, then the list."""
    form = line_form("saved-line")
    saved = html_part("threshold/saved", asset("threshold/saved.html"), elem_id="saved-list")
    upload = localized(
        gr.UploadButton(file_types=[".json"], elem_id="saved-import", elem_classes="pg-unseen"),
        label="saved.import",
    )
    hidden: dict[str, Any] = {"elem_classes": "pg-unseen"}
    download = download_part("saved-download")
    code = code_part("saved-code")
    line = html_part("threshold/answer", "<span></span>", elem_id="saved-loaded", **hidden)
    return Widgets(form, saved, upload, download, code, line)


def show(
    services: Services, caller: Caller, selection: Selection, in_view: SetInView, parameters: Parameters
) -> tuple[Any, ...]:
    """The visitor's thresholds, and which of them fit the scores in view."""
    return (listed(services, caller, in_view),)


def on_save(services: Services, caller: Caller, selection: Selection) -> Kept:
    """Keep the line under a name; how good it is on this set is counted anew.

    Raises:
        InvalidInput: it has no name, is no finite number, or belongs to another set or model than the one in view.
        HistoryError: it could not be written.
    """
    in_view = open_set(services, caller, selection)
    threshold = _made(caller, selection, in_view)
    keep(services, caller, threshold)
    said = phrase("saved.saved", "good", name=threshold.name)
    return _kept(listed(services, caller, in_view), said, kept=True)


def refused(said: Phrase) -> Kept:
    """What an error leaves in the form."""
    return _kept(gr.skip(), said, kept=False)


def _kept(saved: Any, said: Phrase, *, kept: bool) -> Kept:
    return Kept(saved, {"said": said, "kept": kept, "nonce": secrets.token_hex(4)})


def on_act(services: Services, caller: Caller, selection: Selection) -> Acted:
    """Delete or restore one threshold, or hand out its file.

    Raises:
        HistoryError: it is gone or another visitor's, or the file cannot be written.
    """
    store, owner = services.history.thresholds, caller.owner
    verb, id = caller.text("verb"), caller.text("id")
    if verb == "download":
        text = threshold_files.to_json(store.get(owner, id))
        return Acted(download=file(services, "threshold.json", "application/json", text))
    deleted = None
    if verb == "delete":
        deleted = store.get(owner, id)
        store.delete(owner, id)
    elif verb == "restore":
        store.restore(owner, id)
    return Acted(listed(services, caller, open_set(services, caller, selection), deleted=deleted))


def on_load(services: Services, caller: Caller, selection: Selection) -> dict[str, object]:
    """A saved threshold for the panel's line, where it holds for the scores in view.

    Raises:
        InvalidInput: it was chosen for another model or on another scale, or there are no scores.
        HistoryError: it is gone.
    """
    threshold = services.history.thresholds.get(caller.owner, caller.text("id"))
    shown = open_set(services, caller, selection).shown
    if shown is None:
        raise InvalidInput("There are no scores for a threshold to cut. Score this set first.")
    refused = threshold_files.refusal(threshold, shown.spec, shown.scale)
    if refused is not None:
        raise refused
    said = [texts.say("saved.loaded", caller.language, name=threshold.name)]
    said += [_in(caller, warning) for warning in threshold_files.warnings(threshold, shown.spec, shown.instruction)]
    tell(caller, " ".join(said))
    answer = {"value": threshold.value, "name": threshold.name, "nonce": secrets.token_hex(4)}
    return {"to": "playgroundThreshold"} | answer


def on_upload(services: Services, caller: Caller, selection: Selection, path: str | None) -> Any:
    """Keep the threshold of a file.

    Raises:
        InvalidInput: it holds none, is damaged, or was written by a newer playground.
        HistoryError: it could not be written.
    """
    if not path:
        return gr.skip()
    threshold = threshold_files.from_json(_read(Path(path)))
    services.history.thresholds.save(caller.owner, threshold)
    tell(caller, texts.say("saved.imported", caller.language, name=threshold.name))
    return listed(services, caller, open_set(services, caller, selection))


def on_code(services: Services, caller: Caller) -> dict[str, object]:
    """A threshold as a program of one library, or why there is none.

    Raises:
        HistoryError: it is gone.
    """
    threshold = services.history.thresholds.get(caller.owner, caller.text("id"))
    title = phrase("saved.code_heading", name=threshold.name)

    def written(library: str) -> str:
        if services.settings.public:
            trained = services.trained.list(caller.owner)
            folders = {short_name(str(each.path)): str(each.path) for each in trained}
            refuse_folder(folders.get(threshold.spec.model_id, threshold.spec.model_id))
        return snippets.snippet(library, threshold)

    return code(title, "threshold", caller.text("library"), written, id=threshold.id)


def listed(
    services: Services, caller: Caller, in_view: SetInView, *, deleted: Threshold | None = None
) -> dict[str, object]:
    """What the list draws.

    Args:
        deleted: may be brought back.

    Raises:
        HistoryError: the file cannot be read.
    """
    return {
        "ready": True,
        "saved": [row(each, in_view) for each in services.history.thresholds.list(caller.owner)],
        "deleted": None if deleted is None else {"id": deleted.id, "name": deleted.name},
    }


def row(threshold: Threshold, in_view: SetInView) -> dict[str, object]:
    """One threshold; `fits` is None where the set in view has no scores."""
    spec, shown = threshold.spec, in_view.shown
    refused = None if shown is None else threshold_files.refusal(threshold, shown.spec, shown.scale)
    warnings: Sequence[str] = ()
    if shown is not None and refused is None:
        warnings = threshold_files.warnings(threshold, shown.spec, shown.instruction)
    return {
        "id": threshold.id,
        "name": threshold.name,
        "value": threshold.value,
        "scale": threshold.scale.name,
        "model": model_name(spec.model_id),
        "model_id": spec.model_id,
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "device": spec.device,
        "precision_name": spec.precision,
        "windows": windows_phrase(spec.windows),
        "instruction": threshold.instruction,
        "method": threshold.method,
        "parameter": threshold.parameter,
        "set": threshold.set_name,
        "n_queries": threshold.n_queries,
        "n_pairs": threshold.n_pairs,
        "n_relevant": threshold.n_relevant,
        "interval": None if threshold.interval is None else list(threshold.interval),
        "precision": threshold.precision,
        "recall": threshold.recall,
        "saved_at": threshold.saved_at.isoformat(),
        "fits": None if shown is None else refused is None,
        "refusal": None if refused is None else texts.of_error(refused, "muted"),
        "warnings": [texts.both(warning) for warning in (*spec.replaced, *warnings)],
    }


def _made(caller: Caller, selection: Selection, in_view: SetInView) -> Threshold:
    name = clean(caller.text("name")).strip()
    if not name:
        raise InvalidInput("A threshold needs a name. Type one.")
    if in_view.judged is None or in_view.shown is None or not len(in_view.judged):
        raise InvalidInput(
            "There are no pairs with both a label and a score, so nothing says how good this threshold is. Label and "
            "score the set first."
        )
    if caller.text("set") != in_view.labelled.id or caller.text("scorer") != in_view.shown.key:
        raise InvalidInput("The page shows another set or model by now. Look at the line again, then save it.")
    # Here, and not at the top: numpy is not needed to open the page.
    from playground.analysis.chosen import chosen

    assert in_view.scores is not None
    return chosen(
        in_view.judged,
        in_view.scores,
        _finite(caller.event),
        name[: threshold_files.MOST_NAME_CHARS],
        set_name(caller.language, in_view.labelled.id, in_view.labelled.name),
        _rule(caller.event),
    )


def keep(services: Services, caller: Caller, threshold: Threshold) -> None:
    """Save a threshold: on a public page without the folder of a trained model, which is the key to it.

    Raises:
        HistoryError: it could not be written.
    """
    if services.settings.public:
        spec = replace(threshold.spec, model_id=short_name(threshold.spec.model_id))
        threshold = replace(threshold, spec=spec)
    services.history.thresholds.save(caller.owner, threshold)


def set_name(language: texts.Language, id: str, name: str) -> str:
    """What a set is called on the page: a ready one has a name in each language."""
    return texts.say(f"labelled_set.set_{id}", language) if id in READY else name


def _finite(event: Mapping[str, object]) -> float:
    value = event.get("threshold")
    if value is None:
        raise InvalidInput("There is no line yet. Choose a threshold first.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(
            "Keeping everything or dropping everything needs no threshold, so there is no number to save. Put the line "
            "between the scores."
        )
    return float(value)


def _rule(event: Mapping[str, object]) -> tuple[Any, float] | None:
    """Method and parameter that the page says it was chosen by."""
    from playground.analysis.thresholds import METHODS

    method, parameter = event.get("method"), event.get("parameter")
    if method not in METHODS or isinstance(parameter, bool) or not isinstance(parameter, int | float):
        return None
    return method, float(parameter)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > 4 * threshold_files.MOST_CHARS:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput("The file could not be read. Choose it again.") from error


def _in(caller: Caller, warning: str) -> str:
    return warning if caller.language == "en" else texts.translated(warning)


def wire(page: Page, w: Widgets, frame: Frame) -> None:
    """Listeners of the part."""
    services, me = page.services, page.me
    selected: dict[str, Any] = {"me": me, "inputs": [frame.selection]}
    for form in (page.views["threshold"].panel.form, w.form):
        listen(form.kept, partial(on_save, services), outputs=[w.saved, form], on_error=refused, **selected)
    listen(w.saved.acted, partial(on_act, services), outputs=[w.saved, w.download], trigger_mode="multiple", **selected)
    listen(w.saved.lineasked, partial(on_load, services), outputs=[w.line], **selected)
    listen(w.upload.upload, partial(on_upload, services), me=me, inputs=[frame.selection, w.upload], outputs=[w.saved])
    for asking in (w.saved.codeasked, w.code.codeasked):
        listen(asking, partial(on_code, services), me=me, outputs=[w.code], trigger_mode="always_last")
