"""Where the project's own files lie."""

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
BUILT_IN_MODELS = ASSETS / "models"


def cache_folder() -> Path:
    """Where this user's machine keeps what can be made again. Perhaps not there yet."""
    # Not before it is needed: the import is not free, and most pages never look.
    import platformdirs

    return platformdirs.user_cache_path("rerank-playground", appauthor=False)
