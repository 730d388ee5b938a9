"""Losses for rerankers: the order of one query's passages, and the level of every score."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

POSITIVE_WEIGHT = 3.0  # a group holds one positive and several negatives
UNRELATED = 0.1  # a teacher's sigmoid below this: certainly unrelated, so its level can be learned
UNSURE_WEIGHT = 0.1  # above it a cosine orders well, but its level says little (AP over pooled pairs 0.40 on dev)


def listwise(logits: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy between the softmax of a group's logits and of those wanted, mean over groups.

    The order only: a softmax does not change when a constant is added to all logits of one query, so nothing here
    teaches the level (FlagEmbedding trains BGE rerankers with this alone).

    Args:
        logits, wanted, mask: (groups, passages); mask is True where there is a passage.
    """
    empty = torch.finfo(logits.dtype).min
    target = torch.softmax(wanted.masked_fill(~mask, empty), dim=1)
    found = torch.log_softmax(logits.masked_fill(~mask, empty), dim=1)
    return -(target * found.masked_fill(~mask, 0)).sum(dim=1).mean()


def binary(logits: Tensor, targets: Tensor, taught: Tensor, mask: Tensor) -> Tensor:
    """Binary cross-entropy of every pair on its own, mean over pairs.

    Gives the level a meaning: a relevant pair must end above 0 and any other below, whatever its query, so that one
    threshold can serve all queries. Of a teacher's pairs mostly the certainly unrelated ones count here.

    Args:
        targets: labels 0/1 or a teacher's logits.
        taught: (groups,); True where targets are a teacher's.
        logits, mask: as `listwise`.
    """
    wanted = torch.where(taught[:, None], torch.sigmoid(targets), targets)
    weight = torch.where((wanted > 0.5) & ~taught[:, None], POSITIVE_WEIGHT, 1.0)
    weight = torch.where((wanted > UNRELATED) & taught[:, None], UNSURE_WEIGHT, weight)
    loss = F.binary_cross_entropy_with_logits(logits, wanted, weight=weight, reduction="none")
    return loss[mask].mean()


def margins(logits: Tensor, targets: Tensor, taught: Tensor, mask: Tensor) -> Tensor:
    """Squared error of the differences between a group's logits against a teacher's, mean over taught groups.

    A softmax hardly sees what it gives little mass; this term sees every pair of passages alike. It is 0 where
    no group is taught.

    Args: as `binary`.
    Source: Hofstaetter et al. 2020, "Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
        Distillation" (Margin-MSE).
    """
    off = (logits - targets).masked_fill(~mask, 0)
    count = mask.sum(dim=1, keepdim=True)
    spread = ((off - off.sum(dim=1, keepdim=True) / count) ** 2).masked_fill(~mask, 0).sum(dim=1) / count.squeeze(1)
    return (spread * taught).sum() / taught.sum().clamp(min=1)
