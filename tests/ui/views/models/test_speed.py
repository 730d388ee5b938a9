"""The button that says which way to run a model is the fastest here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.core.errors import DeviceUnavailable, InvalidInput
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.views.models import speed
from playground.ui.wiring import Caller
from tests.engine.doubles import OverlapScorer, Shelf

CALLER = Caller("page", "me")
ASKED = ("", "", "auto", "overlap", "cpu", "auto", None, "only_second", None, "", ())


class NoBf16(Shelf):
    def __call__(self, choice: ModelChoice, **settings: object) -> OverlapScorer:  # type: ignore[override]
        if choice.precision == "bf16":
            raise DeviceUnavailable("No CUDA GPU can be used on this machine. Choose auto or CPU.")
        return super().__call__(choice, **settings)  # type: ignore[arg-type]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(db=tmp_path / "history.db", offline=True, public=True)
    return Services(settings, Engine(load_scorer=NoBf16(), offline=True), HistoryStore(settings.db))


def test_the_table_names_the_fastest_and_why_a_precision_was_not_timed(services: Services) -> None:
    said = list(speed.on_fastest(services, CALLER, *ASKED))
    assert all(each.table["running"] for each in said[:-1])
    last = said[-1]
    assert not last.table["running"]
    first, second = last.table["rows"][:2]
    assert (first["name"], first["drift"], first["error"]) == ("fp32", 0.0, None)
    assert "CUDA GPU" in second["error"]["zh"]
    assert sum(row["best"] for row in last.table["rows"]) == 1
    assert last.table["said"][1]["values"] == {"rounds": 5, "pairs": 32}
    chinese = Caller("page", "me", event={"lang": "zh"})
    assert json.loads(speed.on_words(chinese, last.rows).plot)["layout"]["xaxis"]["title"]["text"] == "每秒对数"


def test_stop_ends_it_without_a_result_and_bm25_is_refused(services: Services) -> None:
    steps = speed.on_fastest(services, CALLER, *ASKED)
    next(steps)
    said = [(each, speed.on_halt(services, CALLER)) for each in steps]
    last, _ = said[-1]
    assert last.table["rows"] is None
    assert last.table["said"][0]["key"] == "models.speed_stopped"
    with pytest.raises(InvalidInput, match="no forward pass"):
        list(speed.on_fastest(services, CALLER, *ASKED[:3], "bm25", *ASKED[4:]))
