"""The process that trains: started, heard, and asked to stop. Nothing here imports torch.

It ends by itself, with a checkpoint, when this process ends, however it does: its standard input is then closed.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.core.errors import ModelEnded, PlaygroundError

log = logging.getLogger(__name__)

Event = Mapping[str, Any]
MODULE = "playground.training"
# Where the module is found, wherever the page was started.
ROOT = Path(__file__).resolve().parents[2]
LAST_LINES = 20


class TrainingError(PlaygroundError):
    """What ended the training, as its process said it."""


class TrainingProcess:
    """One training, from start to end.

    Args:
        arguments: of `python -m playground.training`.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, and no shell
            [sys.executable, "-m", MODULE, *arguments, "--follow-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read_errors, name="errors of the training", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end after the step under way, with a checkpoint; returns at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def events(self) -> Iterator[Event]:
        """What it tells, until it has ended.

        Raises:
            TrainingError: what it said was wrong.
            ModelEnded: it ended without a word.
        """
        assert self._process.stdout is not None
        error: Event | None = None
        for line in self._process.stdout:
            event = _event(line)
            if event.get("event") == "error":
                error = event
            elif event:
                yield event
        status = self._process.wait()
        self._reader.join(1.0)
        if error is not None:
            raise TrainingError(str(error.get("template")), **dict(error.get("values") or {}))
        if status:
            log.error("the training ended with status %s: %s", status, "".join(self._said))
            raise ModelEnded(
                "The training was ended from outside (exit status {status}), perhaps for want of memory. Resume goes "
                "on from its last checkpoint.",
                status=status,
            )

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said = [*self._said[-LAST_LINES:], line]


Start = Callable[[Sequence[str]], TrainingProcess]


def _event(line: str) -> Event:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
