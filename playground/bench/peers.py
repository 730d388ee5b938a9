"""Ours beside other libraries: the same weights, texts and threads, one after another, round by round."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any, Final

from playground.bench import mixes
from playground.bench.environments import Interpreter, python_with
from playground.bench.mixes import Texts
from playground.bench.shapes import BY_MODEL, Shape
from playground.core.errors import InvalidInput
from playground.engine.snippets.flag_embedding import VERSIONS

OURS, ROOFLINE, YARDSTICK = "ours fp32", "roofline", "sentence-transformers torch fp32"
# Two programs that add the same numbers in another order differ by less.
SAME = 1e-4
TRIED = 10

LOAD = "from playground.bench.peer_programs import load\nkept['score'], versions = load(*argv)\n"
ASK = """
import json
from playground.bench.peer_programs import timed
answer = timed(kept["score"], *json.loads(argv[0]))
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is timed.

    Attributes:
        program: a key of `peer_programs.PROGRAMS`.
        precision: as asked of it; empty where it takes its own choice.
        requirements: of its environment beside torch; None where it runs in this one.
        missing: why it cannot be run by this command at all.
    """

    name: str
    program: str
    precision: str = "fp32"
    requirements: tuple[str, ...] | None = None
    missing: str = ""


_ST, _ONNX = ("sentence-transformers>=5",), ("sentence-transformers[onnx]>=5",)
_VINO = ("sentence-transformers[openvino]>=5",)
PEERS: Final = (
    Peer(OURS, "ours"),
    Peer("ours auto", "ours", "auto"),
    Peer("ours bf16", "ours", "bf16"),
    Peer("ours int8", "ours", "int8"),
    Peer("ours ONNX fp32", "ours ONNX"),
    Peer("transformers, as on the model card, fp32", "transformers"),
    Peer(YARDSTICK, "sentence-transformers", requirements=_ST),
    Peer("sentence-transformers torch bf16", "sentence-transformers", "bf16", _ST),
    Peer("sentence-transformers ONNX fp32", "sentence-transformers ONNX", requirements=_ONNX),
    Peer("sentence-transformers ONNX int8", "sentence-transformers ONNX", "int8", _ONNX),
    Peer("sentence-transformers OpenVINO fp32", "sentence-transformers OpenVINO", requirements=_VINO),
    Peer("sentence-transformers OpenVINO, its own choice", "sentence-transformers OpenVINO", "", _VINO),
    Peer("FlagEmbedding fp32", "FlagEmbedding", requirements=VERSIONS),
    Peer("FlashRank fp32", "FlashRank", requirements=("flashrank>=0.2.10",)),
    Peer("infinity fp32", "infinity", requirements=("infinity-emb[torch]>=0.0.77", "transformers<5")),
    Peer("TEI", "", missing="text-embeddings-router comes in a container image; pip cannot install it"),
)
BARE: Final = (Peer(ROOFLINE, "roofline"), Peer(f"{ROOFLINE} bf16", "roofline", "bf16"))


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One peer on one mix.

    Attributes:
        seconds: of each round, of the whole call.
        against: seconds of the yardstick over this one's, of each round; empty where either is missing.
        largest: difference of a raw output from our fp32 one; None where one of the two is missing.
        outputs: lowest and highest raw output.
        peak_mib: most memory of its process.
        error: in one line; then nothing was timed.
    """

    peer: str
    precision: str
    mix: str
    count: int
    n_tokens: int = 0
    seconds: tuple[float, ...] = ()
    against: tuple[float, ...] = ()
    largest: float | None = None
    outputs: tuple[float, float] = (0.0, 0.0)
    peak_mib: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def same(self) -> bool | None:
        """Whether it gives our fp32 numbers; None of another precision, which need not."""
        return None if self.precision != "fp32" or self.largest is None else self.largest <= SAME


