"""What the engine needs of a model. Local families and remote servers both keep these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from playground.core.explanations import Explanation, Part
from playground.core.scales import Scale
from playground.core.types import Check, EncodedPair, ModelChoice, ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Scorer(Protocol):
    """A loaded reranker."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def scale(self) -> Scale: ...

    @property
    def checks(self) -> tuple[Check, ...]: ...

    @property
    def memory_mib(self) -> float: ...

    @property
    def query_instruction(self) -> str:
        """What the model's makers tell it of the task where the caller says nothing; empty where they say nothing."""
        ...

    def view(self, choice: ModelChoice) -> Scorer:
        """The same weights, read as this choice says: what stands after the # of its id, its maximum length (None: the
        model's own) and its truncation. Shares memory with this one; its checks are those of this one.

        Raises:
            InvalidInput: the model does not allow it.
        """
        ...

    def encode(self, query: str, passages: Sequence[str], instruction: str | None = None) -> list[EncodedPair]:
        """The exact ids the model will be fed, with the truncation report. Thread-safe, needs no lock.

        Args:
            instruction: None takes the model's own, an empty text none.

        Raises:
            InvalidInput: the instruction leaves no room for a passage.
        """
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of each token of a text; one of several bytes may share them with its neighbour."""
        ...

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """One forward pass over one batch: raw outputs, computed to float32, in the order given.

        Raises:
            OutOfMemory: this batch does not fit; the caller may try a smaller one.
        """
        ...


class Explains(Scorer, Protocol):
    """A reranker that reads query and passage apart, so that what it compared can be shown."""

    def compared(self, pairs: Sequence[EncodedPair]) -> list[tuple[Part, ...]]:
        """One forward pass over one batch: what each score is made of; what its parts add sums to `logits`.

        Raises:
            OutOfMemory: this batch does not fit; the caller may try a smaller one.
        """
        ...

    def explained(
        self, query: str, passage: str, instruction: str | None, pair: EncodedPair, parts: tuple[Part, ...]
    ) -> Explanation:
        """The parts of a pair with the texts that it was encoded from. Thread-safe, needs no lock."""
        ...


class ScoresByLayer(Protocol):
    """A reranker that scores after several of its layers."""

    @property
    def depths(self) -> Sequence[Stop]:
        """Where it can stop, lowest first."""
        ...

    def by_layer(self, pairs: Sequence[EncodedPair]) -> list[list[float]]:
        """What `Scorer.logits` gives at each of `depths`, from one forward pass: (len(pairs), len(depths)).

        Raises:
            OutOfMemory: this batch does not fit.
        """
        ...


class Stop(Protocol):
    """A layer, from 1, and what is compressed before it: see `models.layers.Depth`."""

    @property
    def layer(self) -> int: ...

    @property
    def ratio(self) -> int: ...

    @property
    def at(self) -> tuple[int, ...]: ...


class Embedder(Protocol):
    """A loaded embedding model."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def checks(self) -> tuple[Check, ...]: ...

    @property
    def memory_mib(self) -> float: ...

    @property
    def query_instruction(self) -> str:
        """What the model's makers put before a query; empty where nothing. That of passages is in `spec`."""
        ...

    def view(self, choice: ModelChoice) -> Embedder:
        """The same weights, read as this choice says, as `Scorer.view`."""
        ...

    def encode(self, texts: Sequence[str], instruction: str = "") -> list[EncodedPair]:
        """The ids of each text (a "pair" without a query) behind the instruction, with the truncation report.

        Its tokens count the instruction, its characters do not.

        Raises:
            InvalidInput: the instruction leaves no room for a text.
        """
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """As `Scorer.token_spans`."""
        ...

    def vectors(self, encoded: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass: (len(encoded), dim), L2-normalised, float32."""
        ...
