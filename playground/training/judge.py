"""Candidates beside their base on sets to choose on: of several fields, and of several kinds of query."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.training import bi_encoder, cross_encoder
from playground.training.evaluate import figures_of
from playground.training.pools import DEV_SETS
from playground.training.report import MAX_LENGTH
from playground.training.rows import Row, read_rows

METRIC = "ndcg@10"
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures by set; `ratio` is the mean over the sets of NDCG@10 against the base's, `worst` the smallest of them."""

    figures: Figures
    ratio: float
    worst: float


def dev_sets(data: Path, limit: int) -> dict[str, list[Row]]:
    return {name: read_rows([data / f"dev_{name}.jsonl.gz"])[:limit] for name in DEV_SETS}


def of_embedder(folder: str, sets: dict[str, list[Row]]) -> Figures:
    model, tokenizer = bi_encoder.load(folder, None)
    return {
        name: figures_of(rows, bi_encoder.score_rows(model, tokenizer, rows, MAX_LENGTH)) for name, rows in sets.items()
    }


def of_reranker(folder: str, sets: dict[str, list[Row]]) -> Figures:
    model, tokenizer = cross_encoder.load(folder, None)
    return {
        name: figures_of(rows, cross_encoder.score_rows(model, tokenizer, rows, MAX_LENGTH))
        for name, rows in sets.items()
    }


def judge(
    candidates: Sequence[Path], base: str, sets: dict[str, list[Row]], say: Callable[[str], None]
) -> list[Judged]:
    """The candidates in their order, each against the base (an embedder)."""
    say(f"{'':24}" + "".join(f"{name:>10}" for name in sets) + f"{'ratio':>10}{'worst':>10}")
    against = of_embedder(base, sets)
    say(line(Path(base).name, against, 1.0, 1.0))
    found = []
    for folder in candidates:
        figures = of_reranker(str(folder), sets)
        ratios = [figures[name][METRIC] / against[name][METRIC] for name in sets]
        judged = Judged(figures, sum(ratios) / len(ratios), min(ratios))
        say(line(folder.name, figures, judged.ratio, judged.worst))
        found.append(judged)
    return found


def line(name: str, figures: Figures, ratio: float, worst: float) -> str:
    return f"{name:24}" + "".join(f"{each[METRIC]:10.4f}" for each in figures.values()) + f"{ratio:10.4f}{worst:10.4f}"


def write(path: Path, names: Sequence[str], judged: Sequence[Judged]) -> None:
    """The figures of every candidate as JSON, for the card's table of what was tried."""
    record = {
        name: {"ratio": each.ratio, "worst": each.worst, "figures": each.figures}
        for name, each in zip(names, judged, strict=True)
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
