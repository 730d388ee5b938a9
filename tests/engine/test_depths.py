"""Scores after every layer, from one pass, are those of a run that stops there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playground.core.depths import Depths
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice, Passage, RerankRequest, Step
from playground.engine.engine import Engine
from tests.engine.doubles import CHOICE, Shelf, request_of
from tests.models.layerwise_checkpoints import tiny_cost_wise, tiny_minicpm

PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "The train to the coast leaves at seven in the morning. " * 9,
    "hi",
    "大熊猫主要以竹子为食。",
)
REQUEST = RerankRequest("what is panda?", tuple(Passage(str(n), text) for n, text in enumerate(PASSAGES)))
# (maker, option as asked, its other options)
CASES: tuple[tuple[Callable[[Path], Path], str, str], ...] = (
    (tiny_minicpm, "#layer=3", ""),
    (tiny_minicpm, "", ""),
    (tiny_cost_wise, "#layer=5,ratio=2,at=3+5", ",ratio=2,at=3+5"),
    (tiny_cost_wise, "#layer=2,ratio=4,at=4", ",ratio=4,at=4"),
)


def steps(engine: Engine, choice: ModelChoice, stop: threading.Event | None = None) -> list[Step[Depths]]:
    return list(engine.depths(REQUEST, choice, stop=stop))


@pytest.mark.parametrize(("make", "option", "others"), CASES)
def test_each_layer_scores_as_a_run_that_stops_there(
    make: Callable[[Path], Path], option: str, others: str, tmp_path: Path
) -> None:
    folder, engine = make(tmp_path / "layers"), Engine()
    found = steps(engine, ModelChoice(f"{folder}{option}", device="cpu", precision="fp32", batch_tokens=400))
    assert {"encode", "score", "done"} <= {step.phase for step in found}
    result = found[-1].result
    assert result is not None
    assert result.layers == (2, 3, 4, 5, 6)
    assert result.chosen == (int(option[7]) if option else 6)
    assert result.spec.model_id.startswith(f"{folder}#layer={result.chosen}")
    assert (result.logits.shape, result.logits.dtype) == ((4, 5), np.float32)
    for layer, column in zip(result.layers, result.logits.T, strict=True):
        last = list(
            engine.rerank(REQUEST, ModelChoice(f"{folder}#layer={layer}{others}", device="cpu", precision="fp32"))
        )[-1].result
        assert last is not None
        alone = [scored.logit for scored in sorted(last, key=lambda scored: scored.index)]
        assert column.tolist() == pytest.approx(alone, abs=1e-5)
        assert last.n_cached == 0
    assert len(engine.loaded()) == 1
    assert len({round(float(logit), 4) for logit in result.logits.flat}) > 15
    engine.close()


def test_the_share_of_work_counts_the_tokens_that_go_through(tmp_path: Path) -> None:
    folder, engine = tiny_cost_wise(tmp_path / "layers"), Engine()
    plain, pooled = (
        steps(engine, ModelChoice(f"{folder}#layer=6,{option}", device="cpu", precision="fp32"))[-1].result
        for option in ("ratio=1", "ratio=8,at=3")
    )
    assert plain is not None
    assert pooled is not None
    assert plain.work == pytest.approx([2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    # Half of the layers have few tokens, so the first half is most of the work.
    assert 3 / 6 < pooled.work[1] < 1
    assert pooled.work[-1] == 1
    engine.close()


def test_stop_ends_it_without_a_result_and_other_models_have_no_depths(tmp_path: Path) -> None:
    folder, engine, stop = tiny_minicpm(tmp_path / "layers"), Engine(load_scorer=None), threading.Event()
    found = []
    for step in engine.depths(
        REQUEST, ModelChoice(str(folder), device="cpu", precision="fp32", batch_tokens=1), stop=stop
    ):
        found.append(step)
        if step.phase == "score":
            stop.set()
    assert (found[-1].phase, found[-1].done, found[-1].result) == ("stopped", 1, None)
    assert not engine.loaded()[0].in_use
    engine.close()
    other = Engine(load_scorer=Shelf())
    with pytest.raises(InvalidInput, match="overlap scores after its last layer only, so its ranking does not change"):
        list(other.depths(request_of("red", "red"), CHOICE))
    other.close()
