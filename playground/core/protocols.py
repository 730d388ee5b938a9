"""What the engine needs of a model. Local families and remote servers both keep these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from playground.core.explanations import Explanation, Part
from playground.core.scales import Scale
from playground.core.types import Check, EncodedPair, ModelSpec, Truncation

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

    def limited(self, max_length: int | None, truncation: Truncation) -> Scorer:
        """The same weights with another length limit (None: the model's own); shares memory with this one.

        Raises:
            InvalidInput: a maximum length that the model does not allow.
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

    def limited(self, max_length: int | None, truncation: Truncation) -> Embedder:
        """The same weights with another length limit, as `Scorer.limited`."""
        ...

    def encode(self, texts: Sequence[str], instruction: str = "") -> list[EncodedPair]:
        """The ids of each text (a "pair" without a query) behind the instruction, with the truncation report.

        Its tokens count the instruction, its characters do not.

        Raises:
            InvalidInput: the instruction leaves no room for a text.
        """
        ...

    def vectors(self, encoded: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass: (len(encoded), dim), L2-normalised, float32."""
        ...
