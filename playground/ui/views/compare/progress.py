"""The buttons of a comparison, and a line for each of its models while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.core.types import CompareProgress
from playground.ui.components.progress_line import step_of
from playground.ui.texts import Phrase, phrase
from playground.ui.views.compare.comparison_payload import Side, state_of


def idle(*said: Phrase) -> dict[str, object]:
    """The buttons while nothing runs."""
    return {"running": False, "said": list(said), "lines": []}


def busy(*said: Phrase, lines: Sequence[Mapping[str, object]] = ()) -> dict[str, object]:
    """The buttons while models run."""
    return {"running": True, "said": list(said), "lines": list(lines)}


def lines(last: CompareProgress) -> list[dict[str, object]]:
    """Where each model stands."""
    side = Side(last.comparison, len(last.comparison.runs))
    found: list[dict[str, object]] = []
    for place, run in enumerate(last.comparison.runs):
        state = state_of(run, place, last.place)
        said = step_of(last.step) if state == "running" else phrase(f"compare.state_{state}", "muted")
        found.append({"name": side.names[place], "state": state, "said": said})
    return found
