"""What every view is built and wired with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import gradio as gr

from playground.ui.components.localized import Localized
from playground.ui.services import Services
from playground.ui.workspace import view as workspace


@dataclass
class Page:
    """The page while it is being built.

    Attributes:
        me: what the browser keeps: the visitor's random id and language.
        header: the title bar, which fires `switched` when the language changes.
        tabs, tab: all tabs, and each by the name of its view.
        views: the widgets of each view, by its name.
        modules: the module of each view, by its name.
        run: makes an event start a run, as the Rerank button does.
        arrivals: for each view that may be looked at before the visitor has an id: makes an event show it then.
        replays: for each view that can run again what the history opened: makes an event do so.
    """

    services: Services
    localized: Localized
    me: gr.BrowserState
    header: gr.HTML
    workspace: workspace.Widgets
    tabs: gr.Tabs
    tab: dict[str, gr.Tab] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    run: Callable[[Callable[..., Any]], Any] | None = None
    arrivals: list[Callable[[Callable[..., Any]], Any]] = field(default_factory=list)
    replays: list[Callable[[Callable[..., Any]], Any]] = field(default_factory=list)
