"""Figures as files: a page of their own, or a picture where the package for it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import plotly.graph_objects as go

from playground.core.errors import InvalidInput, PlaygroundError
from playground.plots.figure import safe, shorten

PICTURES = ("png", "svg")
PAGE = "html"

_TITLE_COLUMNS = 100
_TITLE_PIXELS = 46
_PAPER = "#ffffff"
_INK = "#1b1f20"


def printed(figure: go.Figure, title: str = "") -> go.Figure:
    """The figure on white paper, with a title; the page's own has neither, since CSS colours it by theme."""
    copy = go.Figure(figure)
    copy.update_layout(paper_bgcolor=_PAPER, plot_bgcolor=_PAPER, font={"color": _INK})
    if title:
        top = {"text": safe(shorten(title, _TITLE_COLUMNS)), "x": 0.01, "xanchor": "left", "y": 1, "yref": "container"}
        copy.update_layout(title={**top, "yanchor": "top", "pad": {"t": 12}, "font": {"size": 16}})
        copy.layout.margin.t = (copy.layout.margin.t or 0) + _TITLE_PIXELS
        if copy.layout.height:
            copy.layout.height += _TITLE_PIXELS
    return copy


def to_html(figure: go.Figure, title: str = "") -> str:
    """A page that holds the figure and all it needs (about 5 MB): it opens without a network."""
    page: str = printed(figure, title).to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    return page


def write(figure: go.Figure, path: Path | str, title: str = "") -> Path:
    """Writes the figure; the end of the name says how: .html, .png or .svg.

    Raises:
        InvalidInput: another end, or a picture without the package that makes it.
        PlaygroundError: the picture could not be made or the file not written.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in (PAGE, *PICTURES):
        raise InvalidInput("A figure becomes .html, .png or .svg, not {suffix!r}.", suffix=path.suffix)
    if kind in PICTURES and find_spec("kaleido") is None:
        raise InvalidInput(
            "{kind} pictures need the package kaleido and a Chrome: `pip install kaleido`, or write .html.",
            kind=kind.upper(),
        )
    try:
        if kind == PAGE:
            path.write_text(to_html(figure, title), encoding="utf-8")
        else:
            printed(figure, title).write_image(path, format=kind)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PlaygroundError(
            "The figure could not be written to {path}: {reason}.", path=path, reason=reason
        ) from error
    return path
