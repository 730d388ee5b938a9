"""The real page in a process of its own, over loopback, for what is measured from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.paths import ASSETS

LAUNCH = ASSETS.parent / "launch.py"


class Served(NamedTuple):
    """A running page: its address, and its process."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def page(folder: Path, *options: str) -> Iterator[Served]:
    """A page that was started now, over the history in `folder` and without a network; ended afterwards.

    Args:
        options: flags of `launch.py`. Variables of the caller change nothing.

    Raises:
        InvalidInput: there is no `launch.py`, or it ended with an error.
    """
    if not LAUNCH.exists():
        raise InvalidInput("There is no launch.py at {path}. Start this from a copy of the project.", path=LAUNCH)
    command = [sys.executable, str(LAUNCH), "--offline", "--no-browser", "--db", str(folder / "history.db"), *options]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PLAYGROUND_", "GRADIO_"))}
    # Its temporary files go with the folder.
    plain |= {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=LAUNCH.parent,
            env=plain,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None
    try:
        url = next(
            (found[1] for line in process.stdout if (found := re.match(r"Rerank playground: (\S+)", line))), None
        )
        if url is None:
            said = (folder / "log").read_text(encoding="utf-8").strip().splitlines() or ["no word of why"]
            raise InvalidInput("launch.py ended before there was a page: {said}", said=said[-1])
        yield Served(url, process)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
