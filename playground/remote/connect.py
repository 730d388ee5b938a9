"""An id of a model that runs elsewhere becomes servers that were asked what they serve, and scores of pairs."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from pydantic import ValidationError

from playground.core.errors import BackendError, InvalidInput, Problems
from playground.core.scales import Scale
from playground.core.types import ModelSpec
from playground.remote.address import Address, parse
from playground.remote.backend import Answer, Backend, Told, backend
from playground.remote.fleet import Done, Dropped, spread
from playground.remote.transport import PATIENT, Patience, Transport

Keys = Mapping[str, str]
NO_KEYS: Keys = MappingProxyType({})
DEVICE = "remote"
# What a server serves is asked again after this long.
KNOWN_SECONDS = 600
INFO_SECONDS = 10
# Of the passages in one request; one that is longer goes alone.
MOST_CHARS = 200_000
# The largest float32; NaN is not below it either.
LARGEST = 3.4e38


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request asks.

    Attributes:
        places: of the passages, for the caller.
    """

    places: tuple[int, ...]
    query: str
    passages: tuple[str, ...]
    instruction: str | None


@dataclass(frozen=True, slots=True)
class Remote:
    """A model that answers.

    Attributes:
        servers: those that were found.
        left_out: those that were not, and why.
        at: where it runs, for people.
        forget: lets it be asked again what it serves.
    """

    backend: Backend
    address: Address
    servers: tuple[str, ...]
    told: Told
    spec: ModelSpec
    scale: Scale
    at: str
    left_out: tuple[Dropped, ...] = ()
    key: str = field(default="", repr=False)
    patience: Patience = PATIENT
    forget: Callable[[], object] = field(default=lambda: None, repr=False, compare=False)

    def batches(self, query: str, passages: Mapping[int, str], instruction: str | None) -> Iterator[Batch]:
        """The passages by their places, as many in a request as this server takes."""
        most = min(self.backend.most, self.told.most or self.backend.most)
        part: dict[int, str] = {}
        for place, passage in passages.items():
            if len(part) == most or (part and sum(map(len, part.values())) + len(passage) > MOST_CHARS):
                yield Batch(tuple(part), query, tuple(part.values()), instruction)
                part = {}
            part[place] = passage
        if part:
            yield Batch(tuple(part), query, tuple(part.values()), instruction)

    def scored(self, batches: Sequence[Batch], stop: threading.Event) -> Iterator[Done[Batch, Answer] | Dropped]:
        """The answers as they come, and the servers that failed; ends early on `stop`.

        Raises:
            BackendError: no server is left.
        """
        return spread(self._client, self._score, self.servers, batches, stop)

    def _client(self) -> Transport:
        return Transport(self.key, self.patience)

    async def _score(self, client: Transport, server: str, batch: Batch) -> Answer:
        model = self.address.model or self.told.model
        body = self.backend.asked(model, batch.query, batch.passages, batch.instruction)
        with _named(server):
            reply = await client.send(server + self.backend.place(model), body)
            answer = self.backend.read(reply.body, reply.headers, len(batch.passages))
            if answer.fingerprint != (self.told.fingerprint if answer.fingerprint else ""):
                self.forget()
                raise BackendError("It serves other weights than a moment ago. Run again.")
            for score in answer.scores:
                if not abs(score) <= LARGEST:
                    raise BackendError("It gave a passage the score {score}, which cannot be ranked.", score=score)
            return answer


