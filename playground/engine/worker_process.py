"""The process that the models run in: answers one call after another, each in a thread of its own.

Its parent is `playground.engine.worker`. What travels is pickled between the two, over a pipe that nobody else has.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from playground.core.errors import PlaygroundError
from playground.core.scales import Scale
from playground.core.types import Check, ModelSpec, Phase
from playground.models.batching import pads

# Calls at a time; a forward pass waits for its turn in the parent, so most of these are texts to be encoded.
MAX_CALLS: Final = 64
# The system takes this process before the page where memory ends (Linux; 0 to 1000).
FIRST_TO_GO: Final = "800"


@dataclass(frozen=True, slots=True)
class Call:
    """Something to be done by a model, or the making of one.

    Attributes:
        model: its number; None for a load.
        task: a method of it, or `load` or `view`.
    """

    id: int
    task: str
    model: int | None
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """The parent heard of a load's progress; `go_on` is False where nobody waits for it any more."""

    id: int
    go_on: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody holds the model of this number any more."""

    model: int


@dataclass(frozen=True, slots=True)
class Told:
    """Progress of a load."""

    id: int
    progress: tuple[Phase, int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    Attributes:
        value: it, or the error: a `PlaygroundError`, or the traceback of another one as text.
        n_read: as `LocalModel.n_read` has it.
    """

    id: int
    good: bool
    value: Any
    n_read: int | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What the parent may know of a model without asking. Without a scale it makes vectors."""

    number: int
    spec: ModelSpec
    scale: Scale | None
    checks: tuple[Check, ...]
    memory_mib: float
    query_instruction: str
    depths: tuple[Any, ...] | None
    explains: bool
    pads: bool


class _NobodyWaitsError(Exception):
    """Ends a load from inside its progress callback."""


@dataclass
class Server:
    """The models of this process, and the calls under way."""

    connection: Connection
    _models: dict[int, Any] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _acks: dict[int, queue.SimpleQueue[bool]] = field(default_factory=dict)
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Until the parent is gone."""
        calls = ThreadPoolExecutor(MAX_CALLS)
        while True:
            message = self.connection.recv()
            if isinstance(message, Call):
                calls.submit(self._answer, message)
            elif isinstance(message, Ack):
                if acks := self._acks.get(message.id):
                    acks.put(message.go_on)
            elif isinstance(message, Drop):
                self._models.pop(message.model, None)
                calls.submit(gc.collect)

    def _answer(self, call: Call) -> None:
        try:
            model = None if call.model is None else self._models[call.model]
            if call.task == "load":
                answer = Answer(call.id, True, self._load(call.id, *call.arguments))
            elif call.task == "view":
                assert model is not None
                answer = Answer(call.id, True, self._described(model.view(*call.arguments)))
            else:
                value = getattr(model, call.task)(*call.arguments)
                answer = Answer(call.id, True, value, getattr(model, "n_read", None))
        except PlaygroundError as error:
            answer = Answer(call.id, False, error)
        except BaseException:  # noqa: BLE001 - the parent raises it
            answer = Answer(call.id, False, traceback.format_exc())
        try:
            self._send(answer)
        except (TypeError, AttributeError, pickle.PicklingError):
            self._send(Answer(call.id, False, traceback.format_exc()))

    def _load(self, id: int, kind: str, choice: Any, weights_of: int | None, options: dict[str, Any]) -> Described:
        loading = import_module("playground.models.loading")
        make: Callable[..., Any] = loading.load_embedder if kind == "embedder" else loading.load_scorer
        acks = self._acks[id] = queue.SimpleQueue()

        over = threading.Event()

        def tell(*progress: Any) -> None:
            if not over.is_set():
                self._send(Told(id, progress))
            if over.is_set() or not acks.get():
                over.set()
                raise _NobodyWaitsError

        try:
            weights = {} if weights_of is None else {"weights_of": self._models[weights_of]}
            return self._described(make(choice, on_progress=tell, **weights, **options))
        finally:
            over.set()
            del self._acks[id]

    def _described(self, model: Any) -> Described:
        number = next(self._numbers)
        self._models[number] = model
        return Described(
            number,
            model.spec,
            getattr(model, "scale", None),
            model.checks,
            model.memory_mib,
            model.query_instruction,
            tuple(model.depths) if hasattr(model, "by_layer") else None,
            hasattr(model, "compared"),
            pads(model),
        )

    def _send(self, message: Told | Answer) -> None:
        with self._sending:
            self.connection.send(message)


def serve(connection: Connection) -> None:
    """What the process does from its start to its end, which is that of its parent."""
    # Ctrl+C in the terminal reaches every process of the group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    with contextlib.suppress(EOFError, OSError):
        Server(connection).run()
    # Threads that are inside torch would abort an orderly end.
    os._exit(0)
