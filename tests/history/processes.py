"""Other processes, and whether what they left is sound."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs `code` from the root of the project."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def rest_of(process: subprocess.Popen[str]) -> str:
    """What a process said after the lines that were read, until it ended.

    `communicate` would leave out what was read ahead of them.
    """
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait()
    return rest


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        checked = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        index = "INSERT INTO texts_fts (texts_fts, rank) VALUES ('integrity-check', 1)"
        connection.execute(index)
        return checked == ["ok"] and not connection.execute("PRAGMA foreign_key_check").fetchall()
