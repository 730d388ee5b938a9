"""The check at load refuses a model whose scores are no numbers, and warns beside every result of what else is off."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from playground.core.errors import ModelBroken
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine import comparison_record, exports, threshold_files
from playground.engine.engine import Engine
from playground.engine.snippets import snippet
from playground.models import checks
from playground.models.catalog import CatalogEntry, GoldenPair, find
from playground.models.loading import load_scorer
from playground.ui import texts
from tests.engine.saved_thresholds import on


def load(folder: Path, **options: Any) -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision="fp32"), **options)


def entry(*golden: GoldenPair, languages: tuple[str, ...] = ("en",)) -> CatalogEntry:
    known = find("BAAI/bge-reranker-base")
    assert known is not None
    return replace(known, golden=golden, languages=languages)


def statuses(found: tuple[Any, ...]) -> dict[str, str]:
    return {check.name: check.status for check in found}


def test_a_sound_model_passes_and_says_that_no_scores_are_published(tiny_xlmr: Path) -> None:
    assert statuses(load(tiny_xlmr).checks) == {
        "Finite": "passed",
        "Identical text beats unrelated text": "passed",
        "Alone as in a batch": "passed",
        "Published scores": "skipped",
    }


def test_a_golden_score_that_agrees_passes_and_one_that_is_off_warns(tiny_xlmr: Path) -> None:
    scorer = load(tiny_xlmr)
    logit = scorer.logits(scorer.encode("what is panda?", ["hi"]))[0]
    golden = GoldenPair("what is panda?", "hi", logit, "fp32", 1e-3, "measured here")
    assert statuses(checks.check_scorer(scorer, entry(golden)))["Published scores"] == "passed"
    off = replace(golden, score=logit + 0.01)
    last = checks.check_scorer(scorer, entry(golden, off))[-1]
    assert last.status == "warned"
    assert f"'what is panda?' gave {logit:.4f}, published {logit + 0.01:.4f} (fp32, measured here)" in last.detail


def test_a_golden_score_of_another_layer_is_not_asked_for(tiny_xlmr: Path) -> None:
    scorer = load_scorer(ModelChoice(str(tiny_xlmr), device="cpu"))
    golden = GoldenPair("what is panda?", "hi", 99.0, "fp32", 1e-3, "measured here", option="layer=28")
    assert statuses(checks.check_scorer(scorer, entry(golden)))["Published scores"] == "skipped"


def test_a_golden_score_of_another_precision_is_given_more_room(tiny_xlmr: Path) -> None:
    scorer = load(tiny_xlmr)
    logit = scorer.logits(scorer.encode("what is panda?", ["hi"]))[0]
    golden = GoldenPair("what is panda?", "hi", logit + 0.04, "fp16", 2e-2, "measured here")
    assert statuses(checks.check_scorer(scorer, entry(golden)))["Published scores"] == "passed"


def test_a_chinese_model_is_asked_in_chinese(tiny_xlmr: Path) -> None:
    found = checks.check_scorer(load(tiny_xlmr), entry(languages=("zh",)))
    assert next(check for check in found if check.name.startswith("Identical")).detail.startswith("zh: ")


def changed(folder: Path, to: Path, name: str, by: float) -> Path:
    """A copy of a checkpoint with one of its tensors multiplied."""
    shutil.copytree(folder, to)
    tensors = {key: tensor.clone() for key, tensor in load_file(to / "model.safetensors").items()}
    tensors[name] *= by
    save_file(tensors, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_a_model_that_prefers_unrelated_text_loads_and_says_so_beside_every_number(
    tiny_xlmr: Path, tmp_path: Path
) -> None:
    twin = changed(tiny_xlmr, tmp_path / "upside-down", "classifier.out_proj.weight", -1.0)
    assert statuses(load(twin).checks) == {
        "Finite": "passed",
        "Identical text beats unrelated text": "warned",
        "Alone as in a batch": "passed",
        "Published scores": "skipped",
    }
    choice = ModelChoice(str(twin), device="cpu", precision="fp32")
    request = RerankRequest("what is panda?", (Passage("1", "hi"), Passage("2", "a bear")))
    with closing(Engine(offline=True)) as engine:
        comparison = [*engine.compare(request, [choice])][-1].comparison
    (warning,) = comparison.runs[0].result.warnings
    result = comparison.runs[0].result
    assert warning.startswith("The check 'Identical text beats unrelated text' at load is off: en: ")
    assert result.spec.replaced == (warning,)
    assert texts.both(warning)["zh"].startswith("加载检查 'Identical text beats unrelated text' 有偏差：en: ")
    assert [row["warnings"] for row in csv.DictReader(io.StringIO(exports.to_csv(result)))] == [warning] * 2
    assert {row["warnings"] for row in comparison_record.rows(comparison)} == {warning}
    assert json.loads(exports.to_json(result, choice))["warnings"] == [warning]
    assert f"# {warning}" in exports.to_snippet(result, choice)
    kept = threshold_files.from_json(threshold_files.to_json(on(result, 0.0)))
    assert kept.spec.replaced == (warning,)
    head = snippet("sentence-transformers", kept, query="q", passages=["p"]).replace("\n# ", " ")
    assert "'Identical text beats unrelated text' at load is off" in head


def test_a_model_whose_scores_are_not_finite_is_refused(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = changed(tiny_xlmr, tmp_path / "endless", "classifier.out_proj.weight", math.inf)
    with pytest.raises(ModelBroken, match=r"failed its check at load \(Finite: the output holds "):
        load(twin)
    assert load(twin, run_checks=False).checks == ()
