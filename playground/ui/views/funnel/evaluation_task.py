"""The task that the evaluation panel names, opened beside the page: how far that is shows, and Stop ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, TypeVar

from playground.core.errors import InvalidInput
from playground.core.evaluation import EvaluationTask
from playground.core.types import Phase
from playground.evaluate import tasks
from playground.inputs.evaluation import reading
from playground.models.hub import OnProgress
from playground.ui.components.progress_line import MIB, step
from playground.ui.services import Services
from playground.ui.texts import Phrase

POLL_SECONDS = 0.1

S = TypeVar("S")


class Form(NamedTuple):
    """What was asked for."""

    task: str | None
    files: list[str] | None
    models: list[str] | None
    retriever: str | None
    depth: float | None
    queries: float | None


class _StoppedError(Exception):
    """Ends a download from inside its progress callback."""


def opening(
    services: Services, form: Form, stop: threading.Event, line: Callable[[Phrase], S]
) -> Generator[S, None, EvaluationTask | None]:
    """The task as of `opened`; None where it was stopped.

    Args:
        line: what a sentence on where that stands becomes.
    """
    now, shown, left = step("evaluation.reading"), None, threading.Event()

    def on_progress(phase: Phase, done: int, total: int) -> None:
        nonlocal now
        if stop.is_set() or left.is_set():
            raise _StoppedError
        coming = phase == "download" and done < total
        now = step("evaluation.download", done // MIB, total // MIB) if coming else step("evaluation.reading")

    worker = ThreadPoolExecutor(1, "evaluation task")
    try:
        job = worker.submit(opened, services, form, on_progress)
        while not stop.is_set():
            if wait([job], POLL_SECONDS).done:
                return job.result()
            if now != shown:
                shown = now
                yield line(now)
        return None
    except _StoppedError:
        return None
    finally:
        # Whoever stops does not wait for a file that is being read.
        left.set()
        worker.shutdown(wait=False, cancel_futures=True)


def opened(services: Services, form: Form, on_progress: OnProgress | None = None) -> EvaluationTask:
    """The task that was chosen or uploaded, with as many queries as were asked for.

    Raises:
        InvalidInput: there is no such task, or it cannot be read.
    """
    limits, public = services.engine.limits, services.settings.public
    if form.files:
        task = reading.read([Path(path) for path in form.files], limits=limits)
    else:
        name = (form.task or "").strip()
        if public and name not in tasks.ready():
            raise InvalidInput("On a public page a task is one of the list, or uploaded as files.")
        # A page names no folder of the machine that it runs on, unless that is the visitor's own.
        task = tasks.open_task(
            [name],
            offline=services.settings.offline,
            files=services.settings.local,
            limits=limits,
            on_progress=on_progress,
        )
    n = int(form.queries or 0)
    return tasks.first_queries(task, n) if n > 0 else task
