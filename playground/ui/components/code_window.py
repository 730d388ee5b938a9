"""A window with scores as Python of one library or another, or with the reason why there is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import gradio as gr

from playground.core.errors import InvalidInput
from playground.engine import snippets
from playground.ui import texts
from playground.ui.components.html_parts import html_part
from playground.ui.texts import Phrase


def code_part(elem_id: str) -> gr.HTML:
    """The unseen part that opens the window; it asks for another library with `codeasked`."""
    return html_part("shared/code_window", "<span></span>", elem_id=elem_id, elem_classes="pg-unseen")


def code(
    title: Phrase, stem: str, asked: str, write: Callable[[str], str], *, id: str = "", own: Sequence[str] = ()
) -> dict[str, object]:
    """What the window shows.

    Args:
        stem: of the file's name.
        asked: a library; empty for the first that can.
        write: the program of a library; refuses what that one cannot run with an InvalidInput.
        id: comes back when another library is asked for.
        own: names beyond those of `snippets.LIBRARIES`, which go before them.
    """
    choices = [*own, *snippets.LIBRARIES]
    text, reason = "", None
    library = asked
    for library in [asked] if asked else choices:
        try:
            text, reason = write(library), None
            break
        except InvalidInput as error:
            reason = texts.of_error(error)
    return {
        "id": id,
        "title": title,
        "library": library,
        "libraries": [{"value": each, "label": snippets.NAMES.get(each, each)} for each in choices],
        "name": f"{stem}_{library.replace('-', '_')}.py",
        "mime": "text/x-python",
        "text": text,
        "reason": reason,
        "nonce": secrets.token_hex(4),
    }
