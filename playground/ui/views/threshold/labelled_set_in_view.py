"""The labelled set that the Threshold view works on, with its labels and scores of now."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playground.core.errors import PlaygroundError
from playground.core.labels import LabelledSet, SetScores
from playground.inputs import ready_sets
from playground.ui.services import Services
from playground.ui.wiring import Caller

if TYPE_CHECKING:
    import gradio as gr

    from playground.analysis.judged import Judged
    from playground.history.rows import ScorerRow

EXAMPLE, TRAPS = ready_sets.NAMES
MINE = "labels"
PAGE = "page"
# What each rule that suggests a threshold was last asked for, by its name.
Parameters = Mapping[str, float]
# Their names are texts of the page.
READY = (EXAMPLE, TRAPS, MINE, PAGE)


@dataclass(frozen=True)
class Selection:
    """What one open page looks at.

    Attributes:
        set_id: a stored set, or one of `READY`: an example, `MINE` (every pair the visitor labelled) or `PAGE` (the
            workspace).
        page: the workspace as a set, as it stood when it was chosen; None unless `set_id` is `PAGE`.
        scorer: key of the scores shown; empty takes those of the most pairs, of several the oldest: what is on the page
            does not change because another model has finished.
        relevant_from: the lowest grade that counts as relevant.
        nonce: tells this page's workspace from another's; a `Selection` with another workspace is made, not replaced.
    """

    set_id: str = EXAMPLE
    page: LabelledSet | None = None
    scorer: str = ""
    relevant_from: int = 1
    nonce: str = field(default_factory=lambda: secrets.token_hex(4))


@dataclass(frozen=True)
class SetInView:
    """The set and its scores.

    Attributes:
        scorers: every model that scored any of its pairs, newest first.
        shown: the one whose scores are `scores`; None where no pair is scored.
        judged: the pairs that can be counted; None without scores, or where `problem` says why not.
    """

    labelled: LabelledSet
    scorers: tuple[ScorerRow, ...]
    shown: ScorerRow | None = None
    scores: SetScores | None = None
    judged: Judged | None = None
    problem: PlaygroundError | None = None


@dataclass(frozen=True)
class Frame:
    """What a part of the view is wired with.

    Attributes:
        selection: the state that holds the `Selection`.
        refresh: makes an event (a `.then` or a component's event) show everything anew.
    """

    selection: gr.State
    refresh: Callable[[Callable[..., Any]], Any]


def labelled_set(services: Services, owner: str, selection: Selection) -> LabelledSet:
    """The chosen set with the labels of now.

    Raises:
        HistoryError: it is gone, or the database cannot be read.
    """
    history = services.history
    if selection.set_id == MINE:
        return history.labels.all(owner)
    if selection.set_id == PAGE:
        return history.sets.effective(owner, selection.page or LabelledSet(PAGE, "", ()))
    if selection.set_id in ready_sets.NAMES:
        return history.sets.effective(owner, ready_sets.load(selection.set_id))
    return history.sets.get(owner, selection.set_id)


def open_set(services: Services, caller: Caller, selection: Selection) -> SetInView:
    """The set, its models, and the pairs that count for the one shown. Made anew only where something changed.

    Raises:
        HistoryError: as `labelled_set`.
    """
    version = services.history.labels.version(caller.owner)
    page = selection.nonce if selection.set_id == PAGE else ""
    key = (caller.owner, selection.set_id, page, version, selection.scorer, selection.relevant_from)
    in_view: SetInView = services.sets_in_view.get(key, lambda: _opened(services, caller, selection))
    return in_view


def _opened(services: Services, caller: Caller, selection: Selection) -> SetInView:
    # Here, and not at the top: numpy is not needed to open the page.
    from playground.analysis.judged import judged

    labelled = labelled_set(services, caller.owner, selection)
    scorers = tuple(services.history.sets.scorers(caller.owner, labelled))
    shown = next((each for each in scorers if each.key == selection.scorer), None) or _first_choice(scorers)
    scores = None if shown is None else services.history.sets.scores(caller.owner, labelled, shown.key)
    if scores is None:
        return SetInView(labelled, scorers)
    try:
        return SetInView(labelled, scorers, shown, scores, judged(labelled, scores, selection.relevant_from))
    except PlaygroundError as error:
        return SetInView(labelled, scorers, shown, scores, problem=error)


def _first_choice(scorers: Sequence[ScorerRow]) -> ScorerRow | None:
    return max(reversed(scorers), key=lambda row: row.n_scored, default=None)
