"""The whole way to the Mini reranker in one command: stages in order, then the mean of them that does best on dev."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playground.core.errors import InvalidInput
from playground.training import cross_encoder
from playground.training.judge import Judged, dev_sets, judge, write
from playground.training.merge import merge
from playground.training.output import WEIGHTS, is_made_by, weights_hash
from playground.training.scoring import path_of, score_data
from playground.training.settings import TrainingSettings

RECIPE = Path(__file__).with_name("recipe.toml")
DEV_ROWS = 80


def settings_of(stage: dict[str, Any], data: Path, out: Path) -> TrainingSettings:
    """The settings of one stage of `recipe.toml`."""
    given = {key: value for key, value in stage.items() if key not in ("name", "base", "train", "taught", "take")}
    return TrainingSettings(
        train=tuple(path_of(data, name) for name in stage["train"]),
        taught=tuple(path_of(data, name) for name in stage["taught"]),
        take=tuple(stage["take"]),
        dev=data / "dev.jsonl.gz",
        dev_rows=DEV_ROWS,
        base=str(out / stage["base"]),
        out=out / stage["name"],
        **given,
    )


def run(
    data: Path,
    base: Path,
    teachers: Sequence[str],
    against: str,
    out: Path,
    say: Callable[[str], None] = print,
    path: Path = RECIPE,
    until: str = "",
) -> Path:
    """Runs what is not finished yet; returns the folder of the chosen weights.

    Started again after a stop, it goes on from the last checkpoint; a finished stage is told by its `training.json`.

    Args:
        data: what `gather` wrote.
        base: the model that the first stage starts from; copied, so that what comes of it may replace it meanwhile.
        teachers: folders of the embedders that teach (see `scoring`).
        against: folder of the embedder that candidates are measured against.
        until: the stage after which to choose; empty runs all.

    Raises:
        InvalidInput: data or base that cannot be used, no such stage, weights or checkpoints in `out` of another
            recipe, data or base, a full disk.
    """
    described = tomllib.loads(path.read_text(encoding="utf-8"))
    stages = described["stage"]
    if until:
        names = [stage["name"] for stage in stages]
        if until not in names:
            raise InvalidInput(
                "The recipe has no stage {name}. Choose of: {names}.", name=until, names=", ".join(names)
            )
        stages = stages[: names.index(until) + 1]
    release = out / "release"
    if not (release / WEIGHTS).exists():
        if not (base / WEIGHTS).exists():
            raise InvalidInput("There is no {file} in {folder}.", file=WEIGHTS, folder=base)
        shutil.rmtree(out / "release.draft", ignore_errors=True)
        shutil.copytree(base, out / "release.draft")
        (out / "release.draft").replace(release)
    elif weights_hash(base) not in {None, *map(weights_hash, (path.parent for path in out.rglob(WEIGHTS)))}:
        raise InvalidInput(
            "{out} was begun with other weights than those in {base}. Choose another --out, or go on with --base "
            "{release}.",
            out=out,
            base=base,
            release=release,
        )
    score_data(data, teachers, described.get("made", 0), say, take=described.get("scored", ()))
    for stage in stages:
        settings = settings_of(stage, data, out)
        if (settings.out / WEIGHTS).exists():
            if not is_made_by(settings):
                raise InvalidInput(
                    "{folder} holds weights of other settings, data or base. Remove it, or choose another --out.",
                    folder=settings.out,
                )
            say(f"{stage['name']} is finished")
            continue
        say(stage["name"])
        cross_encoder.run(settings, say)
    parts = [release, *(out / stage["name"] for stage in stages)]
    return choose(parts, described["choose"], data, against, out, say)


def choose(
    parts: list[Path], described: dict[str, Any], data: Path, base: str, out: Path, say: Callable[[str], None]
) -> Path:
    """Merges by every list of shares, judges all on dev, and keeps the best as `out/chosen`."""
    candidates = []
    for shares in described["shares"]:
        if any(shares[len(parts) :]):
            continue
        kept = [(part, share) for part, share in zip(parts, shares, strict=False) if share]
        folder = out / "means" / "-".join(f"{share:g}" for share in shares)
        merge([part for part, _ in kept], [share for _, share in kept], folder)
        candidates.append(folder)
    judged = judge(candidates, base, dev_sets(data, described["rows"]), say)
    write(out / "judged.json", [folder.name for folder in candidates], judged)
    best = best_of(judged)
    merge([candidates[best]], [1.0], out / "chosen")
    say(f"{candidates[best].name} is chosen: {out / 'chosen'}")
    return out / "chosen"


def best_of(judged: list[Judged]) -> int:
    """The highest mean ratio among those that nowhere fall below 0.98 of the base; else the least bad."""
    fair = [at for at, each in enumerate(judged) if each.worst >= 0.98]
    if fair:
        return max(fair, key=lambda at: judged[at].ratio)
    return max(range(len(judged)), key=lambda at: judged[at].worst)
