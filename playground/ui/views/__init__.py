"""The tabs. The registry holds strings; a view is a module with `Widgets`, `build`, handlers and `wire`."""

VIEWS: dict[str, str] = {
    "ranking": "playground.ui.views.ranking",
    "embeddings": "playground.ui.views.embeddings",
    "compare": "playground.ui.views.compare",
    "threshold": "playground.ui.views.threshold",
    "history": "playground.ui.views.history",
    "models": "playground.ui.views.models",
}
