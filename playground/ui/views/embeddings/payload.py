"""Vectors become what the embeddings script draws: figures, numbers and texts, for one or more embedders."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from playground.core.spreadsheet_cells import safe_cell
from playground.core.types import Background, EmbeddingResult, TextRead
from playground.models.resolve import has_modes
from playground.plots import find
from playground.ui import texts
from playground.ui.components.figures import words
from playground.ui.components.model_choices import model_name
from playground.ui.texts import Language, Phrase

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from playground.analysis.projection import Projection
    from playground.analysis.similarity import NearDuplicate

Order = Literal["input", "score", "similarity"]
Colours = Literal["fixed", "fitted"]
FigureName = Literal["query", "passages", "map"]
ORDERS: tuple[Order, ...] = ("input", "score", "similarity")
COLOURS: tuple[Colours, ...] = ("fixed", "fitted")
FIGURES: tuple[FigureName, ...] = ("query", "passages", "map")

# Over this many the map of passages is drawn only when asked for, and the query's map shows the first rows.
READABLE = 300
# Over this many no page can hold all pairs: a million cells are seven megabytes.
MOST_PAIRED = 1000
MOST_DUPLICATES = 200
COSINE_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One embedder on the page.

    Attributes:
        model: as it was chosen.
        result: with neither result nor error, its turn has not come, or it was stopped.
        background: None where it could not be measured; `warnings` say why.
        duplicates: the closest pairs first; None without a background.
        modes: it is bge-m3, or has the heads for its other modes.
    """

    model: str
    result: EmbeddingResult | None = None
    background: Background | None = None
    projection: Projection | None = None
    duplicates: tuple[NearDuplicate, ...] | None = None
    error: Phrase | None = None
    warnings: tuple[Phrase, ...] = ()
    modes: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the figures are laid out.

    Attributes:
        by: the column whose cosines give the order to all, so that a row is the same passage everywhere.
        large: the visitor has agreed to a map of many passages.
    """

    order: Order = "score"
    colours: Colours = "fixed"
    by: int = 0
    large: bool = False


def finished(model: str, result: EmbeddingResult, background: Background | None, warnings: Sequence[Phrase]) -> Column:
    """A column with what is computed once, whatever the arrangement."""
    import numpy as np

    from playground.analysis.projection import project
    from playground.analysis.similarity import near_duplicates

    n = len(result.request.passages)
    projection = project(np.vstack([result.query_vector[np.newaxis], result.passage_vectors]))
    duplicates = None
    if background is not None and 2 <= n <= MOST_PAIRED:
        duplicates = near_duplicates(result.passage_cosines(), background.passage_passage)
    spec = result.spec
    # What goes before passages does not go before them in the modes.
    modes = not spec.passage_instruction and has_modes(spec.model_id, spec.revision)
    return Column(model, result, background, projection, duplicates, warnings=tuple(warnings), modes=modes)


def payload(
    columns: Sequence[Column],
    arrangement: Arrangement,
    language: Language,
    *,
    nonce: str,
    warnings: Sequence[Phrase] = (),
    running: bool = False,
) -> dict[str, object]:
    """Everything that the view shows.

    Args:
        nonce: the same as long as it is the same run.
        running: columns without a result may still get one.
    """
    first = next((column.result for column in columns if column.result is not None), None)
    passages = first.request.passages if first is not None else ()
    n = len(passages)
    places = order_of(columns, arrangement)
    by = _reference(columns, arrangement)
    return {
        "nonce": nonce,
        "running": running,
        "query": first.request.query if first is not None else "",
        "passages": [{"id": each.id, "text": each.text, "label": each.label} for each in passages],
        "labelled": any(passage.label is not None for passage in passages),
        "warnings": list(warnings),
        "arrangement": {"order": arrangement.order, "colours": arrangement.colours, "by": by},
        "paired": n <= MOST_PAIRED,
        "asks": READABLE < n <= MOST_PAIRED and not arrangement.large,
        "n_rows": min(n, READABLE),
        "limits": {"readable": READABLE, "paired": MOST_PAIRED},
        "columns": [_column(column, places, arrangement, language) for column in columns],
    }


def order_of(columns: Sequence[Column], arrangement: Arrangement) -> list[int]:
    """Input places in the order asked for; by similarity only up to 1,000 passages, over that as the input has them."""
    import numpy as np

    from playground.analysis.similarity import similarity_order

    by = _reference(columns, arrangement)
    result = columns[by].result if by is not None else None
    if result is None:
        return []
    n = len(result.request.passages)
    if arrangement.order == "score":
        return [int(place) for place in np.argsort(-result.query_cosines(), kind="stable")]
    if arrangement.order == "similarity" and n <= MOST_PAIRED:
        return [int(place) for place in similarity_order(result.passage_cosines())]
    return list(range(n))


def draw(
    column: Column, name: FigureName, places: Sequence[int], arrangement: Arrangement, language: Language
) -> Figure | None:
    """One figure of one embedder; None for a map of passages that is too large or was not asked for."""
    result, background = column.result, column.background
    assert result is not None
    request, said = result.request, words(language)
    if name == "map":
        assert column.projection is not None
        projection = replace(column.projection, reason=_in_words(column.projection.reason, language))
        return find("projection_map")(projection, request.query, request.passages, words=said)
    options: dict[str, Any] = {"colours": arrangement.colours, "words": said}
    if name == "query":
        options |= {"order": places[:READABLE], "background": background and background.query_passage}
        return find("query_heatmap")(result.query_cosines(), request.query, request.passages, **options)
    n = len(request.passages)
    if n > (MOST_PAIRED if arrangement.large else READABLE):
        return None
    pairs = [(pair.first, pair.second) for pair in column.duplicates or ()]
    options |= {"order": places, "background": background and background.passage_passage, "duplicates": pairs}
    return find("passage_heatmap")(result.passage_cosines(), request.passages, **options)


def as_page(figure: Figure, title: str) -> str:
    """The figure as a page that opens anywhere, without asking any other host."""
    figure.update_layout(title_text=title, paper_bgcolor="#ffffff", plot_bgcolor="#ffffff")
    margin = {"t": (figure.layout.margin.t or 0) + 80}
    figure.update_layout(margin=margin, title={"x": 0, "xref": "paper", "y": 1, "yanchor": "top", "pad": {"t": 14}})
    page: str = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    return page


def caption(column: Column) -> str:
    """Where the numbers of a figure come from."""
    assert column.result is not None
    spec = column.result.spec
    revision = f"@{spec.revision[:10]}" if spec.revision else ""
    name, device = f"{model_name(spec.model_id)}{revision}", spec.device.upper()
    return f"{name} · {device} {spec.precision} · {spec.max_length} tokens"


def to_csv(columns: Sequence[Column]) -> str:
    """One row per embedder and passage, best first. Text cells cannot become formulas."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_HEADER)
    for column in columns:
        if column.result is not None:
            writer.writerows(_csv_rows(column, column.result))
    return out.getvalue()


