"""Every figure of the built-in models' cards, remade in one go."""

from __future__ import annotations

import json
import platform
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from playground.core.errors import InvalidInput
from playground.models import bm25
from playground.paths import ASSETS, BUILT_IN_MODELS
from playground.training import bi_encoder, card, cross_encoder
from playground.training.evaluate import Scores, figures_of
from playground.training.rows import Row, read_rows, sha256_of

MAX_LENGTH = 256
BUILT_INS = {"mini-reranker": ("Mini reranker", "reranker"), "mini-embedder": ("Mini embedder", "embedder")}


@dataclass(frozen=True, slots=True)
class Contestant:
    """A name on the card and how it scores rows."""

    name: str
    score: Callable[[Sequence[Row]], Scores]


def sample(rows: Sequence[Row], n: int, per_pattern: int, seed: int = 0) -> list[Row]:
    """`n` rows, at most `per_pattern` whose question starts with the same three words: templated sets repeat them."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    met: Counter[str] = Counter()
    kept: list[Row] = []
    for row in order:
        pattern = " ".join(row.query.lower().split()[:3])
        if met[pattern] < per_pattern and len(kept) < n:
            met[pattern] += 1
            kept.append(row)
    return kept


def bm25_scores(rows: Sequence[Row]) -> Scores:
    """BM25 (Lucene's form, English stop words dropped) with the whole file as its collection."""
    bm25s = bm25.library()
    texts = list(dict.fromkeys(text for row in rows for text in (*row.pos, *row.neg)))
    at = {text: i for i, text in enumerate(texts)}
    index = bm25s.BM25(method="lucene")
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    scores = []
    for row in rows:
        words = bm25s.tokenize([row.query], stopwords="en", return_ids=False, show_progress=False)[0]
        everywhere = index.get_scores(words) if words else np.zeros(len(texts))
        scores.append(np.asarray([everywhere[at[text]] for text in (*row.pos, *row.neg)], dtype=np.float64))
    return scores


def reranker(name: str, folder: Path | str) -> Contestant:
    model, tokenizer = cross_encoder.load(str(folder), None)
    return Contestant(name, lambda rows: cross_encoder.score_rows(model, tokenizer, rows, MAX_LENGTH))


def embedder(name: str, folder: Path | str) -> Contestant:
    model, tokenizer = bi_encoder.load(str(folder), None)
    return Contestant(name, lambda rows: bi_encoder.score_rows(model, tokenizer, rows, MAX_LENGTH))


def scenario_rows() -> list[Row]:
    """The English example scenarios as rows: texts of our own, so that anybody can remake these figures."""
    rows = []
    for path in sorted((ASSETS / "scenarios").glob("*.json")):
        if path.stem.endswith("chinese"):
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        pos = tuple(text["text"] for text in data["passages"] if text["label"])
        neg = tuple(text["text"] for text in data["passages"] if not text["label"])
        rows.append(Row(data["query"], pos, neg))
    return rows


def foreign_rows(path: Path) -> list[Row]:
    return sample(read_rows([path]), 400, 40)


def report(
    sets: dict[str, tuple[Path | None, list[Row]]],
    contestants: Sequence[Contestant],
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Figures of every contestant on every set, printed as they come.

    Returns:
        {"sets": {name: {"file", "sha256", "rows"}}, "figures": {set: {contestant: {...}}}, "machine", "versions"}.
    """
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for set_name, (_, rows) in sets.items():
        for contestant in contestants:
            began = time.perf_counter()
            values = figures_of(rows, contestant.score(rows))
            pairs = sum(len(row.pos) + len(row.neg) for row in rows)
            figures.setdefault(set_name, {})[contestant.name] = {k: round(v, 4) for k, v in values.items()}
            speed = pairs / (time.perf_counter() - began)
            say(
                f"{set_name:10} {contestant.name:28} MRR@10 {values['mrr@10']:.4f}  NDCG@10 {values['ndcg@10']:.4f}  "
                f"AP {values['ap']:.4f}  ({len(rows)} rows, {speed:.0f} pairs/s)"
            )
    return {
        "sets": {
            name: {"rows": len(rows), **({"file": path.name, "sha256": sha256_of(path)} if path else {})}
            for name, (path, rows) in sets.items()
        },
        "figures": figures,
        "settings": {"max_length": MAX_LENGTH, "precision": "fp32"},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }


def built_in(name: str) -> Path:
    folder = BUILT_IN_MODELS / name
    if not (folder / "config.json").exists():
        raise InvalidInput("There is no built-in model in {folder}.", folder=folder)
    return folder


def evaluate_built_ins(
    dev: Path, foreign: Path, base: str, say: Callable[[str], None] = print, only: Sequence[str] = ()
) -> dict[str, Any]:
    """The figures of the cards: BM25, the base, both built-in models; on dev, the foreign sample and the scenarios.

    Args:
        only: names of the contestants to run; empty runs all.

    Raises:
        InvalidInput: a file that cannot be used, or no contestant of that name.
    """
    known: dict[str, Callable[[], Contestant]] = {
        "BM25": lambda: Contestant("BM25", bm25_scores),
        card.BASE: lambda: embedder(card.BASE, base),
        "Mini embedder": lambda: embedder("Mini embedder", built_in("mini-embedder")),
        "Mini reranker": lambda: reranker("Mini reranker", built_in("mini-reranker")),
    }
    for name in only:
        if name not in known:
            raise InvalidInput(
                "There is no {name} on the cards. Choose of: {names}.", name=name, names=", ".join(known)
            )
    contestants = [make() for name, make in known.items() if not only or name in only]
    sets: dict[str, tuple[Path | None, list[Row]]] = {
        "dev": (dev, read_rows([dev])),
        "foreign": (foreign, foreign_rows(foreign)),
        "scenarios": (None, scenario_rows()),
    }
    return report(sets, contestants, say)


def write_cards(found: dict[str, Any]) -> None:
    """Stores the figures beside each built-in model and writes its card from them.

    Figures of contestants that did not run now stay, as long as they are of the same rows.

    Raises:
        InvalidInput: only some contestants ran, on other rows than those of the stored figures.
    """
    path = built_in("mini-reranker") / card.FIGURES
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else found
    if stored["sets"] == found["sets"]:
        found = found | {
            "figures": {name: stored["figures"][name] | new for name, new in found["figures"].items()},
        }
    elif set(found["figures"]["dev"]) != set(stored["figures"]["dev"]):
        raise InvalidInput("The stored figures are of other rows. Run all contestants, without --only.")
    for folder_name, (name, kind) in BUILT_INS.items():
        folder = built_in(folder_name)
        record = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        (folder / card.FIGURES).write_text(record, encoding="utf-8")
        card.write(folder, f"{name} (built in, English demo)", kind)


def differences(found: dict[str, Any], tolerance: float = 0.002) -> list[str]:
    """Figures that the stored ones do not bear out, one line each."""
    stored = json.loads((built_in("mini-reranker") / card.FIGURES).read_text(encoding="utf-8"))["figures"]
    return [
        f"{set_name}, {who}, {metric}: {value} here, {stored[set_name][who][metric]} on the card"
        for set_name, by_model in found["figures"].items()
        for who, values in by_model.items()
        for metric, value in values.items()
        if abs(value - stored[set_name][who][metric]) > tolerance
    ]
