"""`python launch.py` in a process of its own, for the tests and the pictures that need a real page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from playground import start

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
INHERITED = re.compile(r"PLAYGROUND_|GRADIO_|SPACE_|SYSTEM$|.*_proxy$", re.IGNORECASE)


@dataclass
class Page:
    """A running `launch.py`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit status after a signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without those that change a start, plus a history in `folder` and `extra`."""
    plain = {name: value for name, value in os.environ.items() if not INHERITED.match(name)}
    return plain | {"PLAYGROUND_DB": str(folder / "history.db"), "PLAYGROUND_NO_BROWSER": "1", **extra}


@pytest.fixture
def folder_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a command of the terminal runs in this process. What it sets for its own process goes with the test."""
    monkeypatch.chdir(tmp_path)
    for name, value in start.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    return tmp_path


def program(folder: Path, *argv: str, module: str = "playground", **more: Any) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
    environ = environment(folder, {"PYTHONPATH": str(ROOT)})
    return subprocess.Popen([sys.executable, "-m", module, *argv], cwd=folder, env=environ, **pipes)


@contextmanager
def running(
    folder: Path,
    *argv: str,
    program: Sequence[str] = ("launch.py",),
    says: str = r"Rerank playground: (\S+)",
    **extra: str,
) -> Iterator[Page]:
    """The page, up; ended afterwards if the test did not."""
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *program, *argv],
            cwd=ROOT,
            env=environment(folder, extra),
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None
    try:
        url = next((found[1] for line in process.stdout if (found := re.search(says, line))), None)
        assert url is not None, f"no page came up:\n{log.read_text()}"
        yield Page(process, url, log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def awaited(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What comes of it, from a loop in a thread of its own: browser tests keep one in this."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work).result()
