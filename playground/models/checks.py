"""A small canary that every model meets when it is loaded, before it scores anything that matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from playground.core.errors import ModelBroken
from playground.core.protocols import Embedder, Scorer
from playground.core.scales import sigmoid
from playground.core.types import Check, RanIn
from playground.models.catalog import CatalogEntry, GoldenPair
from playground.models.named import split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# (query, unrelated passage) by language; the query is also the identical passage. A statement, because a model that
# was taught to find answers rightly gives a low score to a passage that only repeats the question.
CANARY = {
    "en": ("To reset your password, open the settings page.", "The train to the coast leaves at seven in the morning."),
    "zh": ("要重置密码，请打开设置页面。", "开往海边的火车早上七点出发。"),
}
# A longer text, so that the others are padded beside it.
COMPANION = "The giant panda is a bear species endemic to China. 大熊猫是中国特有的熊科动物。" * 4
# How far one passage alone may lie from the same passage in a padded batch, as a share of the largest score
# (at least 1). Half precision adds in another order when the shape changes.
ALONE_TOLERANCE: dict[RanIn, float] = {"fp32": 1e-4, "fp16": 5e-2, "bf16": 1.5e-1, "int8": 1.5e-1}
# How far a golden score may lie off when this run has another precision than the published number.
GOLDEN_TOLERANCE: dict[RanIn, float] = {"fp32": 1e-3, "fp16": 5e-2, "bf16": 2.5e-1, "int8": 5e-1}


def check_scorer(scorer: Scorer, entry: CatalogEntry | None) -> tuple[Check, ...]:
    """The canary of a reranker: finite, identical text first, alone as in a batch, and published scores where known.

    Raises:
        ModelBroken: a score is not finite. All else that is off warns beside every result: an answer scorer or an
            NLI head need not put a repeated query first.
    """
    logits = {language: _canary_logits(scorer, language) for language in _languages(entry)}
    golden, option = entry.golden if entry else (), split(scorer.spec.model_id).plain.partition("#")[2]
    checks = [
        _finite([logit for row in logits.values() for logit in row]),
        _identical_first({language: (row[0], row[1]) for language, row in logits.items()}),
        _same_alone(scorer, *next(iter(logits.items()))),
        _golden(scorer, [pair for pair in golden if pair.option == option]),
    ]
    return _refuse_failed(scorer.spec.model_id, checks)


def check_embedder(embedder: Embedder, entry: CatalogEntry | None) -> tuple[Check, ...]:
    """The canary of an embedder: finite vectors of length 1, identical text nearest, alone as in a batch.

    Raises:
        ModelBroken: a vector is not finite or not of length 1.
    """
    cosines, drift = {}, 0.0
    for language in _languages(entry):
        query, other = CANARY[language]
        together = embedder.vectors(embedder.encode([query, query, other, COMPANION]))
        alone = embedder.vectors(embedder.encode([query]))
        cosines[language] = (float(together[0] @ together[1]), float(together[0] @ together[2]))
        drift = max(drift, 1.0 - float(together[0] @ alone[0])) if _unit(together) else math.nan
    checks = [
        _finite([cosine for pair in cosines.values() for cosine in pair]),
        _identical_first(cosines),
        _close("Alone as in a batch", drift, ALONE_TOLERANCE[embedder.spec.precision]),
    ]
    return _refuse_failed(embedder.spec.model_id, checks)


def _languages(entry: CatalogEntry | None) -> tuple[str, ...]:
    known = tuple(language for language in CANARY if entry is not None and language in entry.languages)
    return known or tuple(CANARY)


def _canary_logits(scorer: Scorer, language: str) -> list[float]:
    query, other = CANARY[language]
    return scorer.logits(scorer.encode(query, [query, other, COMPANION]))


def _finite(numbers: Sequence[float]) -> Check:
    broken = [number for number in numbers if not math.isfinite(number)]
    return Check("Finite", "failed" if broken else "passed", f"the output holds {broken[0]}" if broken else "")


def _identical_first(by_language: dict[str, tuple[float, float]]) -> Check:
    """Passes when the query's own text beats an unrelated one, in a language that the model may know."""
    found = ", ".join(f"{language}: {same:.3f} to {other:.3f}" for language, (same, other) in by_language.items())
    passed = any(same > other for same, other in by_language.values())
    return Check("Identical text beats unrelated text", "passed" if passed else "warned", found)


def _same_alone(scorer: Scorer, language: str, together: Sequence[float]) -> Check:
    query, _ = CANARY[language]
    alone = scorer.logits(scorer.encode(query, [query]))[0]
    size = max(1.0, *(abs(logit) for logit in together))
    return _close("Alone as in a batch", abs(alone - together[0]) / size, ALONE_TOLERANCE[scorer.spec.precision])


def _close(name: str, drift: float, tolerance: float) -> Check:
    found: Literal["failed", "passed", "warned"]
    found = "failed" if math.isnan(drift) else "passed" if drift <= tolerance else "warned"
    return Check(name, found, f"off by {drift:.2g}, allowed {tolerance:g}")


def _golden(scorer: Scorer, golden: Sequence[GoldenPair]) -> Check:
    name = "Published scores"
    if not golden:
        return Check(name, "skipped", "none are known for this model")
    off = [text for pair in golden if (text := _off(scorer, pair))]
    if off:
        return Check(name, "warned", "; ".join(off))
    return Check(name, "passed", f"{len(golden)} pairs agree ({golden[0].source})")


def _off(scorer: Scorer, pair: GoldenPair) -> str:
    logit = scorer.logits(scorer.encode(pair.query, [pair.passage]))[0]
    found = sigmoid(logit) if pair.on == "sigmoid" else logit
    here = scorer.spec.precision
    tolerance = (
        pair.tolerance
        if here == pair.precision
        else max(pair.tolerance, *map(GOLDEN_TOLERANCE.__getitem__, (here, pair.precision)))
    )
    if abs(found - pair.score) <= tolerance:
        return ""
    return f"{pair.query!r} gave {found:.4f}, published {pair.score:.4f} ({pair.precision}, {pair.source})"


def _unit(vectors: NDArray[np.float32]) -> bool:
    return all(abs(float(vector @ vector) - 1.0) < 1e-4 for vector in vectors)


def _refuse_failed(model_id: str, checks: Sequence[Check]) -> tuple[Check, ...]:
    failed = next((check for check in checks if check.status == "failed"), None)
    if failed is not None:
        raise ModelBroken(
            "{model} failed its check at load ({check}: {detail}). Its scores would mean nothing.",
            model=model_id,
            check=failed.name,
            detail=failed.detail,
        )
    return tuple(checks)
