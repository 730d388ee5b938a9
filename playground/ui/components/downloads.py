"""Files that are made on the server and handed to one visitor only."""

from __future__ import annotations

import secrets

import gradio as gr

from playground.ui.components.html_parts import html_part
from playground.ui.services import Services


def download_part(elem_id: str) -> gr.HTML:
    """The unseen part that saves every file it is given."""
    return html_part("shared/download", "<span></span>", elem_id=elem_id, elem_classes="pg-unseen")


def file(services: Services, name: str, mime: str, text: str) -> dict[str, str]:
    """A file to be made in the browser; the nonce makes the same file twice two events."""
    return {"name": name, "mime": mime, "text": services.outward(text), "nonce": secrets.token_hex(4)}
