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
# torch and transformers themselves, on the CPU, and an evaluation.
PROCESS_MIB = 650.0
# Floats that a step keeps for its way back, per token and layer: so many for each place of the width, and so many for
# each head and token that it looks at. Runs on a CPU gave these: the Mini reranker peaked at 1.6 GiB (128 tokens, 4 a
# group; in parts of 1024 tokens at 1.0, of one pair at 0.85) and at 5.4 GiB (256 tokens, 8 a group), random weights in
# the shape of BERT base at 4.4 GiB (128 tokens, 4 a group). Adapters keep their own way through each layer beside it:
# they spare gradients and moments and cost this, and so pay for wide bases only.
STATES, ADAPTER_STATES, ATTENTION = 10, 17, 2.9
# DistilBERT has names of its own.
_SHAPE = (("hidden_size", "dim"), ("num_hidden_layers", "n_layers"), ("num_attention_heads", "n_heads"))


@dataclass(frozen=True, slots=True)
class TrainingNeed:
    """What one training takes.

    Attributes:
        weights_mib: all of them, in fp32.
        learned_mib: gradients and moments of those that learn.
        pair_mib: the way back through one pair as long as is read.
        recipe: how many pairs a step has, and how long they are at most.
    """

    weights_mib: float
    learned_mib: float
    pair_mib: float
    recipe: Recipe

    @property
    def least_mib(self) -> float:
        """With a step in its smallest parts."""
        return self._beside_mib + self.pair_mib

    @property
    def memory_mib(self) -> float:
        """With whole steps of the longest pairs."""
        return self._beside_mib + ROWS_PER_STEP * self.recipe.group_size * self.pair_mib

    @property
    def _beside_mib(self) -> float:
        return self.weights_mib + self.learned_mib + PROCESS_MIB

    def step_tokens(self, free_mib: float) -> int:
        """Tokens of a step that there is memory for at once; 0 where there is for all."""
        if free_mib >= self.memory_mib:
            return 0
        return max(1, int((free_mib - self._beside_mib) / self.pair_mib)) * self.recipe.max_length


def need_of(base: Resolved, recipe: Recipe, *, adapters: bool) -> TrainingNeed:
    """What training this base takes.

    Raises:
        ModelBroken: its files are damaged.
    """
    tensors = {name: each for file in base.weights for name, each in read_header(base.folder / file).items()}
    config = base.config
    width, layers, heads = (int(config.get(name) or config.get(other) or 0) for name, other in _SHAPE)
    kept = (ADAPTER_STATES if adapters else STATES) * width + ATTENTION * heads * recipe.max_length
    return TrainingNeed(
        base.n_parameters * FLOAT / MIB,
        n_learned(tensors, adapters=adapters) * KEPT / MIB,
        recipe.max_length * layers * kept * FLOAT / MIB,
        recipe,
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