@dataclass(frozen=True, slots=True)
class Roofline:
    """Our forward passes over the bare matrix products of the same shapes, of each round."""

    mix: str
    count: int
    precision: str
    ratios: tuple[float, ...]
    forward: tuple[float, ...]
    bare: tuple[float, ...]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, lowest and highest."""
    low, high = min(values), max(values)
    return f"{median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})" if values else ""


COLUMNS: Final[Mapping[str, Callable[[PeerRow], str]]] = MappingProxyType(
    {
        "peer": lambda row: row.peer,
        "seconds": lambda row: spread(row.seconds, 3) if row.seconds else f"not run: {row.error}",
        "pairs/s": lambda row: f"{row.count / median(row.seconds):.2f}" if row.seconds else "",
        "tokens/s": lambda row: f"{row.n_tokens / median(row.seconds):,.0f}" if row.seconds else "",
        "times sentence-transformers torch fp32": lambda row: spread(row.against) if row.against else "",
        "largest difference from our fp32 output": lambda row: (
            "" if row.largest is None else f"{row.largest:.1e}" + (" (differs!)" if row.same is False else "")
        ),
        "peak memory, MiB": lambda row: f"{row.peak_mib:,.0f}" if row.peak_mib else "",
    }
)


class Running:
    """A peer in its own process, idle until it is asked.

    Raises:
        OSError, CalledProcessError: it cannot be installed or loaded.
    """

    def __init__(self, peer: Peer, folder: Path, threads: int) -> None:
        from importlib.metadata import version

        # The same torch for all; a local version such as +cpu is on no index.
        torch = f"torch=={version('torch').partition('+')[0]}"
        python: Path | str = sys.executable
        if peer.requirements is not None:
            # That of PyPI is built for another torch than a CPU-only one, and breaks transformers beside it.
            without = ["torchvision"] if peer.requirements == _VINO else []
            python = python_with([*peer.requirements, torch], without=without)
        same = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self._process = Interpreter(python, quiet=True, TOKENIZERS_PARALLELISM="true", **same)
        try:
            self.versions = self._process.run(LOAD, "versions", peer.program, folder, peer.precision, threads)
        except OSError:
            self.close()
            raise

    def ask(self, query: str, passages: Sequence[str]) -> dict[str, Any]:
        """See `peer_programs.timed`."""
        answer: dict[str, Any] = self._process.run(ASK, "answer", json.dumps([query, list(passages)]))
        return answer

    def close(self) -> None:
        """End its process."""
        self._process.close()


def chosen(only: Sequence[str]) -> list[Peer]:
    """The peers whose name holds one of these words; all where there is none. Ours in fp32 and the yardstick are
    always among them: the others are measured by them."""
    wanted = [peer for peer in PEERS if not only or any(word.lower() in peer.name.lower() for word in only)]
    if not wanted:
        raise InvalidInput(
            "No peer is called {words}. Known are {known}.",
            words=", ".join(only),
            known=", ".join(peer.name for peer in PEERS),
        )
    return [peer for peer in PEERS if peer in wanted or peer.name in (OURS, YARDSTICK)]


def shape_of(name: str) -> Shape:
    """The cross-encoder shape whose model is called so: `base` is that of BAAI/bge-reranker-base.

    Raises:
        InvalidInput: none is.
    """
    found = [shape for model, shape in BY_MODEL.items() if shape.family == "cross_encoder" and model.endswith(name)]
    if not found:
        known = ", ".join(model for model, shape in BY_MODEL.items() if shape.family == "cross_encoder")
        raise InvalidInput("No shape is called {words}. Known are {known}.", words=name, known=known)
    return min(found, key=lambda shape: (not shape.model.startswith("BAAI/"), shape.model))


def model_of(shape: Shape) -> Path:
    """The folder of random fp32 weights in this shape, made once."""
    import torch

    from playground.bench import checkpoints

    return checkpoints.kept(shape, torch.float32)


def reason_of(error: Exception) -> str:
    """Why it does not run, in one line."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in str(said or error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]


def start(peers: Sequence[Peer], folder: Path, threads: int, say: Callable[[str], None]) -> Iterator[Running | str]:
    """Each peer, loaded; or why it is not."""
    for peer in peers:
        say(f"{peer.name}: installing and loading")
        if peer.missing:
            yield peer.missing
            continue
        try:
            yield Running(peer, folder, threads)
        except (OSError, subprocess.CalledProcessError) as error:
            yield reason_of(error)


