"""Virtual environments for libraries that cannot live beside ours: built once, kept between runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parents[1]


def python_with(requirements: Sequence[str]) -> Path:
    """The interpreter of an environment that holds these requirements.

    Raises:
        CalledProcessError: pip could not install them; its output says why.
    """
    of = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:16]
    folder = user_cache_path("rerank-playground-tests") / of
    if not (folder / "complete").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Half an environment, or one that another run builds at this moment, is never taken for a whole one.
        made = Path(tempfile.mkdtemp(prefix=f"{of}-", dir=folder.parent))
        venv.create(made, with_pip=True)
        pip = [made / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        (made / "complete").touch()
        try:
            made.rename(folder)
        except OSError:  # another run was faster
            assert (folder / "complete").exists()
    return folder / "bin" / "python"


def run(python: Path, code: str, *arguments: object, **environ: str) -> str:
    """What a program prints there. It finds this project, and no network.

    Raises:
        OSError: it failed; with the end of what it said.
    """
    own = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [str(python), "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | own | environ, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr[-2000:])
    return done.stdout
