"""The rooms keep to their contracts, and opening the page loads no model family."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from playground import analysis, models, plots
from playground.ui import views

ROOT = Path(__file__).resolve().parents[1]
REGISTRIES = {"FAMILIES": models.FAMILIES, "METRICS": analysis.METRICS, "PLOTS": plots.PLOTS, "VIEWS": views.VIEWS}
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


def test_every_folder_of_the_package_is_a_room_of_the_contracts() -> None:
    rooms = {folder.name for folder in (ROOT / "playground").iterdir() if (folder / "__init__.py").is_file()}
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert rooms
    assert [room for room in sorted(rooms) if f'"playground.{room}' not in contracts] == []


def test_the_page_is_built_without_torch(tmp_path: Path) -> None:
    code = (
        "from playground.settings import Settings; from playground.ui.services import Services; "
        "from playground.ui.app import build_app; build_app(Services.from_settings(Settings()))"
    )

    modules = imported_by(code, tmp_path)

    assert "gradio" in modules
    assert modules & HEAVY == set()


def test_a_result_can_be_drawn_kept_and_ranked_without_torch(tmp_path: Path) -> None:
    modules = imported_by("import playground.engine.engine, playground.history.store, playground.plots", tmp_path)

    assert modules & (HEAVY | {"gradio"}) == set()


def test_help_answers_without_torch_or_gradio(tmp_path: Path) -> None:
    modules = imported_by("import launch\ntry: launch.main(['--help'])\nexcept SystemExit: pass", tmp_path)

    assert modules & (HEAVY | {"gradio", "plotly", "pandas", "numpy", "huggingface_hub", "sqlite_utils"}) == set()
