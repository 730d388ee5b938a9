"""The corpus of the Funnel view: which one, what was made of it, and how files become another."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr

from playground.core.corpora import MOST_WORDS, Chunking
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice
from playground.corpus import chunking, reading
from playground.corpus.corpora import Corpus
from playground.models.catalog import BUILT_IN_EMBEDDER
from playground.models.named import parse_choice
from playground.ui import texts
from playground.ui.components.downloads import download_part
from playground.ui.components.html_parts import html_part, phrases
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import embedder_choices, model_name
from playground.ui.page import Page
from playground.ui.services import Services, indexing_session
from playground.ui.texts import Phrase, phrase
from playground.ui.views.funnel.corpus_sentences import about_files, state, step_of
from playground.ui.views.funnel.corpus_sources import Sources
from playground.ui.wiring import Caller, listen

PREVIEW = '<div class="pg-corpus-preview"></div>'
PREVIEWED = 30
# What a browser is handed at once.
MOST_EXPORTED = 100_000_000
DEFAULT = Chunking()


@dataclass(frozen=True)
class Widgets:
    """The components of the panel.

    Attributes:
        chosen: its value is the id of the corpus in view, empty before the visitor is known.
        state: what the corpus holds and which indexes are made.
        embedder: empty: keywords only.
        ready: changes when an index was made or another corpus is in view.
    """

    chosen: gr.Dropdown
    state: gr.HTML
    delete: gr.Button
    export: gr.Button
    download: gr.HTML
    embedder: gr.Dropdown
    index: gr.Button
    stop: gr.Button
    progress: gr.HTML
    adding: gr.Accordion
    files: gr.File
    folder: gr.Textbox
    name: gr.Textbox
    words: gr.Slider
    overlap: gr.Slider
    headings: gr.Checkbox
    preview: gr.Button
    create: gr.Button
    drawn: gr.HTML
    notice: gr.HTML
    ready: gr.State

    @property
    def sources(self) -> list[Any]:
        """What `Sources` is made of, in its order."""
        return [self.files, self.folder, self.name, self.words, self.overlap, self.headings]


class Listed(NamedTuple):
    """The box of corpora, and what is said of the one in view."""

    chosen: Any = gr.skip()
    state: Any = gr.skip()
    notice: Any = gr.skip()
    ready: Any = gr.skip()


class Made(NamedTuple):
    """After files were cut: another corpus in view, or a preview."""

    listed: Listed = Listed()
    drawn: Any = gr.skip()
    adding: Any = gr.skip()
    files: Any = gr.skip()


class Indexed(NamedTuple):
    """Where indexing stands."""

    progress: Any = gr.skip()
    index: Any = gr.skip()
    stop: Any = gr.skip()
    state: Any = gr.skip()
    ready: Any = gr.skip()


def build(services: Services, localized: Localized) -> Widgets:
    """Corpus and its state, then its indexes, then files for another one."""
    with gr.Column(elem_id="funnel-corpus", elem_classes="pg-corpus"):
        with gr.Row(elem_classes="pg-corpus-row"):
            box = gr.Dropdown(
                [], value=None, scale=4, min_width=220, filterable=False, interactive=True, elem_id="corpus-chosen"
            )
            chosen = localized(box, label="corpus.chosen")
            export = _button(localized, "export")
            delete = _button(localized, "delete")
        said = phrases(elem_id="corpus-state")
        with gr.Row(elem_classes="pg-corpus-row"):
            models = gr.Dropdown(
                [("", ""), *embedder_choices(services)],
                value=BUILT_IN_EMBEDDER,
                allow_custom_value=True,
                scale=4,
                min_width=220,
                elem_id="corpus-embedder",
            )
            embedder = localized(
                models,
                label="corpus.embedder",
                choices=lambda language: [(texts.say("corpus.no_embedder", language), ""), *embedder_choices(services)],
            )
            index = _button(localized, "index", variant="primary")
            stop = _button(localized, "stop", visible=False)
        progress = phrases(elem_id="corpus-progress")
        notice = phrases(elem_id="corpus-notice")
        with localized(gr.Accordion(open=False, elem_id="corpus-add"), label="corpus.add") as adding:
            files = localized(
                gr.File(file_count="multiple", file_types=list(reading.SUFFIXES), height=130, elem_id="corpus-files"),
                label="corpus.files",
            )
            folder = localized(
                gr.Textbox(max_lines=1, visible=services.settings.local, elem_id="corpus-folder"),
                label="corpus.folder",
                placeholder="corpus.folder_hint",
            )
            name = localized(
                gr.Textbox(max_lines=1, elem_id="corpus-name"), label="corpus.name", placeholder="corpus.name_hint"
            )
            with gr.Row(elem_classes="pg-corpus-row"):
                words = localized(
                    gr.Slider(0, MOST_WORDS, DEFAULT.words, step=10, min_width=180, elem_id="corpus-words"),
                    label="corpus.words",
                    info="corpus.words_hint",
                )
                overlap = localized(
                    gr.Slider(0, 200, DEFAULT.overlap, step=5, min_width=180, elem_id="corpus-overlap"),
                    label="corpus.overlap",
                    info="corpus.overlap_hint",
                )
            headings = localized(gr.Checkbox(DEFAULT.headings, elem_id="corpus-headings"), label="corpus.headings")
            with gr.Row(elem_classes="pg-corpus-row"):
                preview = _button(localized, "preview")
                create = _button(localized, "create", variant="primary")
            drawn = html_part("funnel/corpus_preview", PREVIEW, elem_id="corpus-passages")
        download = download_part("corpus-download")
    return Widgets(
        chosen=chosen,
        state=said,
        delete=delete,
        export=export,
        download=download,
        embedder=embedder,
        index=index,
        stop=stop,
        progress=progress,
        adding=adding,
        files=files,
        folder=folder,
        name=name,
        words=words,
        overlap=overlap,
        headings=headings,
        preview=preview,
        create=create,
        drawn=drawn,
        notice=notice,
        ready=gr.State(0),
    )


def _button(localized: Localized, what: str, **options: Any) -> gr.Button:
    button = gr.Button(size="sm", scale=0, min_width=110, elem_id=f"corpus-{what}", **options)
    return localized(button, value=f"corpus.{what}")


def on_enter(services: Services, caller: Caller, id: str | None) -> Listed:
    """The visitor's corpora; the one in view stays, else the first. Of another one, the view's `on_corpus` says the
    rest, together with its query: who reads that a corpus is there may write a query at once.

    Raises:
        HistoryError: the file cannot be read.
    """
    found = services.corpora.list(caller.owner)
    held = id if any(info.id == id for info in found) else found[0].id if found else None
    choices = [(f"{info.name} · {info.n_passages:,}", info.id) for info in found]
    said = _state(services, caller, held) if held == id else gr.skip()
    return Listed(gr.update(choices=choices, value=held), said, ready=secrets.token_hex(4))


def on_choose(_services: Services, _caller: Caller) -> Listed:
    """What was said before another corpus was chosen is no longer true."""
    return Listed(notice=[], ready=secrets.token_hex(4))


def on_preview(services: Services, caller: Caller, *values: Any) -> Made:
    """The first passages that the files would become; nothing is kept.

    Raises:
        InvalidInput: nothing can be read, or numbers that make no passages.
    """
    sources = Sources(*values)
    read = sources.read(services, beginning=True)
    shown = chunking.preview(read.documents, sources.chunking, PREVIEWED)
    rows = [{"title": each.title, "text": each.text, "n": len(chunking.WORD.findall(each.text))} for each in shown]
    key = "corpus.previewed_part" if read.more else "corpus.previewed"
    said = phrase(key, "muted", n=len(read.documents), shown=len(rows))
    return Made(Listed(notice=about_files(read)), {"rows": rows, "said": said})


def on_create(services: Services, caller: Caller, *values: Any) -> Made:
    """The files as a corpus, in view at once; all of it, or nothing.

    Raises:
        InvalidInput: nothing can be read, or more than a visitor may keep.
        HistoryError: it cannot be kept.
    """
    sources = Sources(*values)
    services.admit(caller)
    with services.visitors.run(caller.owner, caller.address):
        read = sources.read(services)
        info = services.corpora.create(sources.called, read.documents, sources.chunking, caller.owner)
    said = phrase("corpus.created", "good", name=info.name, n=info.n_passages)
    listed = on_enter(services, caller, info.id)._replace(state=gr.skip(), notice=[said, *about_files(read)])
    return Made(listed, {"rows": []}, gr.update(open=False), None)


def on_index(services: Services, caller: Caller, id: str | None, model: str | None) -> Iterator[Indexed]:
    """Makes what is missing: the keyword index, and the vectors of the embedder; goes on where that was stopped.

    Raises:
        PlaygroundError: a model that cannot be run, a full disk. What was made stays.
    """
    corpus = _open(services, caller, id)
    with services.run(replace(caller, session=indexing_session(caller.session))) as stop:
        yield Indexed([phrase("corpus.begun", "muted")], gr.update(visible=False), gr.update(visible=True))
        last = None
        for last in corpus.build_bm25(stop):
            yield Indexed([step_of(last)])
        if (model or "").strip() and not stop.is_set():
            choice = embedder_choice(services, model)
            yield Indexed([phrase("corpus.loading", "muted", model=model_name(choice.model_id))])
            for last in corpus.build_vectors(services.engine.embedder(choice, stop), stop):
                yield Indexed([step_of(last)])
    done = last is not None and last.phase == "done" and not stop.is_set()
    yield _over(services, caller, id, [phrase("corpus.done", "good") if done else phrase("corpus.stopped", "muted")])


def embedder_choice(services: Services, model: str | None) -> ModelChoice:
    """What makes the vectors.

    Raises:
        PlaygroundError: none is chosen, or it cannot be named so.
    """
    if not (model or "").strip():
        raise InvalidInput("Choose an embedding model to search by meaning.")
    model_id, revision = parse_choice(str(model).strip())
    settings = services.settings
    return ModelChoice(model_id, revision, "embedder", settings.device, settings.precision)


def on_stop(services: Services, caller: Caller) -> None:
    """Ask the indexing of this page to end after its block."""
    services.stops.stop(indexing_session(caller.session))


def on_ask_delete(services: Services, caller: Caller, id: str | None) -> Listed:
    """Asks once more, or says why it stays.

    Raises:
        HistoryError: it is gone.
    """
    info = _open(services, caller, id).info
    if not info.owner:
        return Listed(notice=[phrase("corpus.stays", "muted")])
    return Listed(notice=[phrase("corpus.delete_really", "bad", name=info.name) | {"act": {"id": info.id}}])


def on_delete(services: Services, caller: Caller) -> Listed:
    """Deletes a corpus for good.

    Raises:
        HistoryError: it is gone.
    """
    services.corpora.delete(caller.text("id"), caller.owner)
    return on_enter(services, caller, None)._replace(notice=[phrase("corpus.deleted", "good")])


def on_export(services: Services, caller: Caller, id: str | None) -> dict[str, str]:
    """The passages in BEIR's layout, packed.

    Raises:
        HistoryError: it is gone.
        InvalidInput: it is too large for a browser.
    """
    corpus = _open(services, caller, id)
    if corpus.info.n_bytes > MOST_EXPORTED:
        raise InvalidInput(
            "This corpus has {size:,} MB, more than a browser saves at once. Export it in Python.",
            size=corpus.info.n_bytes // 1_000_000,
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.jsonl.gz"
        corpus.export(path)
        data = base64.b64encode(path.read_bytes()).decode()
    return {"name": path.name, "mime": "application/gzip", "base64": data, "nonce": secrets.token_hex(4)}


def not_indexed(said: Phrase) -> Indexed:
    """What an error leaves."""
    return Indexed([said], gr.update(visible=True), gr.update(visible=False), ready=secrets.token_hex(4))


def not_made(said: Phrase) -> Made:
    """What an error leaves."""
    return Made(Listed(notice=[said]))


def not_listed(said: Phrase) -> Listed:
    """What an error leaves."""
    return Listed(notice=[said])


def _state(services: Services, caller: Caller, id: str | None) -> list[Phrase]:
    return state(services.corpora.open(id, caller.owner) if id else None)


def _over(services: Services, caller: Caller, id: str | None, said: list[Phrase]) -> Indexed:
    said_of = _state(services, caller, id)
    return Indexed(said, gr.update(visible=True), gr.update(visible=False), said_of, secrets.token_hex(4))


def _open(services: Services, caller: Caller, id: str | None) -> Corpus:
    if not id:
        raise InvalidInput("Choose a corpus first.")
    return services.corpora.open(id, caller.owner)


def wire(page: Page, w: Widgets) -> None:
    """Listeners of the panel."""
    services, me = page.services, page.me
    listed: dict[str, Any] = {
        "me": me,
        "outputs": [w.chosen, w.state, w.notice, w.ready],
        "on_error": not_listed,
    }
    made: dict[str, Any] = {
        "me": me,
        "inputs": w.sources,
        "outputs": [*listed["outputs"], w.drawn, w.adding, w.files],
        "on_error": not_made,
    }
    listen(page.tab["funnel"].select, partial(on_enter, services), inputs=[w.chosen], **listed)
    listen(w.chosen.input, partial(on_choose, services), **listed)
    listen(w.delete.click, partial(on_ask_delete, services), inputs=[w.chosen], **listed)
    listen(w.notice.acted, partial(on_delete, services), **listed)
    listen(w.preview.click, partial(on_preview, services), **made)
    listen(w.create.click, partial(on_create, services), **made)
    listen(w.export.click, partial(on_export, services), me=me, inputs=[w.chosen], outputs=[w.download])
    listen(
        w.index.click,
        partial(on_index, services),
        me=me,
        inputs=[w.chosen, w.embedder],
        outputs=[w.progress, w.index, w.stop, w.state, w.ready],
        on_error=not_indexed,
        concurrency_limit=None,
    )
    listen(w.stop.click, partial(on_stop, services), me=me, queue=False)
