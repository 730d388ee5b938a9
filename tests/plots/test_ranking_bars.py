"""One bar per passage, best on top."""

import json
import math

import pytest

from playground.core.errors import InvalidInput
from playground.core.scales import COSINE, LOG_ODDS, sigmoid
from playground.plots import PLOTS, find
from playground.plots.figure import safe, shorten, wrap
from playground.plots.palette import DROPPED, KEPT
from playground.plots.ranking_bars import draw
from playground.plots.words import Words
from tests.plots.results import result_of


def test_bars_are_best_first_from_the_top_and_know_their_passage() -> None:
    figure = draw(result_of([-2.0, 3.5, 0.25]), None, "logit")
    bar = figure.data[0]
    assert list(bar.x) == [3.5, 0.25, -2.0]
    assert list(bar.y) == [0, 1, 2]
    assert list(bar.customdata) == [1, 2, 0]
    assert list(figure.layout.yaxis.range) == [2.5, -0.5]
    assert list(bar.text) == ["3.50", "0.25", "−2.00"]
    assert list(figure.layout.yaxis.ticktext) == ["1 · passage 1", "2 · passage 2", "3 · passage 0"]


def test_the_threshold_colours_the_bars_and_draws_a_dotted_line() -> None:
    figure = draw(result_of([-2.0, 3.5, 0.25]), 0.25, "logit")
    assert list(figure.data[0].marker.color) == [KEPT.mark, KEPT.mark, DROPPED.mark]
    line = figure.layout.shapes[0]
    assert (line.visible, line.x0, line.x1, line.line.dash) == (True, 0.25, 0.25, "dot")


@pytest.mark.parametrize("threshold", [None, -math.inf])
def test_without_a_threshold_all_are_kept_and_the_line_is_hidden(threshold: float | None) -> None:
    figure = draw(result_of([-2.0, 3.5]), threshold, "logit")
    assert set(figure.data[0].marker.color) == {KEPT.mark}
    assert figure.layout.shapes[0].visible is False


def test_sigmoid_bars_keep_the_raw_logits_in_meta() -> None:
    figure = draw(result_of([2.0, -1.0]), 0.5, "sigmoid")
    assert list(figure.data[0].x) == [sigmoid(2.0), sigmoid(-1.0)]
    assert figure.layout.xaxis.title.text == "sigmoid of the logit (not a probability)"
    assert figure.layout.xaxis.range[0] == 0
    assert figure.layout.meta["logits"] == [2.0, -1.0]
    assert figure.layout.meta["values"] == [sigmoid(2.0), sigmoid(-1.0)]
    assert figure.layout.meta["unit"] == "sigmoid"


def test_the_axis_says_which_scale() -> None:
    assert draw(result_of([1.0]), None, "logit").layout.xaxis.title.text == "logit"
    assert draw(result_of([0.5], scale=COSINE), None, "logit").layout.xaxis.title.text == "cosine"
    title = draw(result_of([0.5], scale=LOG_ODDS), None, "sigmoid").layout.xaxis.title.text
    assert title == "sigmoid of the log-odds (not a probability)"


def test_a_sigmoid_of_a_cosine_is_refused() -> None:
    with pytest.raises(InvalidInput, match="A sigmoid of cosine scores says nothing"):
        draw(result_of([0.5], scale=COSINE), None, "sigmoid")


def test_at_most_sixty_bars_and_the_figure_says_so() -> None:
    figure = draw(result_of([n / 10 for n in range(200)]), None, "logit")
    assert len(figure.data[0].x) == 60
    assert figure.data[0].x[0] == 19.9
    assert figure.layout.xaxis.title.text == "logit · the best 60 of 200"
    assert (figure.layout.meta["n_shown"], figure.layout.meta["n_total"]) == (60, 200)
    assert len(figure.layout.meta["logits"]) == 200


def test_equal_outputs_share_a_rank_and_say_so() -> None:
    figure = draw(result_of([1.0, 1.0, 0.0]), None, "logit")
    assert [text.split(" ")[0] for text in figure.layout.yaxis.ticktext] == ["1=", "1=", "3"]


def test_non_finite_scores_are_never_drawn() -> None:
    figure = draw(result_of([1.0, math.inf, -math.inf]), 0.0, "logit")
    assert list(figure.data[0].x) == [1.0]
    assert "Infinity" not in figure.to_json()


def test_markup_tex_and_text_direction_have_no_effect() -> None:
    texts = ["<b>x</b> & <a href='javascript:alert(1)'>y</a>", "$x^2$", "a\u202eb\nc"]
    figure = draw(result_of([3.0, 2.0, 1.0], texts), None, "logit")
    assert figure.layout.yaxis.ticktext[0].startswith("1 · &lt;b&gt;x&lt;/b&gt; &amp; ")
    assert figure.layout.yaxis.ticktext[1] == "2 · &#36;x^2&#36;"
    assert figure.layout.yaxis.ticktext[2] == "3 · ab c"
    assert "<a" not in "".join(figure.data[0].hovertext).replace("<br>", "")


def test_hover_names_rank_logit_tokens_and_cut() -> None:
    hover = draw(result_of([1.5, 0.5]), None, "sigmoid").data[0].hovertext
    assert hover[0] == "rank 1 · 1.5000 · sigmoid 0.8176 · 7 tokens read<br>passage 0"
    assert hover[1] == "rank 2 · 0.5000 · sigmoid 0.6225 · 7 tokens read · 1 cut<br>passage 1"


def test_a_result_without_scores_says_what_to_do() -> None:
    figure = draw(result_of([]), 0.3, "logit", words=Words(empty="先粘贴文本"))
    assert figure.layout.annotations[0].text == "先粘贴文本"
    assert len(figure.data) == 0


def test_nothing_fixes_a_text_colour_and_the_background_is_clear() -> None:
    spec = json.loads(draw(result_of([1.0, 2.0]), 0.5, "logit").to_json())
    assert "font" not in json.dumps({"data": spec["data"], "layout": {**spec["layout"], "template": None}})
    assert spec["layout"]["paper_bgcolor"] == spec["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert "title" not in spec["layout"]


def test_text_is_cut_by_its_width() -> None:
    assert shorten("short", 10) == "short"
    assert shorten("大熊猫是中国的动物", 10) == "大熊猫是…"
    assert wrap("one two three four", 9, 3) == ["one two", "three", "four"]
    assert wrap("x" * 50, 10, 2) == ["x" * 9, "x" * 9 + "…"]
    assert safe("a\n\tb") == "a b"


@pytest.mark.parametrize("name", PLOTS)
def test_every_registered_plot_resolves(name: str) -> None:
    assert callable(find(name))


@pytest.mark.parametrize("name", ["ranking_bars", "score_distribution"])
def test_the_plots_of_one_result_draw_from_the_registry(name: str) -> None:
    assert len(find(name)(result_of([1.0, 2.0]), 1.5, "logit").data) >= 1
