"""The README is true: its tables come from the code, its paths exist, its Space block fits the dependencies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from playground import __version__, docs
from playground.models.catalog import entries

ROOT = Path(__file__).resolve().parents[1]
TEXT = docs.README.read_text(encoding="utf-8")
SPACE = yaml.safe_load(TEXT.split("---\n")[1])
REQUIREMENTS = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_tables_are_those_that_the_code_gives() -> None:
    assert docs.rewrite(TEXT) == TEXT, "run `python -m playground.docs`"


def test_a_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for the table 'flags'"):
        docs.rewrite(TEXT.replace("<!-- /flags -->", ""))


def test_every_path_of_the_tree_exists() -> None:
    tree = TEXT.split("## Where things are")[1].split("```")[1]
    folder = ROOT
    for line in tree.strip().splitlines():
        name = line.split()[0]
        folder = ROOT / "playground" if line.startswith("  ") else ROOT
        assert (folder / name).exists(), name


def test_every_link_and_picture_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]

    assert "CONTRIBUTING.md" in links
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_space_starts_what_we_ship() -> None:
    assert SPACE["sdk"] == "gradio"
    assert (ROOT / SPACE["app_file"]).is_file()
    assert len(SPACE["short_description"]) <= 60  # the Hub refuses a longer one


def test_the_space_runs_a_gradio_and_a_python_that_we_support() -> None:
    gradio = next(requirement for requirement in REQUIREMENTS if requirement.name == "gradio")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert gradio.specifier.contains(SPACE["sdk_version"])
    assert Requirement(f"python{project['requires-python']}").specifier.contains(SPACE["python_version"])
    assert isinstance(SPACE["python_version"], str)


def test_the_space_names_models_of_the_catalogue() -> None:
    known = {entry.id: entry for entry in entries()}
    preloaded = [line.split()[0] for line in SPACE["preload_from_hub"]]

    assert set(SPACE["models"]) <= known.keys()
    assert set(preloaded) <= set(SPACE["models"])
    assert sum(known[id].download_mib for id in preloaded) < 500


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## [{__version__}]" in changelog
    assert "## [Unreleased]" in changelog
