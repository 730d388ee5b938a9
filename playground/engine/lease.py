"""A model that is in use, and one forward pass after another through it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from playground.core.protocols import Embedder, Scorer
from playground.core.types import EncodedPair, ModelChoice
from playground.engine import gpu_worker
from playground.engine.budget import Budgets
from playground.engine.loaded import Entry, View, as_read, limited
from playground.engine.turns import Ticket
from playground.engine.warnings import of_checks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Holder(Protocol):
    """What keeps the models: `pool.ModelPool`."""

    offline: bool
    budgets: Budgets

    def unload_idle(self) -> None: ...

    def release(self, entry: Entry) -> None: ...


class Lease:
    """A model in use: it stays loaded until `release`. Use it as a context manager.

    Attributes:
        n_tokens: that went through the model on this lease, without padding.
    """

    def __init__(self, pool: Holder, view: View, choice: ModelChoice, stop: threading.Event | None = None) -> None:
        self._pool = pool
        self._entry: Entry | None = view.entry
        self.choice = choice
        self.budgets = pool.budgets
        self.n_tokens = 0
        self.ticket = Ticket(stop=stop or threading.Event())
        try:
            self.model = limited(gpu_worker.view(view.entry.worker_key, as_read(choice)), choice)
        except BaseException:
            self.release()
            raise
        windows = None if choice.windows is None else choice.windows.as_run
        warned = (*view.spec.replaced, *of_checks(view.checks))
        self.spec = replace(self.model.spec, replaced=warned, windows=windows)
        self.scale = view.scale
        self.memory_mib = view.entry.model.memory_mib

    def encode(self, query: str, passages: Sequence[str], instruction: str | None) -> list[EncodedPair]:
        """As `Scorer.encode`; the model is a reranker."""
        return cast(Scorer, self.model).encode(query, passages, instruction)

    def encode_texts(self, texts: Sequence[str], instruction: str) -> list[EncodedPair]:
        """As `Embedder.encode`; the model is an embedder."""
        return cast(Embedder, self.model).encode(texts, instruction)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """As `Scorer.token_spans`."""
        return self.model.token_spans(text)

    @property
    def query_instruction(self) -> str:
        """As `Scorer.query_instruction` and `Embedder.query_instruction`."""
        return self.model.query_instruction

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """One forward pass of a reranker, alone on its device."""
        return cast("list[float]", self.forward(pairs))

    def vectors(self, texts: Sequence[EncodedPair]) -> NDArray[np.float32]:
        """One forward pass of an embedder, alone on its device: (len(texts), dim)."""
        return cast("NDArray[np.float32]", self.forward(texts))

    def forward(self, encoded: Sequence[EncodedPair], task: gpu_worker.Task = "scored") -> object:
        """One forward pass, once it is this request's turn.

        Raises:
            Stopped: the request was stopped while it waited.
            PlaygroundError: what the model raised.
        """
        entry = self._entry
        if entry is None:
            raise RuntimeError("this lease was released")
        before = self.ticket.seconds
        with entry.turns.turn(self.ticket):
            answer, n_tokens = gpu_worker.forward(
                entry.worker_key, as_read(self.choice), self._pool.offline, encoded, task
            )
        self.n_tokens += n_tokens
        if task == "scored" and gpu_worker.runs_here(self.spec.device):
            lengths = [len(each.input_ids) for each in encoded]
            self.budgets.paces.note(self.spec, lengths, n_tokens, self.ticket.seconds - before)
        return answer

    def make_room(self) -> None:
        """Drops every model that nobody uses."""
        self._pool.unload_idle()

    def release(self) -> None:
        entry, self._entry = self._entry, None
        if entry is not None:
            self._pool.release(entry)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()
