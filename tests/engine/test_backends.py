"""A model that another backend runs is a model of its own, in memory and in every name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground.analysis.naming import names
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine import snippets
from playground.engine.engine import Engine
from playground.engine.loaded import weights_of
from playground.models import onnx_cache
from playground.models.loading import load_scorer
from tests.engine.doubles import run

REQUEST = RerankRequest("what is panda?", (Passage("1", "The giant panda is a bear."), Passage("2", "hi")))


def test_both_backends_of_one_model_stand_side_by_side(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_cache, "folder", lambda: tmp_path)
    torch, onnx = (ModelChoice(f"{tiny_bert}{end}", device="cpu", precision="fp32") for end in ("", "#backend=onnx"))
    assert weights_of(torch) != weights_of(onnx)
    assert weights_of(onnx) == weights_of(replace(onnx, model_id=f"{tiny_bert}#label=0,backend=onnx"))
    engine = Engine(load_scorer=load_scorer)
    results = [run(engine, REQUEST, choice) for choice in (torch, onnx)]
    assert [result.spec.model_id for result in results] == [torch.model_id, onnx.model_id]
    assert len({result.spec.fingerprint for result in results}) == 2
    assert len(engine.loaded()) == 2
    # The second did not take its scores from the first one's.
    assert [result.n_cached for result in results] == [0, 0]
    for one, other in zip(*results, strict=True):
        assert (one.index, one.logit) == (other.index, pytest.approx(other.logit, abs=1e-4))
    assert names(results) == (tiny_bert.name, "backend=onnx")
    program = snippets.program("transformers", results[1])
    assert "#backend" not in program.split("MODEL")[1]
    assert "The playground ran it with ONNX Runtime" in program.replace("\n# ", " ")
