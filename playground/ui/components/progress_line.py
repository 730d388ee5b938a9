"""Where work stands, as one sentence with a bar."""

from __future__ import annotations

from typing import Any

from playground.core.types import Progress, Step
from playground.ui.texts import Phrase, phrase

MIB = 2**20


def step_of(progress: Progress | Step[Any]) -> Phrase:
    """What a run is doing."""
    if progress.phase == "download":
        key = "run.download" if progress.total else "run.download_unknown"
        return step(key, progress.done // MIB, progress.total // MIB)
    if isinstance(progress, Progress) and progress.windows and progress.phase == "score":
        n, all_windows = progress.windows
        said = phrase("run.score_windows", "muted", done=progress.done, total=progress.total, n=n, windows=all_windows)
        return said | {"bar": {"done": n, "total": all_windows}}
    if progress.phase in ("score", "done"):
        return step("run.score", progress.done, progress.total)
    if progress.phase == "export":
        return step("run.export", progress.done, progress.total)
    return step("run.stopping" if progress.phase == "stopped" else f"run.{progress.phase}")


def step(key: str, done: int = 0, total: int = 0) -> Phrase:
    """A sentence of the catalogue over a bar; one without an end where nothing is known of it."""
    return phrase(key, "muted", done=done, total=total) | {"bar": {"done": done, "total": total}}
