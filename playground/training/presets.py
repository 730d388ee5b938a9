"""What the presets of "Train on my labels" bring: each learns from the same draws of labelled rows, all read alike."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from playground.analysis import paired
from playground.analysis.training_rows import key_of
from playground.core.errors import InvalidInput
from playground.core.training import Recipe
from playground.training import cross_encoder, labels
from playground.training.evaluate import Scores, counted_of, figures_of
from playground.training.rows import Row

KEY = "ndcg@10"
BASE = "before"


def measure(
    rows: Sequence[Row],
    base: str,
    recipes: Mapping[str, Recipe],
    *,
    n_seeds: int,
    n_train: int,
    n_dev: int,
    say: Callable[[str], None],
) -> paired.Contest:
    """Trains each recipe once a seed, on queries that no other seed has, and tells NDCG@10 and CPU seconds.

    Returns:
        The base and then the recipes, on the dev queries of all seeds together.

    Raises:
        InvalidInput: too few queries, or a base that cannot be trained.
    """
    measured: list[Row] = []
    scores: dict[str, Scores] = {name: [] for name in (BASE, *recipes)}
    for seed, (train, dev) in enumerate(draws(rows, n_seeds, n_train, n_dev)):
        measured += dev
        for name in scores:
            began, model = time.process_time(), base
            with TemporaryDirectory() as folder:
                if name in recipes:
                    model = trained(Path(folder), base, train, dev, recipes[name], seed)
                seconds = time.process_time() - began
                found = read(model, dev)
            scores[name] += found
            say(f"seed {seed}, {name}: NDCG@10 {figures_of(dev, found)[KEY]:.4f}, {seconds:.0f} s of CPU time to train")
    contest = paired.compare([counted_of(measured, each) for each in scores.values()])
    names = list(scores)
    for other, one in combinations(range(len(names)), 2):
        said = contest.differences[one, other, KEY]
        estimate = said.estimate
        say(
            f"{names[one]} less {names[other]}: {contest.estimates[one][KEY].mean:.3f} - "
            f"{contest.estimates[other][KEY].mean:.3f} = {estimate.mean:+.3f} ({estimate.low:+.3f} to "
            f"{estimate.high:+.3f}), {said.verdict}"
        )
    return contest


def draws(rows: Sequence[Row], n_seeds: int, n_train: int, n_dev: int) -> list[tuple[list[Row], list[Row]]]:
    """Rows to learn from and rows to measure on for each seed, no query twice.

    Raises:
        InvalidInput: there are too few queries.
    """
    distinct, size = list({key_of(row.query): row for row in rows}.values()), n_train + n_dev
    if len(distinct) < n_seeds * size:
        raise InvalidInput("{n} queries are too few. Give at least {least}.", n=len(distinct), least=n_seeds * size)
    drawn = random.Random(0).sample(distinct, n_seeds * size)
    parts = [drawn[at : at + size] for at in range(0, len(drawn), size)]
    return [(part[:n_train], part[n_train:]) for part in parts]


def trained(work: Path, base: str, train: Sequence[Row], dev: Sequence[Row], recipe: Recipe, seed: int) -> str:
    """The folder of the model that the page would have made of these rows."""
    for name, part in ((labels.TRAIN, train), (labels.DEV, dev)):
        lines = (json.dumps({"query": row.query, "pos": row.pos, "neg": row.neg}) for row in part)
        (work / name).write_text("\n".join(lines), encoding="utf-8")
    settings = labels.LabelSettings(
        work, base, recipe.epochs, recipe.lr, recipe.max_length, recipe.group_size, seed, device="cpu"
    )
    labels.run(settings, lambda *_, **__: None, threading.Event())
    return str(work / labels.MODEL)


def read(model: str, rows: Sequence[Row]) -> Scores:
    """As the page reads before and after: in fp32, as many tokens as the model takes."""
    loaded, tokenizer = cross_encoder.load(model, None)
    return cross_encoder.score_rows(loaded, tokenizer, rows, tokenizer.model_max_length)
