"""The Dockerfile, read: docker itself is not everywhere, so what it names must exist and be what the README says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from playground.cli import flags
from tests.running import ROOT, environment

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", TEXT).splitlines()


def steps(word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def test_what_is_copied_exists_and_is_not_left_out_by_dockerignore() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {source.removeprefix("./") for step in steps("COPY") for source in step.split()[:-1]}

    assert lines[0] == "*"
    assert copied == kept
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_everything_that_git_holds_for_the_page_is_copied() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    copied = [source.removeprefix("./") for step in steps("COPY") for source in step.split()[:-1]]
    for file in files:
        if file.startswith(("playground/", "assets/")) or file == "launch.py":
            assert any(file == name or fnmatch(file, f"{name}/*") for name in copied), file


def test_it_installs_what_the_readme_installs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    index = "--extra-index-url https://download.pytorch.org/whl/"
    first, second = [step for step in steps("RUN") if step.startswith("pip ")]

    assert f"{index}cpu" in readme
    assert first == f"pip install -r requirements.txt {index}${{TORCH}}"
    assert steps("ARG") == ["TORCH=cpu"]
    # requirements.txt is the one list of dependencies.
    assert second == "pip install --no-deps -e ."
    assert 'dependencies = { file = ["requirements.txt"] }' in (ROOT / "pyproject.toml").read_text()


def test_it_runs_as_nobody_in_particular_with_flags_and_variables_that_exist() -> None:
    (user,) = steps("USER")
    assert user == "playground"
    assert f"useradd --create-home --uid 1000 {user}" in TEXT
    assert TEXT.index("USER") < TEXT.index("ENTRYPOINT")
    known = {flag.variable for flag in flags()}
    assert set(re.findall(r"(PLAYGROUND_\w+)=", TEXT)) <= known
    assert json.loads(steps("ENTRYPOINT")[0]) == ["python", "launch.py"]
    # A flag after the image's name must not open the page wider, so none of ours stands where it would be replaced.
    assert "PLAYGROUND_PUBLIC=1" in TEXT
    assert steps("CMD") == []


def test_its_health_check_sees_a_page_and_the_lack_of_one(tmp_path: Path) -> None:
    (check,) = steps("HEALTHCHECK")
    port = re.search(r"PLAYGROUND_PORT=(\d+)", TEXT)
    assert port is not None
    assert f"127.0.0.1:{port[1]}/" in check
    assert steps("EXPOSE") == [port[1]]
    python, flag, code = json.loads(check[check.index("CMD ") + 4 :])
    assert (python, flag) == ("python", "-c")
    down = code.replace(port[1], "9")
    environ = environment(tmp_path, {})
    assert subprocess.run([sys.executable, "-c", down], env=environ, capture_output=True, check=False).returncode == 1
