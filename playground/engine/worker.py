"""Models that run in a process of their own, so that the page outlives a crash of theirs.

The pool and all runs see them as any other model. One process has all of them: a second torch costs 500 MiB, a third
and a fourth would, too. When it ends, the run whose forward pass was under way is told; a new process starts at the
next call, takes the weights in again, and every other run goes on.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, cast

from playground.core.errors import ModelChanged, ModelEnded, PlaygroundError
from playground.core.types import DeviceName, EncodedPair, ModelChoice, Phase, PrecisionName
from playground.engine.worker_process import Ack, Answer, Call, Described, Drop, Told, serve

log = logging.getLogger(__name__)

OnProgress = Callable[[Phase, int, int], None]
# What may have ended the process; asking for it again would perhaps end the next one.
HEAVY: Final = frozenset({"load", "logits", "vectors", "compared", "by_layer"})
SECONDS_TO_END: Final = 10.0


class WorkerGoneError(Exception):
    """The process ended, or has ended before.

    Args:
        status: as `Process.exitcode`.
    """

    def __init__(self, status: int | None) -> None:
        self.status = status
        super().__init__(f"exit status {status}")


class Worker:
    """One process, from its start to its end. Safe from any thread."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs,), name="models", daemon=True)
        self._process.start()
        theirs.close()
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Told | Answer | None]] = {}
        # Its `put` may be called from a finalizer in the middle of anything, also of another `put`.
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.gone = False
        threading.Thread(target=self._send, name="to the models", daemon=True).start()
        threading.Thread(target=self._receive, name="from the models", daemon=True).start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """As `Process.exitcode`; None while it runs."""
        return self._process.exitcode

    def call(
        self, task: str, model: int | None, arguments: tuple[Any, ...], on_progress: OnProgress | None = None
    ) -> Answer:
        """What came of it; waits for it.

        Raises:
            WorkerGoneError: the process ended before it answered.
            PlaygroundError: what the model raised, or whatever `on_progress` did.
        """
        answers: queue.SimpleQueue[Told | Answer | None] = queue.SimpleQueue()
        id = next(self._ids)
        sent = ForkingPickler.dumps(Call(id, task, model, arguments))
        with self._lock:
            if self.gone:
                raise WorkerGoneError(self._process.exitcode)
            self._waiting[id] = answers
        try:
            self._outbox.put(bytes(sent))
            while isinstance(message := answers.get(), Told):
                self._heard(message, on_progress)
        finally:
            with self._lock:
                self._waiting.pop(id, None)
        if message is None:
            raise WorkerGoneError(self._process.exitcode)
        if isinstance(message.value, PlaygroundError) and not message.good:
            raise message.value
        if not message.good:
            log.error("in the process of the models: %s", message.value)
            raise RuntimeError("something unexpected in the process of the models; the log says what")
        return message

    def _heard(self, message: Told, on_progress: OnProgress | None) -> None:
        try:
            if on_progress is not None:
                on_progress(*message.progress)
        except BaseException:
            self._post(Ack(message.id, go_on=False))
            raise
        self._post(Ack(message.id, go_on=True))

    def drop(self, model: int) -> None:
        """Lets go of a model; returns at once, and does nothing where the process is gone."""
        if not self.gone:
            self._post(Drop(model))

    def close(self) -> None:
        """Ends the process."""
        self._outbox.put(None)
        self._process.terminate()
        self._process.join(SECONDS_TO_END)

    def _post(self, message: Ack | Drop) -> None:
        self._outbox.put(bytes(ForkingPickler.dumps(message)))

    def _send(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._connection.send_bytes(message)
            except OSError:
                return

    def _receive(self) -> None:
        try:
            while True:
                message: Told | Answer = self._connection.recv()
                with self._lock:
                    waiting = self._waiting.get(message.id)
                if waiting is not None:
                    waiting.put(message)
                elif isinstance(message, Told):
                    # Several threads of a download may ask whether to go on, also after the answer was no.
                    self._post(Ack(message.id, go_on=False))
        except (EOFError, OSError):
            pass
        except Exception:  # what cannot be read is never answered, so all who wait would wait for ever
            log.exception("an answer of the process of the models cannot be read")
            self._process.terminate()
        self._process.join(SECONDS_TO_END)
        with self._lock:
            self.gone = True
            waiting_all = list(self._waiting.values())
        self._outbox.put(None)
        for each in waiting_all:
            each.put(None)


class Workers:
    """The process that runs now, or the next one. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None

    def current(self) -> Worker:
        """The running process; starts one where there is none."""
        with self._lock:
            if self._worker is not None and self._worker.gone:
                log.error("the process of the models ended (%s); another one starts", self._worker.status)
                self._worker = None
            if self._worker is None:
                self._worker = Worker()
            return self._worker

    def load(
        self,
        choice: ModelChoice,
        *,
        offline: bool,
        on_progress: OnProgress | None,
        weights_of: RemoteModel | None = None,
        **options: Any,
    ) -> RemoteModel:
        """As `loading.load_scorer` and `loading.load_embedder`.

        Raises:
            ModelEnded: the process ended meanwhile.
        """
        try:
            base = None if weights_of is None else weights_of._here()
            worker = self.current() if base is None else base.worker
            sent = (choice.kind, choice, None if base is None else base.number, {"offline": offline, **options})
            found = worker.call("load", None, sent, on_progress).value
        except WorkerGoneError as gone:
            raise ended(choice.model_id, gone) from gone
        return _remote(self, _Held(worker, found.number), found, choice, offline, None)

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


class _Held:
    """A model of one process, until nobody holds this any more."""

    def __init__(self, worker: Worker, number: int) -> None:
        self.worker = worker
        self.number = number

    def __del__(self) -> None:
        self.worker.drop(self.number)


class RemoteModel:
    """A reranker or embedder of the process, as the pool and the runs see one.

    Args:
        choice: as it is read.
        base: the model that this one is another view of.
    """

    n_read: int | None = None

    def __init__(
        self,
        workers: Workers,
        held: _Held,
        found: Described,
        choice: ModelChoice,
        offline: bool,
        base: RemoteModel | None,
    ) -> None:
        self.spec = found.spec
        self.checks = found.checks
        self.memory_mib = found.memory_mib
        self.query_instruction = found.query_instruction
        self.pads = found.pads
        if found.scale is not None:
            self.scale = found.scale
        self._workers = workers
        self._held = held
        self._lock = threading.Lock()
        self._base = base
        self._changed = False
        self._offline = offline
        # What `auto` came to stays what it is.
        device, precision = cast("DeviceName", found.spec.device), cast("PrecisionName", found.spec.precision)
        self._choice = replace(choice, revision=found.spec.revision, device=device, precision=precision)

    def view(self, choice: ModelChoice) -> RemoteModel:
        """As `Scorer.view`."""
        worker, answer = self._ask("view", choice)
        held = _Held(worker, answer.value.number)
        return _remote(self._workers, held, answer.value, choice, self._offline, self)

    def encode(self, *asked: Any) -> list[EncodedPair]:
        """As `Scorer.encode` and `Embedder.encode`."""
        return cast("list[EncodedPair]", self._ask("encode", *asked)[1].value)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """As `Scorer.token_spans`."""
        return cast("list[tuple[int, int]]", self._ask("token_spans", text)[1].value)

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """As `Scorer.logits`."""
        return cast("list[float]", self._forward("logits", pairs))

    def vectors(self, encoded: Sequence[EncodedPair]) -> Any:
        """As `Embedder.vectors`."""
        return self._forward("vectors", encoded)

    def _forward(self, task: str, encoded: Sequence[EncodedPair]) -> Any:
        _, answer = self._ask(task, list(encoded))
        self.n_read = answer.n_read
        return answer.value

    def _ask(self, task: str, *arguments: Any) -> tuple[Worker, Answer]:
        """Raises ModelEnded: the process ended on it, or twice."""
        for again in (True, False):
            try:
                held = self._here()
                return held.worker, held.worker.call(task, held.number, arguments)
            except WorkerGoneError as gone:
                if task in HEAVY or not again:
                    raise ended(self.spec.model_id, gone) from gone
        raise AssertionError

    def _here(self) -> _Held:
        """The model in the process that runs now: loaded again, without its checks, where that is another one.

        Raises:
            ModelChanged: its files are not those of before.
        """
        with self._lock:
            if self._held.worker.gone and not self._changed:
                self._held = self._again()
            if self._changed:
                raise ModelChanged(
                    "The files of {model} changed since it was loaded, and its process ended. Unload it in "
                    "Models, then run again: its scores will be another model's.",
                    model=self.spec.model_id,
                )
            return self._held

    def _again(self) -> _Held:
        """The model in a new process; where its files changed, what is held stays, and that is noted."""
        if self._base is not None:
            base = self._base._here()
            found = base.worker.call("view", base.number, (self._choice,)).value
            return _Held(base.worker, found.number)
        worker = self._workers.current()
        options = {"offline": self._offline, "run_checks": False}
        found = worker.call("load", None, (self.spec.kind, self._choice, None, options)).value
        again = _Held(worker, found.number)
        self._changed = found.spec.fingerprint != self.spec.fingerprint
        return self._held if self._changed else again


class _Layered(RemoteModel):
    """A `ScoresByLayer`."""

    depths: tuple[Any, ...] = ()

    def by_layer(self, pairs: Sequence[EncodedPair]) -> list[list[float]]:
        """As `ScoresByLayer.by_layer`."""
        return cast("list[list[float]]", self._forward("by_layer", pairs))


class _Apart(RemoteModel):
    """An `Explains`."""

    def compared(self, pairs: Sequence[EncodedPair]) -> Any:
        """As `Explains.compared`."""
        return self._forward("compared", pairs)

    def explained(self, *told: Any) -> Any:
        """As `Explains.explained`."""
        return self._ask("explained", *told)[1].value


def _remote(
    workers: Workers, held: _Held, found: Described, choice: ModelChoice, offline: bool, base: RemoteModel | None
) -> RemoteModel:
    kind = _Apart if found.explains else _Layered if found.depths is not None else RemoteModel
    model = kind(workers, held, found, choice, offline, base)
    if isinstance(model, _Layered):
        model.depths = found.depths or ()
    return model


def ended(model_id: str, gone: WorkerGoneError) -> ModelEnded:
    """What a run is told whose forward pass, or load, was under way."""
    if gone.status == -getattr(signal, "SIGKILL", 9):
        return ModelEnded(
            "The process of the models was ended by the system while {model} was at work, most likely for want of "
            "memory. Run again; if it ends once more, take a smaller model or fewer tokens per batch.",
            model=model_id,
        )
    return ModelEnded(
        "The process of the models ended while {model} was at work (exit status {status}). It starts anew by "
        "itself: run again.",
        model=model_id,
        status=gone.status,
    )