def orders(n: int, rounds: int) -> list[list[int]]:
    """Who goes when: each round begins with another, so that none always follows the same one."""
    return [[(place + turn) % n for place in range(n)] for turn in range(rounds)]


class Race:
    """All peers on one mix after another.

    Args:
        say: takes lines about where it stands.
    """

    def __init__(self, peers: Sequence[Peer], running: Sequence[Running | str], say: Callable[[str], None]) -> None:
        self._peers, self._say = peers, say
        self._running = dict(enumerate(running))

    def estimate(self, texts: Texts) -> float:
        """Seconds of one round, by the first passages; what fails here is not timed."""
        part = texts.passages[:TRIED]
        share = len(texts.passages) / len(part)
        asked = self._asked(texts.query, part, range(len(self._peers)))
        return share * sum(float(answer["seconds"]) for _, answer in asked)

    def run(self, mix: str, texts: Texts, rounds: int) -> tuple[list[PeerRow], list[Roofline]]:
        """A row for each peer, and the rooflines."""
        answers: dict[int, list[dict[str, Any]]] = {}
        for turn, order in enumerate(orders(len(self._peers), rounds)):
            self._say(f"{mix} x {len(texts.passages)}: round {turn + 1} of {rounds}")
            for place, answer in self._asked(texts.query, texts.passages, order):
                answers.setdefault(place, []).append(answer)
        by_name = {self._peers[place].name: found for place, found in answers.items()}
        rows, rooflines = [], []
        for place, peer in enumerate(self._peers):
            if peer in BARE:
                rooflines += [_roofline(peer, mix, len(texts.passages), answers[place])] if place in answers else []
            else:
                row = PeerRow(peer.name, peer.precision, mix, len(texts.passages), texts.n_tokens)
                rows.append(self._row(row, place, answers.get(place, []), by_name))
        return rows, rooflines

    def close(self) -> None:
        """End all processes."""
        for each in self._running.values():
            if isinstance(each, Running):
                each.close()

    def _asked(self, query: str, passages: Sequence[str], order: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for place in order:
            running = self._running[place]
            if isinstance(running, str):
                continue
            try:
                yield place, running.ask(query, passages)
            except OSError as error:
                running.close()
                self._running[place] = reason_of(error)

    def _row(
        self,
        row: PeerRow,
        place: int,
        answers: Sequence[dict[str, Any]],
        by_name: Mapping[str, Sequence[dict[str, Any]]],
    ) -> PeerRow:
        from dataclasses import replace

        running = self._running[place]
        if isinstance(running, str):
            return replace(row, error=running)
        seconds = tuple(answer["seconds"] for answer in answers)
        scores, ours = answers[-1]["scores"], by_name.get(OURS, [])
        yardstick = [answer["seconds"] for answer in by_name.get(YARDSTICK, [])]
        whole = len(yardstick) == len(seconds)
        return replace(
            row,
            seconds=seconds,
            against=tuple(one / own for one, own in zip(yardstick, seconds, strict=True)) if whole else (),
            largest=max(abs(a - b) for a, b in zip(scores, ours[-1]["scores"], strict=True)) if ours else None,
            outputs=(min(scores), max(scores)),
            peak_mib=max(answer["peak_mib"] for answer in answers),
            versions=running.versions,
        )


def texts_of(folder: Path, mix: str, count: int) -> Texts:
    """The texts of a mix for this model."""
    from playground.bench import checkpoints

    return mixes.texts(mix, count, mixes.tokenizer_of(folder), checkpoints.texts())


def _roofline(peer: Peer, mix: str, count: int, answers: Sequence[dict[str, Any]]) -> Roofline:
    forward, bare = zip(*(answer["scores"] for answer in answers), strict=True)
    ratios = tuple(one / other for one, other in zip(forward, bare, strict=True))
    return Roofline(mix, count, peer.precision, ratios, forward, bare)
