"""The check at load refuses a model that cannot be trusted, and warns where only a published score is off."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from playground.core.errors import ModelBroken
from playground.core.types import ModelChoice
from playground.models import checks
from playground.models.catalog import CatalogEntry, GoldenPair, find
from playground.models.loading import load_scorer


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


def test_a_golden_score_of_another_precision_is_given_more_room(tiny_xlmr: Path) -> None:
    scorer = load(tiny_xlmr)
    logit = scorer.logits(scorer.encode("what is panda?", ["hi"]))[0]
    golden = GoldenPair("what is panda?", "hi", logit + 0.04, "fp16", 2e-2, "measured here")
    assert statuses(checks.check_scorer(scorer, entry(golden)))["Published scores"] == "passed"


def test_a_chinese_model_is_asked_in_chinese(tiny_xlmr: Path) -> None:
    found = checks.check_scorer(load(tiny_xlmr), entry(languages=("zh",)))
    assert next(check for check in found if check.name.startswith("Identical")).detail.startswith("zh: ")


def test_a_model_that_prefers_unrelated_text_is_refused(tiny_xlmr: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_xlmr, tmp_path / "upside-down"))
    tensors = {name: tensor.clone() for name, tensor in load_file(twin / "model.safetensors").items()}
    tensors["classifier.out_proj.weight"] *= -1
    save_file(tensors, twin / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelBroken, match=r"failed its check at load \(Identical text beats unrelated text: en: "):
        load(twin)
    assert load(twin, run_checks=False).checks == ()
