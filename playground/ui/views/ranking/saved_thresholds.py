"""Ranking's menu of saved thresholds: one that fits the run on the page moves the line, any other says why not."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

import gradio as gr

from playground.core.errors import InvalidInput
from playground.core.thresholds import Threshold
from playground.core.types import RerankResult
from playground.engine import threshold_files
from playground.ui import texts
from playground.ui.components.html_parts import html_part
from playground.ui.page import Page
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.wiring import Caller, listen


def build() -> gr.HTML:
    """Out of sight: its script draws into the place that the ranking keeps for it."""
    return html_part("ranking/saved_thresholds", "<span></span>", elem_id="ranking-saved", elem_classes="pg-unseen")


def on_ask(services: Services, caller: Caller, visit: Any) -> dict[str, object]:
    """The menu for the run on the page, and what is to be said of the threshold in use.

    Raises:
        HistoryError: the file cannot be read.
    """
    result: RerankResult | None = visit.result
    # The tab reports that it is open before the load event has given a new browser its id.
    saved = services.history.thresholds.list(caller.owner) if caller.owner else []
    in_use = next((each for each in saved if each.id == caller.text("used")), None)
    used = None
    if in_use is not None and result is not None and _refusal(in_use, result) is None:
        used = _used(in_use, result, moved=False)
    rows = [
        {
            "id": each.id,
            "name": each.name,
            "value": each.value,
            "fits": result is not None and _refusal(each, result) is None,
        }
        for each in saved
    ]
    # Only the menu itself says what is in use; whoever else asks leaves that as it is.
    return {"saved": rows, "used": used, "keep": "used" not in caller.event, "nonce": secrets.token_hex(4)}


def on_pick(services: Services, caller: Caller, visit: Any) -> dict[str, object]:
    """The threshold that was chosen, for the line.

    Raises:
        InvalidInput: it was chosen for another model or on another scale.
        HistoryError: it is gone.
    """
    if visit.result is None:
        raise InvalidInput("There are no scores for a threshold to cut. Score this set first.")
    threshold = services.history.thresholds.get(caller.owner, caller.text("id"))
    reason = _refusal(threshold, visit.result)
    if reason is not None:
        raise reason
    return {**on_ask(services, caller, visit), "used": _used(threshold, visit.result, moved=True)}


def refused(said: Phrase) -> dict[str, object]:
    """After a refusal the line stays where it is, and so does what is said of it."""
    return {"saved": None, "used": None, "keep": True, "nonce": secrets.token_hex(4)}


def wire(page: Page, menu: gr.HTML, visit: gr.State) -> None:
    """Listeners of the menu."""
    services = page.services
    options: dict[str, Any] = {"me": page.me, "inputs": [visit], "outputs": [menu], "trigger_mode": "always_last"}
    listen(menu.asked, partial(on_ask, services), **options)
    listen(menu.picked, partial(on_pick, services), on_error=refused, **options)
    # Thresholds may have been saved meanwhile in another view.
    listen(page.tab["ranking"].select, partial(on_ask, services), **options)


def marks(services: Services, owner: str, run_ids: list[str]) -> dict[str, list[dict[str, object]]]:
    """For each run the saved thresholds that hold for one of its models.

    Raises:
        HistoryError: the file cannot be read.
    """
    saved = services.history.thresholds.list(owner)
    if not saved:
        return {}
    ran = services.history.scales_of(owner, run_ids)
    return {
        run_id: [
            {"name": each.name, "value": each.value, "scale": each.scale.name}
            for each in saved
            if (each.spec.fingerprint, each.scale.name, _scored_by(each)) in ran.get(run_id, ())
        ]
        for run_id in run_ids
    }


def _scored_by(threshold: Threshold) -> str:
    windows = threshold.spec.windows
    return "" if windows is None else "".join(map(str, windows.scored_by))


def _refusal(threshold: Threshold, result: RerankResult) -> Exception | None:
    return threshold_files.refusal(threshold, result.spec, result.scale)


def _used(threshold: Threshold, result: RerankResult, *, moved: bool) -> dict[str, object]:
    return {
        "id": threshold.id,
        "name": threshold.name,
        "value": threshold.value,
        "warnings": [
            texts.both(warning) for warning in threshold_files.warnings(threshold, result.spec, result.instruction)
        ],
        "moved": moved,
        "nonce": secrets.token_hex(4),
    }
