"""The rooms keep to their contracts, and opening the page loads no model family."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from playground import analysis, models, plots
from playground.paths import ASSETS
from playground.ui import views

ROOT = Path(__file__).resolve().parents[1]
REGISTRIES = {"FAMILIES": models.FAMILIES, "METRICS": analysis.METRICS, "PLOTS": plots.PLOTS, "VIEWS": views.VIEWS}
UI = ROOT / "playground" / "ui"
MOST_LINES = 400
SOURCES = sorted(
    path
    for folder in ("playground", "assets", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".js", ".css")
)
HEAVY = {"torch", "transformers", "sentence_transformers", "tokenizers", "onnxruntime"}


def imported_by(code: str, tmp_path: Path) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    code += "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    environ = os.environ | {"PLAYGROUND_DB": str(tmp_path / "history.db"), "GRADIO_ANALYTICS_ENABLED": "False"}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_every_room_imports_only_what_it_may() -> None:
    # In a process of its own: import-linter's log settings switch every other logger off.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize(
    ("registry", "name"), [(registry, name) for registry, table in REGISTRIES.items() for name in table]
)
def test_every_registry_line_resolves(registry: str, name: str) -> None:
    module, _, attribute = REGISTRIES[registry][name].partition(":")

    found = import_module(module)

    assert callable(getattr(found, attribute)) if attribute else found.__doc__


@pytest.mark.parametrize("name", views.VIEWS)
def test_every_view_has_its_four_parts(name: str) -> None:
    view = import_module(views.VIEWS[name])

    assert all(callable(getattr(view, part)) for part in ("Widgets", "build", "wire"))
    assert [handler for handler in vars(view) if handler.startswith("on_")]


def users_of(component: str) -> set[str]:
    """Views that import a component, directly or through another, the workspace and each module of `ui` as one."""
    wanted = re.compile(rf"\bcomponents(\.{component} import|(?<=components) import [^\n]*\b{component}\b)")
    found = set()
    for path in (path for path in UI.rglob("*.py") if wanted.search(path.read_text(encoding="utf-8"))):
        place, *inside = path.relative_to(UI).parts
        if place == "components":
            found |= users_of(path.stem)
        else:
            found.add(inside[0] if place == "views" else place)
    return found


@pytest.mark.parametrize("name", [path.stem for path in (UI / "components").glob("[a-z]*.py")])
def test_a_component_is_used_by_two_views_or_more(name: str) -> None:
    assert len(users_of(name)) >= 2, f"{name} belongs to {users_of(name) or 'nobody'}"


@pytest.mark.parametrize("path", sorted((ASSETS / "shared").glob("*.js")), ids=lambda path: path.stem)
def test_a_shared_script_is_used_by_two_views_or_by_the_whole_page(path: Path) -> None:
    """By its name in a part that is drawn, or by the object that it puts on the page."""
    said = re.findall(r"^window\.(\w+) =", path.read_text(encoding="utf-8"), re.MULTILINE)
    folders = {
        other.parent.name
        for other in ASSETS.glob("*/*.js")
        if other.parent.name != "shared" and any(f"window.{name}" in other.read_text(encoding="utf-8") for name in said)
    }
    drawn = [module for module in UI.rglob("*.py") if f'"shared/{path.stem}"' in module.read_text(encoding="utf-8")]
    for module in drawn:
        folders |= users_of(module.stem) if module.parent.name == "components" else {"page", module.stem}
    # One that gives no name works on the page itself.
    if not said and f"asset('shared/{path.name}')" in (UI / "app.py").read_text(encoding="utf-8"):
        folders |= {"page", "app"}
    assert len(folders) >= 2, f"{path.name} belongs to {folders or 'nobody'}"


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert len(lengths) > 300
    assert sorted(name for name, length in lengths.items() if length > MOST_LINES) == []


def test_every_folder_of_the_package_is_a_room_of_the_contracts() -> None:
    rooms = {folder.name for folder in (ROOT / "playground").iterdir() if (folder / "__init__.py").is_file()}
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert rooms
    assert [room for room in sorted(rooms) if f'"playground.{room}' not in contracts] == []


def test_a_result_can_be_drawn_kept_and_ranked_without_torch(tmp_path: Path) -> None:
    modules = imported_by("import playground.engine.engine, playground.history.store, playground.plots", tmp_path)

    assert modules & (HEAVY | {"gradio"}) == set()


def test_help_answers_without_torch_or_gradio(tmp_path: Path) -> None:
    modules = imported_by("import launch\ntry: launch.main(['--help'])\nexcept SystemExit: pass", tmp_path)

    assert modules & (HEAVY | {"gradio", "plotly", "pandas", "numpy", "huggingface_hub", "sqlite_utils"}) == set()
