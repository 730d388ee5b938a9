"""Parts that a script of ours draws from data: user text reaches the page by `textContent` only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import gradio as gr

from playground.paths import ASSETS

PHRASES = '<div class="pg-phrases" aria-live="polite" hidden></div>'


def html_part(script: str | Sequence[str], skeleton: str, value: object = None, **options: Any) -> gr.HTML:
    """A component that `assets/<script>.js` draws from `value`; several scripts run in their order, in one scope.

    The skeleton must hold nothing to fill in: gradio evaluates what it fills in as JavaScript (`${...}` in a passage
    would run).
    """
    assert "{" not in skeleton, skeleton
    scripts = [script] if isinstance(script, str) else script
    return gr.HTML(
        value=value,
        html_template=skeleton,
        js_on_load="\n".join(asset(f"{name}.js") for name in scripts),
        apply_default_css=False,
        **options,
    )


def packed(value: object) -> str:
    """Plain values as JSON, for a script to unpack. At every event of the page gradio's own scripts copy whatever a
    component holds, value by value: a thousand rows for seconds, one text in no time.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def phrases(value: list[dict[str, object]] | None = None, **options: Any) -> gr.HTML:
    """A line of short sentences that follow the language of the page."""
    return html_part("shared/phrases", PHRASES, value, **options)


@cache
def asset(name: str) -> str:
    """A file of `assets/`, as text."""
    return (ASSETS / name).read_text(encoding="utf-8")
