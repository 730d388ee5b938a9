"""What a kind of server is asked and how its answers are read. Nothing here opens a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field

from playground.core.errors import BackendError
from playground.core.scales import UNKNOWN, Scale
from playground.core.types import RanIn
from playground.remote import BACKENDS

NOTHING: Mapping[str, float] = MappingProxyType({})
PRECISION_OF: dict[str, RanIn] = {
    **{"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"},
    **{"fp32": "fp32", "fp16": "fp16", "bf16": "bf16", "int8": "int8"},
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of its model; empty or None where it says nothing.

    Attributes:
        model: the name that it serves it under.
        revision: of the weights.
        fingerprint: of the weights, where a playground serves them.
        instruction: what it puts before a query that is sent without one.
        most: passages that it takes at once.
    """

    model: str = ""
    revision: str = ""
    fingerprint: str = ""
    instruction: str = ""
    precision: RanIn = "unknown"
    max_length: int = 0
    most: int | None = None
    scale: Scale | None = None


class Read(NamedTuple):
    """How much of a passage was read, and how much was not."""

    n_tokens: int | None
    n_cut: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for some passages.

    Attributes:
        scores: one per passage, in their order.
        reads: of each passage; none where the server says nothing of it.
        n_tokens: that were counted for all of them.
        billed: what is paid for them, by its unit.
        instruction: what the server says it put before the query.
        fingerprint: of the weights that gave them, where it says so.
        warnings: what it says of its scores, in sentences.
    """

    scores: tuple[float, ...]
    reads: tuple[Read, ...] = ()
    n_tokens: int | None = None
    billed: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    instruction: str = ""
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()


class Shape(BaseModel):
    """A part of an answer; what else stands in it is left alone."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Usage(Shape):
    total_tokens: int | None = None


class Scored(Shape):
    index: int
    score: float = Field(validation_alias="relevance_score")


class Reranked(Shape):
    """As Cohere answers, and Jina, infinity, vLLM and llama.cpp after it."""

    results: list[Scored]
    usage: Usage | None = None


class Backend:
    """One kind of server. The defaults are those of most.

    Attributes:
        title: its name, for people.
        url: the service's own address; empty where everyone runs one's own.
        key_variable: of the environment, that holds the key.
        most: passages in one request, unless the server says another number.
        scale: of its scores, unless the server says another.
        instructed: whether it takes an instruction.
        path: where it scores.
        info_path: where it says what it serves; empty where it does not.
        loads: whether it may load the model before it says so.
    """

    title: ClassVar[str]
    url: ClassVar[str] = ""
    key_variable: ClassVar[str]
    most: ClassVar[int] = 32
    scale: ClassVar[Scale] = UNKNOWN
    instructed: ClassVar[bool] = False
    path: ClassVar[str] = "/rerank"
    info_path: ClassVar[str] = ""
    loads: ClassVar[bool] = False

    def info_body(self, model: str) -> dict[str, Any] | None:
        """What is sent to `info_path`; None for a GET."""
        return None

    def told(self, body: Any, model: str) -> Told:
        """What the answer at `info_path` says of this model.

        Raises:
            ValidationError: it is no such answer.
        """
        return Told()

    def place(self, model: str) -> str:
        """The path that scores with this model."""
        return self.path

    def asked(self, model: str, query: str, passages: Sequence[str], instruction: str | None) -> dict[str, Any]:
        """The body of a request."""
        return {"model": model, "query": query, "documents": list(passages), "top_n": len(passages)}

    def read(self, body: Any, headers: Mapping[str, str], n: int) -> Answer:
        """The answer for `n` passages.

        Raises:
            ValidationError, BackendError: it is no such answer.
        """
        found = Reranked.model_validate(body)
        return Answer(in_order(found.results, n), n_tokens=None if found.usage is None else found.usage.total_tokens)


class Model(Shape):
    id: str
    max_model_len: int | None = None


class Models(Shape):
    """As OpenAI lists models, and most servers after it."""

    data: list[Model]


def listed(body: Any, model: str) -> Told:
    """The model that was asked for among those that a server lists; the only one where none was named.

    Raises:
        ValidationError: it is no such list.
        BackendError: it does not serve it, or several.
    """
    found = Models.model_validate(body).data
    names = ", ".join(each.id for each in found)[:200]
    if not model and len(found) != 1:
        raise BackendError("This server serves several models: {names}. Add one after its address.", names=names)
    fitting = [each for each in found if each.id == model or not model]
    if not fitting:
        raise BackendError("This server does not serve {model}; it serves {names}.", model=model, names=names)
    return Told(model=fitting[0].id, max_length=fitting[0].max_model_len or 0)


def in_order(found: Sequence[Scored], n: int) -> tuple[float, ...]:
    """The scores by the places of their passages.

    Raises:
        BackendError: a place is missing, comes twice, or was never sent.
    """
    by_place = {each.index: each.score for each in found}
    if len(found) != n or by_place.keys() != set(range(n)):
        raise BackendError("It answered with other places than those of the {n} passages it was sent.", n=n)
    return tuple(by_place[place] for place in range(n))


def backend(kind: str) -> Backend:
    """The kind of server, by its name."""
    module, _, name = BACKENDS[kind].partition(":")
    return cast(Backend, getattr(import_module(module), name)())
