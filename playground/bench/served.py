"""The real page in a process of its own, over loopback, for what is measured from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput
from playground.paths import ASSETS

LAUNCH = ASSETS.parent / "launch.py"
SAYS: Final = r"Rerank playground: (\S+)"
OF_THE_CALLER: Final = ("PLAYGROUND_", "GRADIO_")
# What a page with the built-in model imports, by name: bench sees nothing of ui.
IMPORTED: Final = (
    "launch",
    "playground.ui.app",
    "playground.ui.services",
    "playground.models.loading",
    "playground.models.cross_encoder",
    "transformers.models.bert.modeling_bert",
    "transformers.convert_slow_tokenizer",
)
WARM: Final = """
import importlib, os
for name in [name for name in os.environ if name.startswith(tuple(argv[0].split()))]:
    del os.environ[name]
from playground import start
from playground.settings import Settings
start.prepare_environment(Settings(offline=True))
start.spare_editor_hints()
for name in argv[1:]:
    importlib.import_module(name)
done = True
"""
FORK: Final = """
import os, re, traceback
ours, its = os.pipe()
pid = os.fork()
if not pid:
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(its, 1)
        os.dup2(os.open(argv[0], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os.close(ours)
        import launch
        os._exit(launch.main(argv[2:]))
    except SystemExit as refused:
        os._exit(refused.code)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
os.close(its)
kept["said"] = os.fdopen(ours)
url = next((found[1] for line in kept["said"] if (found := re.match(argv[1], line))), None)
page = [url, pid]
"""
BURY: Final = "import os; status = os.waitpid(int(argv[0]), 0)[1]"


class Served(NamedTuple):
    """A running page: its address, and its process."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def page(folder: Path, *options: str, **variables: str) -> Iterator[Served]:
    """A page that was started now, over the history in `folder` and without a network; ended afterwards.

    Args:
        options: flags of `launch.py`.
        variables: of its environment. Those of the caller change nothing.

    Raises:
        InvalidInput: there is no `launch.py`, or it ended with an error.
    """
    if not LAUNCH.exists():
        raise InvalidInput("There is no launch.py at {path}. Start this from a copy of the project.", path=LAUNCH)
    command = [sys.executable, str(LAUNCH), *_flags(folder), *options]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_CALLER)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=LAUNCH.parent,
            env=plain | _variables(folder) | variables,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None
    try:
        url = next((found[1] for line in process.stdout if (found := re.match(SAYS, line))), None)
        if url is None:
            raise _no_page(folder)
        yield Served(url, process)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


class Nursery:
    """Pages that are forked off a process which has imported what a page needs: there in a second or two, where a start
    of `launch.py` takes ten. POSIX only."""

    def __init__(self) -> None:
        self._interpreter = Interpreter(sys.executable)
        self._interpreter.run(WARM, "done", " ".join(OF_THE_CALLER), *IMPORTED)

    def page(self, folder: Path, *options: str) -> tuple[str, int]:
        """The address and the process of a new page over the history in `folder`. After its end the process is there
        until it is `buried`.

        Args:
            options: flags of `launch.py`.

        Raises:
            InvalidInput: it ended with an error.
        """
        log = folder / "log"
        flags = (*_flags(folder), *options)
        url, pid = self._interpreter.run(FORK, "page", log, SAYS, *flags, **_variables(folder))
        if url is None:
            self.buried(pid)
            raise _no_page(folder)
        return url, pid

    def buried(self, pid: int) -> int:
        """The exit status of a page, once it has ended."""
        return int(self._interpreter.run(BURY, "status", pid))

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        """No more pages."""
        self._interpreter.close()


def _flags(folder: Path) -> tuple[str, ...]:
    return ("--offline", "--no-browser", "--db", str(folder / "history.db"))


def _variables(folder: Path) -> dict[str, str]:
    # Its temporary files go with the folder.
    return {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}


def _no_page(folder: Path) -> InvalidInput:
    said = (folder / "log").read_text(encoding="utf-8").strip().splitlines() or ["no word of why"]
    return InvalidInput("launch.py ended before there was a page: {said}", said=said[-1])
