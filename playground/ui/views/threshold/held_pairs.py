"""The labelled and scored pairs that pages show, kept with what is known of them between two requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from playground.ui.page_turns import LruCache

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playground.analysis.judged import Judged
    from playground.core.labels import LabelledSet
    from playground.core.scales import Scale
    from playground.core.types import ModelSpec
    from playground.ui.views.threshold.labelled_set_in_view import SetInView

MOST_HELD = 4


@dataclass(frozen=True)
class Held:
    """What one page shows, between two of its requests.

    Attributes:
        token: names the pairs with their scores and labels; another label makes another token.
        order: (n,) places of the judged pairs by ascending score, as the page counts them.
        known: results of the analysis by what was asked.
    """

    token: str
    labelled: LabelledSet
    judged: Judged
    scale: Scale
    spec: ModelSpec
    scorer: str
    order: NDArray[np.int64]
    known: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """What is known under `key`, made now where there is nothing. Two threads may make it twice, never half."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]


def hold(in_view: SetInView, relevant_from: int) -> Held:
    """The pairs of a set in view that has some."""
    assert in_view.judged is not None
    assert in_view.shown is not None
    judged = in_view.judged
    digest = hashlib.sha256(f"{in_view.labelled.id}\0{in_view.shown.key}\0{relevant_from}\0{judged.n_queries}".encode())
    for column in (judged.score, judged.grade, judged.query, judged.passage):
        digest.update(np.ascontiguousarray(column).tobytes())
    return Held(
        token=digest.hexdigest()[:24],
        labelled=in_view.labelled,
        judged=judged,
        scale=in_view.shown.scale,
        spec=in_view.shown.spec,
        scorer=in_view.shown.key,
        order=np.argsort(judged.score, kind="stable"),
    )


# By owner and token.
HELD: LruCache[Held] = LruCache(MOST_HELD)


def find(owner: str, token: str) -> Held | None:
    """What was shown under this token; None where it had to make room."""
    return HELD.find((owner, token))


def keep(owner: str, held: Held) -> Held:
    """Keeps it; where the same pairs are kept already, those with their results."""
    return HELD.get((owner, held.token), lambda: held)