class Remotes:
    """Models by id. Safe from any thread.

    Args:
        listed: the only ids that may be used; None allows all.
        trusted: ids whose servers are sent the keys of the environment; None trusts all. A service gets its own always.
        offline: allows none.
    """

    def __init__(
        self,
        listed: Collection[str] | None = None,
        *,
        trusted: Collection[str] | None = None,
        offline: bool = False,
        patience: Patience = PATIENT,
    ) -> None:
        self._listed = listed
        self._trusted = trusted
        self._offline = offline
        self._patience = patience
        self._known: dict[str, tuple[float, Remote]] = {}
        self._lock = threading.Lock()

    def check(self, model_id: str) -> None:
        """Whether this id may be used here. Asks nobody.

        Raises:
            InvalidInput: it may not, or it is none.
        """
        if self._listed is not None and model_id not in self._listed:
            raise InvalidInput(
                "On a public page only those who run it name models on other machines. Choose one from the list."
            )
        if self._offline:
            raise InvalidInput("{model} runs on another machine, and --offline reaches for none.", model=model_id)
        address = parse(model_id)
        made = backend(address.kind)
        if not address.servers and not made.url:
            raise InvalidInput(
                "{model} needs an address: {kind}://host:port, with the model after it where it serves several.",
                model=model_id,
                kind=address.kind,
            )

    def connect(self, model_id: str, keys: Keys, stop: threading.Event) -> Remote | None:
        """The model, with what its servers say of it; None where the user stopped first.

        Args:
            keys: by kind, before those of the environment.

        Raises:
            InvalidInput: as `check`.
            BackendError: no server answers, or they serve different models.
        """
        self.check(model_id)
        address = parse(model_id)
        made = backend(address.kind)
        own = not address.servers or self._trusted is None or model_id in self._trusted
        key = (keys.get(address.kind) or (_own_key(made, address) if own else "")).strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            # It could not be sent, and what the library says of it quotes it.
            raise InvalidInput("The key for {title} holds characters that no key has. Copy it again.", title=made.title)
        with self._lock:
            asked_at, known = self._known.get(model_id, (0.0, None))
        if known is not None and time.monotonic() - asked_at < KNOWN_SECONDS:
            return replace(known, key=key)
        if made.url and not address.servers and not key:
            raise InvalidInput(
                "{title} asks for a key. Put it into the key box, or start with {variable} set.",
                title=made.title,
                variable=made.key_variable,
            )
        found = self._asked(model_id, address, made, key, stop)
        if found is None or found.left_out:
            return found
        with self._lock:
            found = replace(found, forget=partial(self._known.pop, model_id, None))
            self._known[model_id] = time.monotonic(), replace(found, key="")
        return found

    def forget(self) -> None:
        """Asks again what is served where."""
        with self._lock:
            self._known.clear()

    def _asked(self, model_id: str, address: Address, made: Backend, key: str, stop: threading.Event) -> Remote | None:
        servers = address.servers or (made.url,)
        told: dict[str, Told] = {}
        left_out: list[Dropped] = []
        if not made.info_path or not address.servers:
            told = dict.fromkeys(servers, Told())
        else:
            seconds = self._patience.answer_seconds
            patience = replace(self._patience, answer_seconds=seconds if made.loads else min(INFO_SECONDS, seconds))
            ask = partial(_info, made, address.model)
            for server in servers:
                try:
                    for each in spread(partial(Transport, key, patience), ask, [server], [server], stop):
                        if isinstance(each, Done):
                            told[server] = each.answer
                except BackendError as error:
                    left_out.append(Dropped(server, error))
                if stop.is_set():
                    return None
        if not told:
            raise left_out[0].error if len(left_out) == 1 else _all_failed(left_out)
        first, *others = told.values()
        for other in others:
            if _which(other) != _which(first):
                raise BackendError(
                    "These addresses serve different models: {one} and {other}. Give each its own line.",
                    one=_name(first),
                    other=_name(other),
                )
        most = min((each.most for each in told.values() if each.most), default=None)
        # What they do not agree on is not known of a score.
        precision = first.precision if all(each.precision == first.precision for each in others) else "unknown"
        max_length = first.max_length if all(each.max_length == first.max_length for each in others) else 0
        told_by_all = replace(first, most=most, precision=precision, max_length=max_length)
        spec = ModelSpec(
            model_id=model_id,
            revision=None,
            fingerprint=first.fingerprint or _fingerprint(model_id, first),
            kind="reranker",
            family=address.kind,
            architecture=" · ".join(filter(None, (made.title, _name(first)))),
            device=DEVICE,
            precision=precision,
            max_length=max_length,
            truncation="only_second",
            n_parameters=0,
        )
        at = address.at or made.url.partition("://")[2]
        scale = first.scale or made.scale
        return Remote(made, address, tuple(told), told_by_all, spec, scale, at, tuple(left_out), key, self._patience)


async def _info(made: Backend, model: str, client: Transport, server: str, _: str) -> Told:
    with _named(server):
        reply = await client.send(server + made.info_path, made.info_body(model))
        return made.told(reply.body, model)


@contextmanager
def _named(server: str) -> Iterator[None]:
    """Puts the server's address before what went wrong with it."""
    try:
        yield
    except (BackendError, ValidationError) as error:
        reason = error if isinstance(error, BackendError) else _misshapen(error)
        raise BackendError("{server} failed. {reason}", server=server.partition("://")[2], reason=reason) from error


def _misshapen(error: ValidationError) -> BackendError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "all of it"
    return BackendError("It answered in another shape ({where}: {what}).", where=where, what=first["msg"])


def _own_key(made: Backend, address: Address) -> str:
    """The key of the environment. That of a service goes to the service alone, whatever else speaks as it does."""
    return "" if made.url and address.servers else os.environ.get(made.key_variable, "")


def _which(told: Told) -> tuple[object, ...]:
    return told.model, told.revision, told.fingerprint, told.scale


def _name(told: Told) -> str:
    return f"{told.model}@{told.revision}" if told.revision else told.model


def _fingerprint(model_id: str, told: Told) -> str:
    """Of all that is known: where the model is asked for, and what is said of it there. Its weights are not seen."""
    return hashlib.sha256("\0".join((model_id, told.model, told.revision, told.precision)).encode()).hexdigest()


def _all_failed(left_out: Sequence[Dropped]) -> BackendError:
    return BackendError(
        "None of {n} servers answers: {reasons}", n=len(left_out), reasons=Problems(each.error for each in left_out)
    )
