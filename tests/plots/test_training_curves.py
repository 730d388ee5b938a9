"""The live curves of a training."""

from __future__ import annotations

from playground.core.training import TrainingPoint
from playground.plots.training_curves import draw


def test_dev_and_loss_have_an_axis_each_over_all_steps() -> None:
    points = [TrainingPoint(0, None, 0.5), TrainingPoint(2, 1.5), TrainingPoint(4, 1.0, 0.75)]
    figure = draw(points, 10)
    dev, loss = figure.data
    assert (list(dev.x), list(dev.y)) == ([0, 4], [0.5, 0.75])
    assert (list(loss.x), list(loss.y), loss.yaxis) == ([2, 4], [1.5, 1.0], "y2")
    assert figure.layout.xaxis.range == (0, 10)
    assert draw([], 0).layout.xaxis.range == (0, 1)
    # No half steps on a short axis.
    assert (draw(points, 4).layout.xaxis.dtick, figure.layout.xaxis.dtick) == (1, None)
