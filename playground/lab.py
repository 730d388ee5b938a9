"""The Threshold Lab in a terminal: `python -m playground.lab labels.jsonl --model built-in/mini-reranker`.

Scores a labelled set with one or more models and says how well they rank it, whether one threshold can serve all of its
queries, which one, and how sure that is. Without a file it takes the ready example.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.labels import UNSURE, LabelledSet, SetScores
from playground.core.types import DeviceName, PrecisionName

if TYPE_CHECKING:
    from playground.analysis.thresholds import Method

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)

DEPTH = 10
BUILT_INS = ("built-in/mini-reranker", "built-in/mini-embedder")


def report(labelled: LabelledSet, scores: SetScores, method: Method = "f-beta", parameter: float | None = None) -> str:
    """Ranking quality, verdict, suggested threshold with its band, and unseen queries, in plain lines.

    Args:
        method, parameter: how the threshold is chosen, as in `analysis.thresholds.suggest`.
    Raises:
        InvalidInput: scores of another set, not finite, or no such method.
    """
    return "\n".join(_lines(labelled, scores, method, parameter))


def _lines(labelled: LabelledSet, scores: SetScores, method: Method, parameter: float | None) -> Iterator[str]:
    from playground.analysis import quality, thresholds, uncertainty, unseen, verdict
    from playground.analysis.curves import precision_recall
    from playground.analysis.judged import judged

    spec = scores.spec
    how = f"{spec.runs} · {scores.scale.name}"
    yield f"{spec.model_id} · {how} · fingerprint {spec.fingerprint[:12]}"
    found = quality.measure(labelled, scores, k=DEPTH)
    means = [(one.key.upper(), found.mean(one.key)) for one in found.definitions]
    shown = " · ".join(f"{name} {value:.4f}" for name, value in means if value is not None)
    yield f"  ranking, {len(found.counted)} queries (ties in expectation): {shown or 'nothing to count'}"
    pairs = judged(labelled, scores)
    average = precision_recall(pairs)
    yield f"  average precision over {len(pairs):,} pooled pairs: {_number(average.area, 4) or average.reason}"
    said = verdict.verdict(pairs)
    yield f"  verdict: {said.kind}. {' '.join(said.sentences)}"
    chosen = parameter if parameter is not None else thresholds.DEFAULTS[method]
    best = thresholds.suggest(pairs, method, chosen)
    if best.value is None or best.confusion is None:
        yield f"  threshold by {method} {chosen:g}: none. {best.reason}"
        return
    sure = uncertainty.uncertainty(pairs, method, chosen)
    band = f"[{sure.threshold_band[0]:.3f}, {sure.threshold_band[1]:.3f}]" if sure.threshold_band else "unknown"
    yield (
        f"  threshold by {method} {chosen:g}: {best.value:.3f}, 95 % band {band} "
        f"({sure.n_resamples:,} resamples of {sure.n_queries} queries)"
    )
    for name, estimate in (("precision", sure.precision), ("recall", sure.recall), ("F1", sure.f1)):
        yield f"    {name} {_estimate(estimate)}"
    outside = unseen.leave_one_query_out(pairs, method, chosen)
    if outside.inside is not None and outside.outside is not None:
        yield (
            f"    on unseen queries ({outside.n_folds} folds): precision {_number(outside.outside.precision)}, "
            f"recall {_number(outside.outside.recall)}, F1 {_number(outside.outside.f1)}"
        )
    for warning in (*best.warnings, *sure.warnings, *outside.warnings):
        yield f"    {warning}"


def _estimate(estimate: object) -> str:
    value, low, high = (getattr(estimate, name) for name in ("value", "low", "high"))
    if value is None:
        return str(getattr(estimate, "reason", "")) or "undefined"
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} [{low:.4f}, {high:.4f}]"


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _facts(labelled: LabelledSet) -> str:
    counts = labelled.counts()
    n_relevant = sum(n for grade, n in counts.items() if grade is not None and grade > 0)
    return (
        f"{labelled.name}: {len(labelled.queries):,} queries, {labelled.n_pairs:,} pairs: {n_relevant:,} relevant, "
        f"{counts[0]:,} not, {counts[UNSURE]:,} unsure, {counts[None]:,} without a label"
    )


def _opened(files: Sequence[Path]) -> LabelledSet:
    from playground.inputs import labelled_sets, ready_sets

    if not files:
        return ready_sets.load()
    read = labelled_sets.read(files)
    for note in read.notes:
        typer.echo(f"note: {note}")
    return read.labelled


@app.command()
def main(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Labels: FlagEmbedding or sentence-transformers JSONL, CSV, or TREC files together."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Hub id, folder or catalogue id; repeatable. The built-in ones if absent.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, fp16 or bf16.")] = "auto",
    method: Annotated[str, typer.Option(help="f-beta, precision, recall or cost.")] = "f-beta",
    parameter: Annotated[
        float | None, typer.Option(help="Beta, the least precision or recall, or the cost of a false positive.")
    ] = None,
) -> None:
    """Score a labelled set and choose a threshold on it."""
    from playground import score_set
    from playground.analysis.thresholds import METHODS

    if method not in METHODS:
        raise InvalidInput(
            "There is no method {name!r}. Choose one of: {names}.", name=method, names=", ".join(METHODS)
        )
    labelled = _opened(files or ())
    typer.echo(_facts(labelled))
    for name in model or BUILT_INS:
        began = time.perf_counter()
        scores = score_set(labelled, name, cast("DeviceName", device), cast("PrecisionName", precision))
        seconds = time.perf_counter() - began
        typer.echo(report(labelled, scores, method, parameter))
        typer.echo(f"  scored in {seconds:.0f} s on {platform.machine()}, loading included")


if __name__ == "__main__":
    try:
        app()
    except PlaygroundError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
