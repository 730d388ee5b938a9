"""Where the project's own files lie."""

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
BUILT_IN_MODELS = ASSETS / "models"
