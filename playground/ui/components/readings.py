"""What became of long passages, in words of the page."""

from __future__ import annotations

from playground.core.windows import Windows
from playground.ui import texts
from playground.ui.texts import Language, Phrase


def reading(windows: Windows | None, language: Language) -> str:
    """Cut, or the windows with their numbers."""
    if windows is None:
        return texts.say("windows.said_cut", language)
    size = texts.say("windows.said_fit", language)
    if windows.n_tokens is not None:
        size = texts.say("windows.said_of", language, n=windows.n_tokens)
    overlap = "" if windows.n_overlap is None else texts.say("windows.said_overlap", language, n=windows.n_overlap)
    return size + overlap + texts.say(f"windows.said_{windows.by}", language, n=windows.top_k)


def windows_phrase(windows: Windows | None) -> Phrase | None:
    """The windows in both languages; None where there are none."""
    return None if windows is None else {language: reading(windows, language) for language in texts.LANGUAGES}