CSV_HEADER = (
    *("model", "revision", "device", "precision", "max_length", "instruction", "passage_instruction"),
    *("rank", "input_place", "passage_id", "cosine"),
    *("percentile_of_unrelated", "beside_unrelated", "n_unrelated_pairs", "background_language"),
    *("tokens_read", "tokens_cut", "near_duplicates", "label", "passage", "query", "warnings"),
)


def _csv_rows(column: Column, result: EmbeddingResult) -> list[list[str]]:
    from playground.analysis.background import place_in_background

    spec, background = result.spec, column.background
    cosines = [float(cosine) for cosine in result.query_cosines()]
    found = ranks(cosines)
    alike = _alike(column)
    rows = []
    for place in sorted(range(len(cosines)), key=lambda place: (found[place], place)):
        passage, read = result.request.passages[place], result.passages_read[place]
        beside = ["", "", "", ""]
        if background is not None:
            where = place_in_background(cosines[place], background.query_passage)
            beside = [f"{where.percentile:.2f}", where.place, str(where.n_pairs), background.language]
        rows.append(
            [
                *(safe_cell(text) for text in (spec.model_id, spec.revision or "", spec.device, spec.precision)),
                *(str(spec.max_length), safe_cell(result.instruction), safe_cell(spec.passage_instruction)),
                *(str(found[place]), str(place + 1), safe_cell(passage.id), repr(cosines[place])),
                *beside,
                *(str(read.n_tokens), str(read.n_cut)),
                " ".join(str(other + 1) for other in alike.get(place, ())),
                {True: "1", False: "0", None: ""}[passage.label],
                *(safe_cell(passage.text), safe_cell(result.request.query), safe_cell(" ".join(result.warnings))),
            ]
        )
    return rows


