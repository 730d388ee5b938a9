"""The fold that shows how the ranking of a layerwise model changes with depth; no browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.engine.engine import Engine
from playground.ui.services import Services
from playground.ui.views.models import view as models
from playground.ui.views.ranking import depth
from playground.ui.views.ranking import view as ranking
from playground.ui.views.ranking.view import Visit
from playground.ui.wiring import Caller
from tests.models.layerwise_checkpoints import tiny_minicpm
from tests.ui.views.ranking.test_view import ASKED, run


@pytest.fixture
def layered(services: Services) -> Services:
    """The same with models that are really loaded."""
    return Services(services.settings, Engine(offline=True), services.history)


def test_the_fold_is_there_for_a_layerwise_model_only_and_stays_true_to_the_run_on_the_page(
    services: Services, layered: Services, caller: Caller, tmp_path: Path
) -> None:
    assert run(services, caller)[-1].shown.depth is None
    folder = tiny_minicpm(tmp_path / "bge-reranker-v2-minicpm-layerwise")
    asked = ASKED._replace(model=f"{folder}#layer=3")
    shown = run(layered, caller, asked)[-1].shown
    assert (shown.depth["figure"], shown.depth["said"]) == (None, [])
    *_, last = depth.on_look(layered, caller, shown.visit)
    assert [said["key"] for said in last.depth["said"]][-2:] == ["depth.chosen", "depth.choose"]
    assert (last.status[0]["key"], last.status[0]["values"]) == ("depth.done", {"n": 5})
    assert set(last.depth["figure"]) == {"en", "zh"}
    drawn = json.loads(last.depth["figure"]["zh"])
    assert [line["x"] for line in drawn["data"]] == [[2, 3, 4, 5, 6]] * 3
    assert drawn["layout"]["shapes"][0]["x0"] == 3
    # Another layer of the same request keeps the figure, with its own layer marked; other passages do not.
    other = run(layered, caller, asked._replace(model=f"{folder}#layer=5"), last.visit)[-1].shown
    assert json.loads(other.depth["figure"]["en"])["layout"]["shapes"][0]["x0"] == 5
    assert run(layered, caller, asked._replace(text="red\nblue"), last.visit)[-1].shown.depth["figure"] is None
    (row,) = models.on_look(layered, caller)["loaded"]  # type: ignore[misc]
    assert (row["name"], row["others"]) == (f"{folder}#layer=3", ["layer=5"])
    layered.engine.close()


def test_beside_a_list_of_windows_the_figure_stays_and_says_that_it_is_of_cut_passages(
    layered: Services, caller: Caller, tmp_path: Path
) -> None:
    folder = tiny_minicpm(tmp_path / "bge-reranker-v2-minicpm-layerwise")
    asked = ASKED._replace(model=f"{folder}#layer=3", text="red panda " * 20 + "\nblue")
    *_, looked = depth.on_look(layered, caller, run(layered, caller, asked)[-1].shown.visit)
    assert "depth.cut" not in [said["key"] for said in looked.depth["said"]]
    windowed = asked._replace(reading="windows", window_tokens=16)
    shown = run(layered, caller, windowed, looked.visit)[-1].shown
    assert any(scored.windows for scored in shown.visit.result.scored)
    assert shown.depth["figure"] == looked.depth["figure"]
    assert shown.depth["said"][0]["key"] == "depth.cut"
    layered.engine.close()


def test_a_click_writes_the_layer_into_the_model_box_and_leaves_the_rest(services: Services, caller: Caller) -> None:
    clicked = replace(caller, event={"layer": 16})
    one, other = "BAAI/bge-reranker-v2-minicpm-layerwise", "BAAI/bge-reranker-v2.5-gemma2-lightweight"
    typed = {
        one: f"{one}#layer=16",
        f"{one}@abc": f"{one}#layer=16@abc",
        f"{one}#layer=28": f"{one}#layer=16",
        f"{other}#layer=28,ratio=2,at=10+24": f"{other}#layer=16,ratio=2,at=10",
        f"{other}#layer=28,ratio=1@abc": f"{other}#layer=16,ratio=1@abc",
    }
    assert {model: depth.on_choose(services, clicked, model) for model in typed} == typed
    with pytest.raises(InvalidInput, match="Choose a layer of the plot"):
        depth.on_choose(services, replace(caller, event={"layer": "<b>"}), "org/m")


def test_there_is_nothing_to_look_at_before_the_first_run(services: Services, caller: Caller) -> None:
    with pytest.raises(InvalidInput, match="There is nothing to compare yet"):
        list(depth.on_look(services, caller, Visit()))
    assert ranking.NOTHING_NEW.depth == ranking.NOTHING_NEW.results
