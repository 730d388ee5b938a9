"""What an evaluation found, as figures with their rules, intervals, and what is published beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground import __version__
from playground.analysis.definitions import Counting, Definition
from playground.analysis.paired import Contest, Estimate, compare
from playground.analysis.retrieval import Retrieved, measure
from playground.core.evaluation import EvaluationTask, Run
from playground.evaluate.published import Published, find
from playground.evaluate.stages import Scored

# As MTEB 2 counts the MAP of reranking tasks (`map_at_1000`).
MAP_AT = 1000
K = 10
# The figures that a table shows.
SHOWN_RERANKING = (f"map@{MAP_AT}", "mrr@10", "ndcg@10")


@dataclass(frozen=True, slots=True)
class Row:
    """One run: of a first stage, of a file, or of a model.

    Attributes:
        scored: how the model ran; None where no model did.
        found: ties by id descending, as trec_eval and MTEB 2 count.
        old: of a reranking task, as C-MTEB counted when the cards of bge-reranker were written (`mteb-v1`).
        published: of this model on this task; nothing where that is not what they count: of the
            first queries only, or with another grade to be relevant from.
    """

    name: str
    run: Run
    scored: Scored | None
    found: Retrieved
    old: Retrieved | None
    published: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows of one task, in the order in which they were made.

    Attributes:
        first_stage: whether the first row is that of the first stage, which the others rerank.
        depth: of the first stage; None where candidates came with the task.
        contest: every row beside every other, on the queries that count.
    """

    task: EvaluationTask
    rows: tuple[Row, ...]
    first_stage: bool
    depth: int | None
    contest: Contest

    @property
    def shown(self) -> tuple[str, ...]:
        """Keys of the figures that a table shows."""
        if self.task.candidates is not None:
            return SHOWN_RERANKING
        return ("ndcg@10", "mrr@10", "map", "r@10", *(f"r@{depth}" for depth in _depths(self.depth)))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return self.rows[0].found.definitions

    def estimate(self, row: int, key: str) -> Estimate | None:
        """A figure with its interval; None where no query counts."""
        return self.contest.estimates[row].get(key)


def row(
    task: EvaluationTask,
    name: str,
    run: Run,
    scored: Scored | None = None,
    depth: int | None = None,
    relevant_from: int = 1,
) -> Row:
    """The figures of one run.

    Args:
        depth: as `Evaluation.depth`.
    """
    reranking = task.candidates is not None

    def counted(counting: Counting) -> Retrieved:
        return measure(
            task.qrels,
            run,
            counting,
            k=K,
            recall_at=_depths(depth),
            relevant_from=relevant_from,
            map_at=MAP_AT if reranking and counting == "trec_eval" else None,
        )

    comparable = scored is not None and task.first_of is None and relevant_from == 1
    published = find(name, task.name) if comparable else ()
    return Row(name, run, scored, counted("trec_eval"), counted("mteb-v1") if reranking else None, published)


def evaluation(task: EvaluationTask, rows: Sequence[Row], first_stage: bool, depth: int | None) -> Evaluation:
    """The rows side by side."""
    return Evaluation(task, tuple(rows), first_stage, depth, compare([one.found for one in rows]))


def record(found: Evaluation) -> dict[str, object]:
    """All of it, as plain values for JSON. Figures are shares of one, published ones times 100 as their makers write
    them."""
    task = found.task
    return {
        "version": __version__,
        "task": {
            "name": task.name,
            "split": task.split or None,
            "kind": "retrieval" if task.candidates is None else "reranking",
            "n_queries": len(task.queries),
            "first_of": task.first_of,
            "n_passages": len(task.passages),
            "notes": list(task.notes),
        },
        "depth": found.depth,
        "n_queries_counted": len(found.contest.queries),
        "definitions": {one.key: one.text for one in found.definitions},
        "rows": [_row(found, place) for place in range(len(found.rows))],
    }


def _row(found: Evaluation, place: int) -> dict[str, object]:
    one = found.rows[place]
    said: dict[str, object] = {
        "name": one.name,
        "stage": "first" if found.first_stage and place == 0 else "run" if one.scored is None else "reranker",
        "figures": {
            key: {
                "value": each.mean,
                "low": each.low if each.spread else None,
                "high": each.high if each.spread else None,
            }
            for key, each in found.contest.estimates[place].items()
        },
        "left_out": dict(one.found.left_out),
        "n_unanswered": one.found.n_unanswered,
        "n_decided_by_ties": one.found.n_decided_by_ties,
    }
    if found.first_stage and place:
        said["against_first"] = {
            key: {
                "difference": each.estimate.mean,
                "low": each.estimate.low,
                "high": each.estimate.high,
                "verdict": each.verdict,
                "wins": each.wins,
                "ties": each.ties,
                "losses": each.losses,
            }
            for (model, other, key), each in found.contest.differences.items()
            if (model, other) == (place, 0)
        }
    if one.old is not None:
        said["as_c_mteb_counted"] = {each.key: one.old.mean(each.key) for each in one.old.definitions}
    if one.scored is not None:
        said["ran"] = _ran(one.scored)
    said["published"] = [
        {"metric": each.metric, "value": each.value, "counted": each.counted, "ran": each.ran, "source": each.source}
        for each in one.published
    ]
    return said


def _ran(scored: Scored) -> dict[str, object]:
    spec = scored.spec
    return {
        "model": spec.model_id,
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "family": spec.family,
        "device": spec.device,
        "precision": spec.precision,
        "max_length": spec.max_length or None,
        "truncation": spec.truncation,
        "windows": None if spec.windows is None else str(spec.windows),
        "instruction": scored.instruction,
        "scale": scored.scale.name,
        "seconds": scored.seconds,
        "n_pairs": scored.n_pairs,
        "n_pairs_ran": scored.n_ran,
        "n_passages_cut": scored.n_cut,
        "warnings": list(scored.warnings),
    }


def _depths(depth: int | None) -> tuple[int, ...]:
    return () if depth is None or depth == K else (depth,)
