"""What one open page compares, and what of it stands on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gradio as gr

from playground.core.speeds import Speeds
from playground.core.types import Comparison, RerankRequest
from playground.ui.components import labels
from playground.ui.components.asked import CUT, IN_WINDOWS
from playground.ui.components.model_rows import offered
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.views.compare import comparison_details, comparison_payload
from playground.ui.views.compare.comparison_details import Pair
from playground.ui.views.compare.comparison_payload import Side
from playground.ui.views.compare.earlier_runs import EarlierRun, as_comparison
from playground.ui.views.compare.figures import plots as plots_of
from playground.ui.wiring import Caller


@dataclass(frozen=True)
class Visit:
    """What one open page compares.

    Attributes:
        opened: it comes from the history, and so do the rows of the picker.
        replaying: the record of an earlier comparison that is to be run again.
        request: whose passages are on the page; while a run is under way, not yet those of `comparison`.
        earlier: an earlier run laid beside this one.
        found: earlier runs of these passages, once they were looked for.
        replay: what changed since the earlier comparison that this one repeats.
        speeds: measured, by the places of two runs.
    """

    comparison: Comparison | None = None
    run_id: str | None = None
    opened: bool = False
    replaying: Mapping[str, object] | None = None
    earlier: EarlierRun | None = None
    found: tuple[Mapping[str, object], ...] | None = None
    replay: tuple[Mapping[str, object], ...] | None = None
    speeds: Mapping[Pair, Speeds] = field(default_factory=dict)
    request: RerankRequest | None = None


class Shown(NamedTuple):
    """A comparison on the page; what did not change is skipped."""

    models: Any = gr.skip()
    results: Any = gr.skip()
    plots: Any = gr.skip()
    shift: Any = gr.skip()
    percentiles: Any = gr.skip()
    details: Any = gr.skip()
    visit: Any = gr.skip()


class Ran(NamedTuple):
    """One step of a comparison or of a measurement."""

    shown: Shown
    progress: Any
    query: Any = gr.skip()


NOTHING_NEW = Shown()


def show(services: Services, caller: Caller, visit: Visit, *, warnings: Sequence[Phrase] = ()) -> Shown:
    """A whole comparison on the page."""
    assert visit.comparison is not None
    side = side_of(visit)
    shift, percentiles = plots_of(side, caller.language)
    stored, unread = labels.found(services, caller, visit.comparison.request)
    said = [*warnings, *unread]
    return Shown(
        results=comparison_payload.payload(
            side, labels=stored, run_id=visit.run_id, warnings=said, replay=visit.replay
        ),
        plots=gr.update(visible=bool(side.results)),
        shift=shift,
        percentiles=percentiles,
        details=details_of(visit),
        visit=visit,
    )


def reopened(
    services: Services, caller: Caller, run_id: str, record: Mapping[str, object], *, again: bool = False
) -> Shown:
    """A saved comparison as it was, and the picker with its models.

    Args:
        again: it is to be run once more, and the two compared.

    Raises:
        InvalidInput: the record is damaged or newer than this program.
    """
    visit = Visit(as_comparison(record), run_id, opened=True, replaying=record if again else None)
    assert visit.comparison is not None
    first = visit.comparison.runs[0].choice
    reading = CUT if first.windows is None else IN_WINDOWS
    models = picker(services, visit, first.model_id, first.precision, reading)
    return show(services, caller, visit)._replace(models=models)


def listed(visit: Visit) -> RerankRequest | None:
    return visit.request or (visit.comparison.request if visit.comparison is not None else None)


def right_first(services: Services, caller: Caller, visit: Visit) -> list[Phrase]:
    """Which models put a relevant passage first; nothing while others are being compared."""
    if visit.comparison is None or visit.request not in (None, visit.comparison.request):
        return []
    stored, _ = labels.found(services, caller, visit.comparison.request)
    return comparison_payload.right(side_of(visit), stored)


def side_of(visit: Visit) -> Side:
    comparison = visit.comparison
    assert comparison is not None
    if visit.earlier is None:
        return Side(comparison, len(comparison.runs))
    return Side(visit.earlier.both, len(comparison.runs), visit.earlier.since)


def details_of(visit: Visit, timing: tuple[Pair, Phrase] | None = None) -> dict[str, object]:
    differences = None
    if visit.earlier is not None and visit.comparison is not None:
        differences = comparison_details.replayed(visit.earlier.comparison, visit.comparison, visit.earlier.record)
    return comparison_details.payload(
        side_of(visit), visit.speeds, timing=timing, earlier=visit.found, differences=differences
    )


def picker(services: Services, visit: Visit, model: str, precision: str, reading: str = CUT) -> dict[str, object]:
    opened = visit.comparison if visit.opened else None
    return offered(services, model, precision, reading, opened=opened, nonce=visit.run_id if visit.opened else None)
