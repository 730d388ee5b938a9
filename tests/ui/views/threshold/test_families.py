"""A labelled set scored by models of each family: a line is saved, holds for that mode or layer alone, and is code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.engine import snippets, threshold_files
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.page_turns import LruCache
from playground.ui.services import Services
from playground.ui.views.ranking import saved_thresholds
from playground.ui.views.threshold import quality_tab, saved_tab, scoring_requests, set_bar, threshold_panel
from playground.ui.views.threshold.labelled_set_in_view import EXAMPLE, Selection, open_set
from playground.ui.wiring import Caller
from tests import checkpoints, checkpoints_apart
from tests.models import layerwise_checkpoints
from tests.ui.views.ranking.test_view import ASKED as RANKING
from tests.ui.views.ranking.test_view import run
from tests.ui.views.threshold.test_set_bar import ASKED, N_PAIRS, said, strip

NLI = ("contradiction", "entailment", "neutral")
MAKERS = "0.4dense+0.2sparse+0.4colbert"
# What builds a folder, the name of it with an option, another option of the same folder, and the scale.
FAMILIES: list[tuple[Callable[[Path], Path], str, str, str]] = [
    (lambda path: checkpoints.tiny_deberta(path, labels=NLI), "nli#label=entailment", "label=neutral", "log-odds"),
    (checkpoints.tiny_qwen3, "Qwen3-Reranker-0.6B", "", "log-odds"),
    (checkpoints.tiny_gemma, "bge-reranker-v2-gemma", "", "logit"),
    (checkpoints.tiny_t5, "monot5-base", "", "log-odds"),
    (layerwise_checkpoints.tiny_minicpm, "minicpm-layerwise#layer=4", "layer=2", "logit"),
    (layerwise_checkpoints.tiny_cost_wise, "gemma2-lightweight#layer=4,ratio=2,at=2", "layer=4,ratio=1", "logit"),
    (checkpoints_apart.tiny_m3, "m3#mode=dense", "mode=sparse", "cosine"),
    (checkpoints_apart.tiny_m3, "m3#mode=sparse", "mode=colbert", "dot"),
    (checkpoints_apart.tiny_m3, "m3#mode=colbert", f"mode={MAKERS}", "mean-maxsim"),
    (checkpoints_apart.tiny_m3, f"m3#mode={MAKERS}", "mode=3dense+1sparse", "sum"),
    (checkpoints_apart.tiny_splade, "splade", "", "dot"),
    (checkpoints_apart.tiny_pylate, "colbert", "", "maxsim"),
]
# The quality of every family is counted by the same code.
MEASURED = {f"m3#mode={MAKERS}", "minicpm-layerwise#layer=4"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toasts need a page."""
    monkeypatch.setattr("gradio.Info", lambda *_, **__: None)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(offline=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture
def services(engine: Engine, tmp_path: Path) -> Services:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    return Services(settings, engine, HistoryStore(settings.db))


def selected(services: Services, caller: Caller, model: str) -> Selection:
    """The example in view with the scores of this model."""
    scorers = open_set(services, caller, Selection()).scorers
    key = next(scorer.key for scorer in scorers if scorer.spec.model_id == model)
    return set_bar.on_show(services, said(caller, scorer=key, set=EXAMPLE), Selection(), *ASKED).selection


@pytest.mark.parametrize(("make", "name", "other", "scale"), FAMILIES, ids=[name for _, name, _, _ in FAMILIES])
def test_a_line_of_its_scores_is_saved_and_holds_for_this_way_of_reading_alone(
    services: Services,
    caller: Caller,
    root: Path,
    make: Callable[[Path], Path],
    name: str,
    other: str,
    scale: str,
) -> None:
    folder = root / name.partition("#")[0]
    if not folder.exists():
        make(folder)
    model, twin = str(root / name), f"{folder}#{other}" if other else ""
    asked = ASKED._replace(precision="fp32")
    scoring_requests.on_score(services, said(caller, models=[model, *filter(None, [twin])]), Selection(), *asked)
    assert services.jobs.wait(caller.owner, 120.0)
    assert [scorer["n"] for scorer in strip(services, caller, Selection())["scorers"]] == [N_PAIRS] * (1 + bool(twin))

    selection = selected(services, caller, model)
    in_view = open_set(services, caller, selection)
    assert in_view.shown is not None
    assert in_view.judged is not None
    assert in_view.shown.scale.name == scale
    shown: Any = threshold_panel.show(services, caller, selection, in_view, {})
    assert "says" not in shown.panel
    assert {card["method"] for card in shown.cards["suggestions"]} >= {"f-beta", "recall"}
    if name in MEASURED:
        found = quality_tab.on_measure(services, LruCache(4), said(caller), selection)
        assert found["says"] == []

    line = median(in_view.judged.score.tolist())
    event = {"name": "line", "threshold": line, "set": EXAMPLE, "scorer": in_view.shown.key}
    row = saved_tab.on_save(services, replace(caller, event=event), selection).saved["saved"][0]
    assert (row["value"], row["scale"], row["model_id"], row["fits"]) == (line, scale, model, True)
    threshold = services.history.thresholds.get(caller.owner, row["id"])
    assert threshold_files.from_json(threshold_files.to_json(threshold)) == replace(threshold, id="")

    chosen = replace(caller, event={"id": row["id"]})
    assert saved_tab.on_load(services, chosen, selection)["value"] == line
    code = saved_tab.on_code(services, chosen)
    assert code["reason"] is None
    assert f"THRESHOLD = {line!r}\n" in str(code["text"])

    visit = run(services, caller, RANKING._replace(model=model, precision="fp32"))[-1].shown.visit
    used: Any = saved_thresholds.on_pick(services, chosen, visit)["used"]
    assert (used["value"], used["warnings"]) == (line, [])
    assert snippets.program(str(code["library"]), visit.result)
    if twin:
        refused = (
            rf"“line” was chosen for .*{name.partition('#')[2].partition('+')[0]}.* from .*{other.partition('+')[0]}"
        )
        with pytest.raises(InvalidInput, match=refused):
            saved_tab.on_load(services, chosen, selected(services, caller, twin))
        visit = run(services, caller, RANKING._replace(model=twin, precision="fp32"))[-1].shown.visit
        with pytest.raises(InvalidInput, match=refused):
            saved_thresholds.on_pick(services, chosen, visit)
