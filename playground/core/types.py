"""The frozen dataclasses that travel between rooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.scales import Scale
from playground.core.windows import Windows, WindowsRead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["reranker", "embedder"]
DeviceName = Literal["auto", "cuda", "mps", "cpu"]
PrecisionName = Literal["auto", "fp32", "fp16", "bf16", "int8"]
# Finest first, behind the one that leaves it open.
PRECISIONS: tuple[PrecisionName, ...] = get_args(PrecisionName)
# Of a server that does not say it.
RanIn = PrecisionName | Literal["unknown"]
Truncation = Literal["only_second", "longest_first"]
Phase = Literal["resolve", "download", "load", "export", "check", "encode", "score", "done", "stopped"]
Language = Literal["en", "zh"]
T_co = TypeVar("T_co", covariant=True)

EMPTY: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Passage:
    """One text to be scored.

    Attributes:
        id: unique within a request; the number of its place (from "1") unless the input named it.
        label: what a person said of it, where the input carries a label: True relevant, False not, None unknown.
    """

    id: str
    text: str
    label: bool | None = None
    meta: Mapping[str, object] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """One query and the passages to order by it."""

    query: str
    passages: tuple[Passage, ...]
    instruction: str | None = None

    def __post_init__(self) -> None:
        ids = [passage.id for passage in self.passages]
        if len(set(ids)) != len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise InvalidInput("Two passages have the id {id!r}. Give each passage its own id.", id=twice)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What the user asked for; `auto` and None are still open.

    Attributes:
        model_id: a catalogue or Hub id (with an optional `@revision` split off into `revision`), or a local folder.
        max_length: tokens of query, passage and special tokens together; None takes the catalogue's or model's.
        truncation: `only_second` as FlagEmbedding >= 1.3 (query capped at 3/4 of max_length), `longest_first` as the
            model cards of 2023 and sentence-transformers.
        batch_tokens: padded tokens in one forward pass; None lets the device decide.
        windows: how a passage that is too long is read in parts; None cuts it.
    """

    model_id: str
    revision: str | None = None
    kind: Kind = "reranker"
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    max_length: int | None = None
    truncation: Truncation = "only_second"
    batch_tokens: int | None = None
    windows: Windows | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What really ran. Nothing in it is `auto`.

    Attributes:
        revision: commit of the Hub snapshot, None for a local folder.
        fingerprint: hex digest over config, tokenizer and weights; the same weights have the same fingerprint anywhere.
        family: key of `models.FAMILIES`.
        architecture: class name in the checkpoint's config.
        device: as torch names it; "remote" for a server.
        max_length: tokens; 0 where there is no limit (BM25), or a server does not say it.
        replaced: what was asked for and could not run, in words ("fp16 does not run on this CPU; fp32 was
            used"), and what the check at load found off. It stands beside every number of this model.
        passage_instruction: what goes before every passage of an embedder; empty where nothing.
    """

    model_id: str
    revision: str | None
    fingerprint: str
    kind: Kind
    family: str
    architecture: str
    device: str
    precision: RanIn
    max_length: int
    truncation: Truncation
    n_parameters: int
    replaced: tuple[str, ...] = ()
    passage_instruction: str = ""
    windows: Windows | None = None

    @property
    def runs(self) -> str:
        """Device and precision, of a server as far as it says: "cpu fp32", "a server"."""
        device = "a server" if self.device == "remote" else self.device
        return device if self.precision == "unknown" else f"{device} {self.precision}"


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """One query-passage pair as the model is fed it.

    Attributes:
        input_ids: special tokens included, no padding.
        n_tokens: passage tokens that the model reads.
        n_cut: passage tokens that truncation dropped.
        n_chars_read: length of the prefix of the passage text that those tokens cover.
        n_query_cut: query tokens that truncation dropped.
        body: where in `input_ids` the text that holds the passage begins and ends, of a model that is asked with a
            prompt.
    """

    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...] | None
    n_tokens: int
    n_cut: int
    n_chars_read: int
    n_query_cut: int = 0
    body: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """One passage with its place.

    Attributes:
        index: place in the input, from 0.
        rank: from 1; passages with equal raw outputs share the smaller rank.
        tied: another passage has exactly this raw output.
        logit: raw model output in float32, on `RerankResult.scale`.
        score: `scale.display(logit)`, for display only.
        n_tokens, n_cut, n_chars_read: as in `EncodedPair`; None where a server does not say how much it read.
        cached: this score came from the cache.
        windows: None where the passage was read in one piece.
    """

    passage: Passage
    index: int
    rank: int
    tied: bool
    logit: float
    score: float
    n_tokens: int | None
    n_cut: int | None
    n_chars_read: int | None
    cached: bool = False
    windows: WindowsRead | None = None


@dataclass(frozen=True, slots=True)
class RerankResult:
    """Passages best first, with everything needed to read their numbers.

    Attributes:
        scored: best first, ties in input order.
        missing: input indexes that have no score because the run was stopped. Missing is not zero.
        seconds: wall time of encoding and scoring, without loading the model.
        n_tokens: tokens that went through the model in this run, special tokens included; cached pairs count 0. None
            where a server does not count them.
        n_cached: how many scores came from the cache.
        warnings: lasting warnings in plain sentences (a check at load that is off, a cut query, a replaced device).
        instruction: what really went before the query; empty where nothing did.
    """

    request: RerankRequest
    spec: ModelSpec
    scale: Scale
    scored: tuple[ScoredPassage, ...]
    missing: tuple[int, ...]
    seconds: float
    n_tokens: int | None
    n_cached: int
    warnings: tuple[str, ...] = ()
    instruction: str = ""

    def __iter__(self) -> Iterator[ScoredPassage]:
        return iter(self.scored)

    def __len__(self) -> int:
        return len(self.scored)

    @property
    def complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        done, total: bytes while downloading, passages while scoring.
        result: everything scored so far, best first; None before the first batch.
        windows: how many are scored, and how many there are, where passages are read in some.
    """

    phase: Phase
    done: int
    total: int
    result: RerankResult | None = None
    windows: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the check at load.

    Attributes:
        status: `failed` refuses the model, `warned` uses it with a lasting warning, `skipped` says why in `detail`.
    """

    name: str
    status: Literal["passed", "warned", "failed", "skipped"]
    detail: str


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The live line under the passages.

    Attributes:
        n_tokens: passage tokens before truncation.
        n_cut_passages: how many passages will lose text.
        n_windowed: how many will be read in windows.
    """

    n_passages: int
    n_tokens: int
    n_cut_passages: int
    n_windowed: int = 0


@dataclass(frozen=True, slots=True)
class Step(Generic[T_co]):
    """Where work of another kind than a run stands; the last step has the phase `done`, or `stopped` without a result.

    Attributes:
        done, total: bytes while downloading, texts or rounds while computing.
    """

    phase: Phase
    done: int
    total: int
    result: T_co | None = None


@dataclass(frozen=True, slots=True)
class TextRead:
    """How much of one text an embedder read; the fields are those of `EncodedPair`."""

    n_tokens: int
    n_cut: int
    n_chars_read: int


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResult:
    """The vectors of one query and its passages, in input order.

    Attributes:
        instruction: what went before the query; empty where nothing did. What went before passages is in `spec`.
        query_vector: (dim,), float32, of length 1.
        passage_vectors: (n_passages, dim), float32, each of length 1.
        query_read, passages_read: tokens count what went before the text, characters do not; one per passage.
        seconds: wall time of encoding and embedding, without loading the model.
        n_tokens: tokens that went through the model in this run; cached texts count 0.
        n_cached: how many of the n_passages + 1 texts came from the cache.
    """

    request: RerankRequest
    spec: ModelSpec
    instruction: str
    query_vector: NDArray[np.float32]
    passage_vectors: NDArray[np.float32]
    query_read: TextRead
    passages_read: tuple[TextRead, ...]
    seconds: float
    n_tokens: int
    n_cached: int
    warnings: tuple[str, ...] = ()

    def query_cosines(self) -> NDArray[np.float32]:
        """(n_passages,): cosine of the query with each passage; the numbers that rank them."""
        return cosines(self.passage_vectors, self.query_vector)

    def passage_cosines(self) -> NDArray[np.float32]:
        """(n_passages, n_passages): cosine of each passage with each; symmetric, 1 on the diagonal but for rounding."""
        vectors = self.passage_vectors.astype("float64")
        products: NDArray[np.float32] = (vectors @ vectors.T).clip(-1.0, 1.0).astype("float32")
        return products


def cosines(vectors: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,): dot products of (n, dim) with (dim,), rounded to float32 once.

    Summed in float64 and along each row alone, so that equal vectors get equal cosines wherever they stand.
    """
    products = vectors.astype("float64") * other.astype("float64")
    summed: NDArray[np.float32] = products.sum(axis=1).clip(-1.0, 1.0).astype("float32")
    return summed


@dataclass(frozen=True, slots=True)
class Background:
    """Cosines that an embedder gives to texts that have nothing to do with each other.

    Attributes:
        language: of the texts that were measured.
        instruction: what went before the queries.
        query_passage, passage_passage: cosines of unrelated pairs, ascending.
    """

    model_id: str
    fingerprint: str
    precision: RanIn
    language: Language
    instruction: str
    query_passage: tuple[float, ...]
    passage_passage: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One column of a comparison: a result, or why there is none. With neither, its turn has not come.

    Attributes:
        result: partial while the run is under way or was stopped.
        memory_mib: weights in memory; None where it was not seen (BM25 has none).
    """

    choice: ModelChoice
    result: RerankResult | None = None
    error: PlaygroundError | None = None
    memory_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request through several models. Scores of two models share an axis only as ranks or percentiles."""

    request: RerankRequest
    runs: tuple[ModelRun, ...]

    @property
    def results(self) -> tuple[RerankResult, ...]:
        """Of the runs that have one, in order."""
        return tuple(run.result for run in self.runs if run.result is not None)

    @property
    def complete(self) -> bool:
        """Whether every model scored every passage."""
        return all(run.result is not None and run.result.complete for run in self.runs)


@dataclass(frozen=True, slots=True)
class CompareProgress:
    """Where a comparison stands.

    Attributes:
        place: index of the run under way; the number of runs once the comparison is over.
        step: of that run; once over, `done` or `stopped` with the number of finished runs.
        comparison: everything so far.
    """

    place: int
    step: Progress
    comparison: Comparison
