"""The tabs, in their order. The registry holds strings; a view is a folder whose `view.py` has `Widgets`, `build`,
handlers and `wire`."""

VIEWS: dict[str, str] = {
    name: f"playground.ui.views.{name}.view"
    for name in ("ranking", "embeddings", "compare", "threshold", "funnel", "history", "models")
}