def ranks(cosines: Sequence[float]) -> list[int]:
    """From 1, the highest first; equal cosines share the smaller rank."""
    first = {cosine: rank for rank, cosine in reversed(list(enumerate(sorted(cosines, reverse=True), start=1)))}
    return [first[cosine] for cosine in cosines]


def _alike(column: Column) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pair in column.duplicates or ():
        found.setdefault(pair.first, []).append(pair.second)
        found.setdefault(pair.second, []).append(pair.first)
    return {place: sorted(others) for place, others in found.items()}


def _reference(columns: Sequence[Column], arrangement: Arrangement) -> int | None:
    """The column that gives the order: the one asked for, or the first that has a result."""
    ready = [place for place, column in enumerate(columns) if column.result is not None]
    return arrangement.by if arrangement.by in ready else next(iter(ready), None)


def _column(column: Column, places: Sequence[int], arrangement: Arrangement, language: Language) -> dict[str, object]:
    if column.result is None:
        return {"model": model_name(column.model), "error": column.error, "ready": False}
    result, spec = column.result, column.result.spec
    cosines = [float(cosine) for cosine in result.query_cosines()]
    figures = {name: draw(column, name, places, arrangement, language) for name in FIGURES}
    return {
        "ready": True,
        "model": model_name(spec.model_id),
        "model_id": spec.model_id,
        "revision": spec.revision,
        "device": spec.device,
        "precision": spec.precision,
        "max_length": spec.max_length,
        "seconds": result.seconds,
        "n_cached": result.n_cached,
        "instruction": result.instruction,
        "passage_instruction": spec.passage_instruction,
        "caption": caption(column),
        "modes": column.modes,
        "cosines": [round(cosine, COSINE_DIGITS) for cosine in cosines],
        "ranks": ranks(cosines),
        "query_read": _read(result.query_read),
        "read": [_read(read) for read in result.passages_read],
        "background": _background(column.background, language),
        "duplicates": _duplicates(column),
        "warnings": [
            *column.warnings,
            *(texts.both(warning) for warning in result.warnings),
            *_warnings(result, cosines),
        ],
        # As text: the page reads it once, and only when it draws the figure.
        "figures": {name: None if figure is None else _as_text(figure) for name, figure in figures.items()},
    }


def _as_text(figure: Figure) -> str:
    """Without the hover texts of a heatmap, each of which is a pair: the page makes them from what it has."""
    drawing = json.loads(figure.to_json())
    for trace in drawing["data"]:
        if trace["type"] == "heatmap":
            for name in ("hovertext", "hovertemplate"):
                trace.pop(name, None)
            trace["hoverinfo"] = "none"
    return json.dumps(drawing, separators=(",", ":"))


def _background(background: Background | None, language: Language) -> dict[str, object] | None:
    if background is None:
        return None
    from playground.analysis.background import summary

    pools = {"query": background.query_passage, "passages": background.passage_passage}
    bands = {name: summary(pool) for name, pool in pools.items()}
    drawing, said = find("background"), words(language)
    return {
        "language": background.language,
        "pools": {name: list(pool) for name, pool in pools.items()},
        "bands": {name: {"low": band.p05, "middle": band.median, "high": band.p95} for name, band in bands.items()},
        "figures": {name: _as_text(drawing(pool, words=said)) for name, pool in pools.items()},
    }


def _duplicates(column: Column) -> dict[str, object] | None:
    if column.duplicates is None or column.background is None:
        return None
    from playground.analysis.similarity import duplicate_threshold

    pairs = column.duplicates[:MOST_DUPLICATES]
    return {
        "n": len(column.duplicates),
        "least": duplicate_threshold(column.background.passage_passage),
        "pairs": [[pair.first, pair.second, round(pair.cosine, COSINE_DIGITS)] for pair in pairs],
        "of": {str(place): others[:20] for place, others in _alike(column).items()},
    }


def _warnings(result: EmbeddingResult, cosines: Sequence[float]) -> list[Phrase]:
    """What a reader of the numbers must know."""
    found = []
    n_cut = sum(read.n_cut > 0 for read in result.passages_read)
    if n_cut:
        found.append(texts.phrase("embeddings.n_cut", "warn", n=n_cut, max_length=result.spec.max_length))
    if len(cosines) > 1 and len(set(cosines)) == 1:
        found.append(texts.phrase("embeddings.all_equal", "warn"))
    return found


def _read(read: TextRead) -> list[int]:
    return [read.n_tokens, read.n_cut, read.n_chars_read]


def _in_words(reason: str, language: Language) -> str:
    return texts.translated(reason) if language == "zh" else reason
