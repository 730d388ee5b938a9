import math

import pytest
import torch

from playground.training.losses import POSITIVE_WEIGHT, binary, listwise, margins

LABELS = torch.tensor([[1.0, 0.0, 0.0]])
FIRST = torch.tensor([[0.0, -1e4, -1e4]])  # logits whose softmax is the label
REAL = torch.tensor([[True, True, True]])
LABELLED, TAUGHT = torch.tensor([False]), torch.tensor([True])


def test_listwise_equals_cross_entropy_of_the_positive() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0]])
    by_hand = -math.log(math.exp(2) / (math.exp(2) + math.exp(1) + math.exp(-1)))
    assert listwise(logits, FIRST, REAL).item() == pytest.approx(by_hand, abs=1e-6)


def test_listwise_does_not_see_a_constant_and_binary_does() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0]])
    assert listwise(logits, FIRST, REAL).item() == pytest.approx(listwise(logits + 7, FIRST, REAL).item(), abs=1e-5)
    assert binary(logits + 7, LABELS, LABELLED, REAL).item() > binary(logits, LABELS, LABELLED, REAL).item() + 1


def test_binary_weighs_the_positive_and_leaves_padding_out() -> None:
    logits, mask = torch.tensor([[0.0, 0.0, 50.0]]), torch.tensor([[True, True, False]])
    by_hand = (POSITIVE_WEIGHT + 1) * math.log(2) / 2
    assert binary(logits, LABELS, LABELLED, mask).item() == pytest.approx(by_hand, abs=1e-6)


def test_a_teacher_is_matched_best_by_its_own_logits() -> None:
    teacher = torch.tensor([[1.5, 0.2, -2.0]])
    for worse in (teacher.flip(1), teacher * 3):
        assert listwise(teacher, teacher, REAL).item() < listwise(worse, teacher, REAL).item()
        assert binary(teacher, teacher, TAUGHT, REAL).item() < binary(worse, teacher, TAUGHT, REAL).item()


def test_margins_see_differences_only_and_only_of_taught_groups() -> None:
    teacher = torch.tensor([[1.5, 0.2, -2.0]])
    assert margins(teacher + 4, teacher, TAUGHT, REAL).item() == pytest.approx(0, abs=1e-6)
    # Off by (0, 0, 3): the mean is 1, the squares 1, 1 and 4.
    assert margins(teacher + torch.tensor([0, 0, 3.0]), teacher, TAUGHT, REAL).item() == pytest.approx(2, abs=1e-5)
    assert margins(teacher * 3, LABELS, LABELLED, REAL).item() == 0


def test_padding_gets_no_gradient() -> None:
    logits = torch.tensor([[1.0, 0.5, 9.0]], requires_grad=True)
    mask = torch.tensor([[True, True, False]])
    losses = [listwise(logits, FIRST, mask), binary(logits, LABELS, LABELLED, mask)]
    sum([*losses, margins(logits, LABELS, TAUGHT, mask)], torch.zeros(())).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2].item() == 0.0
    assert logits.grad[0, 0].item() < 0


def test_binary_learns_a_teachers_level_only_where_it_is_certainly_unrelated() -> None:
    taught, real = torch.tensor([True]), torch.tensor([[True, True]])
    targets = torch.tensor([[3.0, -4.0]])
    wrong_top = binary(torch.tensor([[-3.0, -4.0]]), targets, taught, real).item()
    wrong_low = binary(torch.tensor([[3.0, 4.0]]), targets, taught, real).item()
    assert wrong_top < 0.2
    assert wrong_low > 1.5
