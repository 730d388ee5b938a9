"""A record into the history; a failure is said and costs nobody the result."""

from __future__ import annotations

from collections.abc import Mapping

from playground.core.errors import HistoryError
from playground.history.store import HistoryStore
from playground.ui import texts
from playground.ui.texts import Phrase


def save(store: HistoryStore, owner: str, record: Mapping[str, object]) -> tuple[str | None, list[Phrase]]:
    """The id under which the record was saved, or what kept it from being saved."""
    try:
        return store.save(owner, record), []
    except HistoryError as error:
        said: Phrase = {"tone": "warn"}
        for language in texts.LANGUAGES:
            said[language] = f"{texts.say('run.not_saved', language)} {texts.sentence(error, language)}"
        return None, [said]
