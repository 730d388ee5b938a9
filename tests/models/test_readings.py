"""The ways in which a model can be read that are offered to be compared; each of them loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.core.types import ModelChoice
from playground.models.catalog import entries
from playground.models.readings import readings_of
from playground.models.resolve import resolve
from tests.checkpoints_apart import tiny_m3
from tests.models import layerwise_checkpoints

MAKERS = "0.4dense+0.2sparse+0.4colbert"


def test_the_catalogues_models_are_offered_as_their_makers_read_them() -> None:
    (modes,) = readings_of("BAAI/bge-m3")
    assert modes.values == ("dense", "sparse", "colbert", MAKERS)
    assert modes.ids == tuple(f"BAAI/bge-m3#mode={mode}" for mode in modes.values)
    assert set(modes.ids) <= {entry.id for entry in entries()}
    assert modes.plain == modes.ids[0]
    assert readings_of("BAAI/bge-m3#mode=sparse") == (modes,)
    (layers,) = readings_of("BAAI/bge-reranker-v2-minicpm-layerwise#layer=28")
    assert layers.values == ("8", "16", "24", "32", "40")
    assert layers.ids[0] == "BAAI/bge-reranker-v2-minicpm-layerwise#layer=8"
    layers, ratios = readings_of("BAAI/bge-reranker-v2.5-gemma2-lightweight")
    assert layers.values == ("8", "16", "25", "33", "42")
    assert ratios.values == ("1", "2", "4", "8")
    assert (layers.plain, ratios.plain) == ("", ratios.ids[1])
    assert [id.partition("#")[2] for id in ratios.ids[:2]] == ["layer=28,ratio=1", "layer=28,ratio=2,at=24"]
    assert readings_of("BAAI/bge-reranker-v2-m3") == readings_of("bm25") == readings_of("org/unknown") == ()


@pytest.mark.parametrize(
    ("make", "whats"),
    [
        (tiny_m3, ["modes"]),
        (layerwise_checkpoints.tiny_minicpm, ["layers"]),
        (layerwise_checkpoints.tiny_cost_wise, ["layers", "ratios"]),
    ],
)
def test_each_way_that_is_offered_for_a_folder_is_one_of_the_models_own(
    make: object, whats: list[str], tmp_path: Path
) -> None:
    assert callable(make)
    folder = make(tmp_path / "bge")
    ways = readings_of(str(folder))
    assert [way.what for way in ways] == whats
    for way in ways:
        if way.plain and way.what != "modes":
            assert resolve(ModelChoice(str(folder))).model_id == resolve(ModelChoice(way.plain)).model_id
        ran = [resolve(ModelChoice(id)).model_id for id in way.ids]
        assert len(set(ran)) == len(way.values)
        assert [id.partition(",at")[0] for id in ran] == [id.partition(",at")[0] for id in way.ids]


def test_a_folder_of_another_model_or_of_none_is_read_in_one_way(tiny_bert: Path, tmp_path: Path) -> None:
    assert readings_of(str(tiny_bert)) == readings_of(str(tmp_path)) == ()
