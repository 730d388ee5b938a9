"""Small corpora, and the command over them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from playground import terminal
from playground.score.__main__ import main
from tests.running import program

QUERIES = ("what is panda?", "where is Berlin?")
TEXTS = ("The giant panda is a bear.", "Berlin is in Germany.", "hi", "Pandas eat bamboo in the zoo of Berlin.")


def corpus(n: int) -> pd.DataFrame:
    """Rows of a query, a passage of its own, an id and a label."""
    rows = range(n)
    return pd.DataFrame(
        {
            "id": [f"row-{row}" for row in rows],
            "query": [QUERIES[row % 2] for row in rows],
            "passage": [f"{TEXTS[row % 4]} {'Again. ' * (row % 9 * 2)}{row}" for row in rows],
            "label": [int(row % 4 == row % 2) for row in rows],
        }
    )


def begun(folder: Path, *argv: str, n_blocks: int) -> subprocess.Popen[str]:
    """The command in a process of its own, that many blocks of which are on the disk."""
    command = ("corpus.parquet", "--out", "scores.parquet", *argv)
    process = program(folder, *command, module="playground.score", stdin=None, stdout=None)
    until_kept(folder, n_blocks, process.poll)
    return process


def until_kept(folder: Path, n_blocks: int, ended: Callable[[], object]) -> None:
    """Wait for that many blocks on the disk."""
    while len(list((folder / "scores.parquet.parts").glob("*.parquet"))) < n_blocks:
        assert ended() is None
        time.sleep(0.01)


def killed(folder: Path, *argv: str) -> None:
    """The command in a process that is killed once two blocks are on the disk."""
    process = begun(folder, *argv, n_blocks=2)
    process.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert "Traceback" not in said


def interrupted(folder: Path, *argv: str) -> None:
    """The command in this process, with Ctrl+C once two blocks are on the disk."""

    def press() -> None:
        until_kept(folder, 2, lambda: None)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    said = io.StringIO()
    try:
        threading.Thread(target=press, daemon=True).start()
        with contextlib.redirect_stderr(said):
            assert main(["corpus.parquet", "--out", "scores.parquet", *argv]) == terminal.INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert "the same command goes on from there" in said.getvalue()
    assert "Traceback" not in said.getvalue()
