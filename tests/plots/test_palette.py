"""One palette for plots and page."""

import pytest

from playground.plots.palette import COLOURS, DARK_PAGE, LIGHT_PAGE, SEQUENTIAL, contrast, css_variables, readable_on


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("name", COLOURS)
def test_marks_are_visible_on_both_pages_and_texts_readable_on_page_and_tint(name: str) -> None:
    colour = COLOURS[name]
    assert min(contrast(colour.mark, LIGHT_PAGE), contrast(colour.mark, DARK_PAGE)) >= 3.0
    assert min(contrast(colour.light_text, LIGHT_PAGE), contrast(colour.light_text, colour.light_tint)) >= 4.5
    assert min(contrast(colour.dark_text, DARK_PAGE), contrast(colour.dark_text, colour.dark_tint)) >= 4.5


def test_css_has_every_colour_for_both_themes() -> None:
    light, dark = css_variables().split(".dark {")
    for name, colour in COLOURS.items():
        assert f"--rp-{name}: {colour.mark};" in light
        assert f"--rp-{name}-text: {colour.light_text};" in light
        assert f"--rp-{name}-text: {colour.dark_text};" in dark
        assert f"--rp-{name}-tint: {colour.dark_tint};" in dark
    assert css_variables().count("{") == css_variables().count("}") == 2


def test_a_value_is_readable_on_every_step_of_the_scale_and_the_steps_get_lighter() -> None:
    steps = len(SEQUENTIAL) - 1
    assert min(contrast(readable_on(n / steps), colour) for n, colour in enumerate(SEQUENTIAL)) >= 4.5
    brightness = [contrast(colour, "#000000") for colour in SEQUENTIAL]
    assert brightness == sorted(brightness)
    assert (readable_on(-1.0), readable_on(2.0)) == ("#ffffff", "#000000")
