"""Virtual environments for libraries that cannot live beside ours: built once, kept between runs. They lie over the
environment that runs now, so that torch is not installed again: only what is missing or of another version is."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from playground import paths

CLOSE_SECONDS = 10
ROOT = Path(__file__).resolve().parents[2]


def python_with(requirements: Sequence[str], bare: str = "", without: Sequence[str] = ()) -> Path:
    """The interpreter of an environment that holds these requirements.

    Args:
        bare: one more, without what it requires itself.
        without: what is taken out again.

    Raises:
        CalledProcessError: pip could not install them; its `stderr` says why.
    """
    below = sysconfig.get_path("purelib")
    of = hashlib.sha256("\n".join((sys.version, below, *requirements, bare, *without)).encode()).hexdigest()[:16]
    folder = paths.cache_folder() / "environments" / of
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Half an environment is never taken for a whole one, and two runs at once do not build it twice.
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            venv.create(folder, clear=True)
            python = folder / "bin" / "python"
            own = _run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
            (Path(own.strip()) / "below.pth").write_text(f"{below}\n")
            pip: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "--python",
                python,
                "install",
                "--quiet",
                "--no-compile",
            ]
            pip += ["--disable-pip-version-check"]
            _run([*pip, *requirements])
            if bare:
                _run([*pip, "--no-deps", bare])
            if without:
                _run([sys.executable, "-m", "pip", "--python", python, "uninstall", "--yes", "--quiet", *without])
            (folder / "complete").touch()
    return folder / "bin" / "python"


def _run(command: Sequence[str | Path]) -> str:
    # S603: our own commands.
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


# Runs programs that come as lines of JSON, one after another: an import of torch and transformers takes seconds.
LOOP = """
import contextlib, json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
kept = {}
os.dup2(2, 1)
for line in sys.stdin:
    asked = json.loads(line)
    os.environ.update(asked["environ"])
    names = {"__name__": "asked", "argv": asked["arguments"], "kept": kept}
    try:
        exec(compile(asked["code"], "<asked>", "exec"), names)
        answer = {"value": names[asked["name"]]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer, default=float), file=answers, flush=True)
"""


class Interpreter:
    """A running Python of such an environment. It finds this project, and no network.

    Args:
        quiet: what it prints is dropped.
        environ: set before it starts.
    """

    def __init__(self, python: Path | str, *, quiet: bool = False, **environ: str) -> None:
        own = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        pipes |= {"stderr": subprocess.DEVNULL} if quiet else {}
        self._process = subprocess.Popen([python, "-c", LOOP], env=os.environ | own | environ, cwd=ROOT, **pipes)  # noqa: S603

    def run(self, code: str, name: str, *arguments: object, **environ: str) -> Any:
        """What a program leaves under a name, as JSON brings it over. It finds its arguments in `argv`, and what
        programs before it left in the dict `kept`.

        Raises:
            OSError: it failed; with its traceback.
        """
        asked = {"code": code, "name": name, "arguments": [str(each) for each in arguments], "environ": environ}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline() or '{"error": "The interpreter has ended."}')
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End it; by force where threads of a library keep it going."""
        try:
            self._process.communicate(timeout=CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
