"""The colours of plots and page, in one place.

The mark colours have a contrast of at least 3:1 (WCAG 2.2, 1.4.11) on the white and on the dark page alike, since a
plot does not know its theme; they differ in lightness and stay apart for the common kinds of colour blindness (blue,
vermillion and green after Okabe and Ito, "Color Universal Design", 2008). Text needs 4.5:1, which no one colour has on
both pages: each name has a light and a dark text colour.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """One meaning's colour.

    Attributes:
        mark: bars, lines and borders, on both themes.
        light_text, dark_text: words in that colour on the light and the dark page.
        light_tint, dark_tint: a quiet background under ordinary text.
    """

    mark: str
    light_text: str
    dark_text: str
    light_tint: str
    dark_tint: str


LIGHT_PAGE = "#ffffff"
DARK_PAGE = "#1f2937"  # Gradio's darkest block that carries a plot: slate 800

KEPT = Colour("#2f7fc1", "#1b5e97", "#7cbcf0", "#e8f2fb", "#1c3a55")
DROPPED = Colour("#8e949c", "#5d636b", "#b4bac2", "#f3f4f6", "#2a3442")
THRESHOLD = Colour("#d55e00", "#a84a00", "#ff9a4d", "#fdeee3", "#4a2c16")
RELEVANT = Colour("#009e73", "#00714f", "#43cfa5", "#e3f5ef", "#12402f")
IRRELEVANT = Colour("#b0609a", "#8a3f76", "#e29ccd", "#f8ebf4", "#46263e")
CUT = Colour("#b07a00", "#805900", "#efb83e", "#fbf2dc", "#43340f")

COLOURS: dict[str, Colour] = {
    "kept": KEPT,
    "dropped": DROPPED,
    "threshold": THRESHOLD,
    "relevant": RELEVANT,
    "irrelevant": IRRELEVANT,
    "cut": CUT,
}

# One colour for each model of a comparison; beside it every model has its own symbol.
SERIES = (
    KEPT.mark,
    THRESHOLD.mark,
    RELEVANT.mark,
    IRRELEVANT.mark,
    CUT.mark,
    "#7a6fd0",
    "#c4505f",
    DROPPED.mark,
)
# Text on a mark, readable on every one of them in both themes.
ON_MARK = "#000000"

# Cividis: even steps of lightness, made to look the same with and without colour-blindness (Nunez, Anderton and
# Renslow, "Optimizing colormaps with consideration for color vision deficiency", PLOS ONE 13(7), 2018).
SEQUENTIAL = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)


def css_variables() -> str:
    """The palette as CSS: `--rp-<name>`, `--rp-<name>-text`, `--rp-<name>-tint`, the last two by theme."""
    light = [f"  --rp-{name}: {colour.mark};" for name, colour in COLOURS.items()]
    dark = []
    for name, colour in COLOURS.items():
        light += [f"  --rp-{name}-text: {colour.light_text};", f"  --rp-{name}-tint: {colour.light_tint};"]
        dark += [f"  --rp-{name}-text: {colour.dark_text};", f"  --rp-{name}-tint: {colour.dark_tint};"]
    return "\n".join([":root {", *light, "}", ".dark {", *dark, "}", ""])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, from 1 to 21.

    Source: WCAG 2.2, "contrast ratio" and "relative luminance".
    """
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable_on(share: float) -> str:
    """Black or white, whichever is easier to read on the sequential scale at this share of its length, 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(SEQUENTIAL) - 1)
    below = min(int(place), len(SEQUENTIAL) - 2)
    cell = _between(SEQUENTIAL[below], SEQUENTIAL[below + 1], place - below)
    return max(("#000000", "#ffffff"), key=lambda text: contrast(text, cell))


def _between(one: str, other: str, share: float) -> str:
    """The colour on the straight way from one to the other, as plotly takes it."""
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(first + (second - first) * share):02x}" for first, second in pairs)


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
