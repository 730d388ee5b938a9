"""Finished sentences of the analysis, in both languages."""

from __future__ import annotations

from collections.abc import Iterable

from playground.ui import texts
from playground.ui.texts import Phrase


def sentence(text: str, tone: str = "muted") -> Phrase | None:
    """The sentence as a phrase; None where there is none."""
    return texts.both(text, tone) if text else None


def sentences(each: Iterable[str], tone: str = "muted") -> list[Phrase]:
    """Those that say anything."""
    return [texts.both(text, tone) for text in each if text]
