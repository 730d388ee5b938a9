"""What a training takes of memory, from the headers of the base's files alone. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playground.core.training import ADAPTER_RANK, ROWS_PER_STEP, Recipe
from playground.models.memory import MIB
from playground.models.resolve import Resolved
from playground.models.weights import TensorInfo, read_header

FLOAT = 4
# Of each weight that learns: its gradient, and AdamW's two moments.
KEPT = 3 * FLOAT
# torch and transformers themselves, on the CPU.
PROCESS_MIB = 400.0
# Floats that a step keeps for its way back, per token and layer: so many for each place of the width, and so many for
# each head and token that it looks at. Runs of the Mini reranker on a CPU peaked at 1.6 GiB (128 tokens, groups of 4)
# and 5.4 GiB (256 tokens, groups of 8), which gives these. Adapters keep their own way through each layer beside it,
# 1.4 to 1.8 times as much with BERT: they spare gradients and moments and cost this, and so pay for wide bases only.
STATES, ADAPTER_STATES, ATTENTION = 22, 36, 1.5
# DistilBERT has names of its own.
_SHAPE = (("hidden_size", "dim"), ("num_hidden_layers", "n_layers"), ("num_attention_heads", "n_heads"))


@dataclass(frozen=True, slots=True)
class TrainingNeed:
    """What one training takes.

    Attributes:
        weights_mib: all of them, in fp32.
        learned_mib: gradients and moments of those that learn.
        batch_mib: one step over passages as long as are read; less where they are shorter.
    """

    weights_mib: float
    learned_mib: float
    batch_mib: float

    @property
    def least_mib(self) -> float:
        """Whatever the passages are."""
        return self.weights_mib + self.learned_mib + PROCESS_MIB

    @property
    def memory_mib(self) -> float:
        return self.least_mib + self.batch_mib


def need_of(base: Resolved, recipe: Recipe, *, adapters: bool) -> TrainingNeed:
    """What training this base takes.

    Raises:
        ModelBroken: its files are damaged.
    """
    tensors = {name: each for file in base.weights for name, each in read_header(base.folder / file).items()}
    config = base.config
    width, layers, heads = (int(config.get(name) or config.get(other) or 0) for name, other in _SHAPE)
    tokens = ROWS_PER_STEP * recipe.group_size * recipe.max_length
    kept = (ADAPTER_STATES if adapters else STATES) * width + ATTENTION * heads * recipe.max_length
    return TrainingNeed(
        base.n_parameters * FLOAT / MIB,
        n_learned(tensors, adapters=adapters) * KEPT / MIB,
        tokens * layers * kept * FLOAT / MIB,
    )


def n_learned(tensors: Mapping[str, TensorInfo], *, adapters: bool) -> int:
    """How many numbers learn: all but the word embeddings, or adapters of the linear layers and the head."""
    floats = {name: each for name, each in tensors.items() if each.is_float}
    if not adapters:
        return sum(each.size for name, each in floats.items() if "word_embeddings" not in name)
    head = {name: each for name, each in floats.items() if name.startswith(("classifier.", "score."))}
    linear = (
        each.shape
        for name, each in floats.items()
        if name not in head and len(each.shape) == 2 and "embeddings" not in name
    )
    return sum(each.size for each in head.values()) + sum(ADAPTER_RANK * sum(shape) for shape in linear)
