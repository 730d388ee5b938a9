"""From a corpus to the best passages."""

from __future__ import annotations

from dataclasses import dataclass

from playground.ui.components.localized import Localized
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.views.funnel import corpus_panel
from playground.ui.views.funnel.corpus_panel import on_enter  # noqa: F401 - the view's handlers are its panel's


@dataclass(frozen=True)
class Widgets:
    """The components of the view."""

    corpus: corpus_panel.Widgets


def build(services: Services, localized: Localized) -> Widgets:
    """The corpus."""
    return Widgets(corpus_panel.build(services, localized))


def wire(page: Page) -> None:
    """Listeners of the view."""
    corpus_panel.wire(page, page.views["funnel"].corpus)
