"""Many visitors at the same time: what each waits for, and that nobody gets the result of another.

The real page in a process of its own, over loopback, asked as a browser asks it. The scores of every answer are
compared with those of the same request alone in this process, where no other has been.
"""

from __future__ import annotations

import json
import math
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from playground.bench.served import page
from playground.core.errors import InvalidInput
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.engine import Engine
from playground.paths import ASSETS

MOST_VISITORS = 64
FEW, MANY = 10, 1000
# In fp32, where a score depends on what went through the model beside it in its last digits only.
PRECISION: Final = "fp32"
TOLERANCE = 1e-4
SECONDS_TO_ANSWER = 1800.0
N_WORDS = (8, 40)
MODEL = "built-in/mini-reranker"
NOTHING_MORE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Its words are its visitor's own, so an answer shows whose it is."""

    visitor: int
    query: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, by place in the list.

    Attributes:
        seconds: until the whole result was there.
        first_seconds: until the first scores were; None where they came with the rest.
        error: in place of a result; empty where there is one.
        run_id: under which the history keeps it.
    """

    asked: Asked
    seconds: float
    first_seconds: float | None
    found: Mapping[int, tuple[str, float]]
    error: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class LoadRow:
    """Requests of one size.

    Attributes:
        n_errors: that got no result.
        n_wrong: that got a text of another, or a score that is not its own.
        first: seconds to the first scores, the median.
    """

    n_passages: int
    n_requests: int
    p50: float
    p95: float
    first: float
    n_errors: int
    n_wrong: int


COLUMNS: Final = MappingProxyType(
    {
        "passages": lambda row: f"{row.n_passages:,}",
        "requests": lambda row: f"{row.n_requests}",
        "first scores, p50 (s)": lambda row: f"{row.first:.2f}",
        "all scores, p50 (s)": lambda row: f"{row.p50:.2f}",
        "p95 (s)": lambda row: f"{row.p95:.2f}",
        "errors": lambda row: f"{row.n_errors}",
        "not their own": lambda row: f"{row.n_wrong}",
    }
)


def rows(n_visitors: int, n_large: int, n_each: int) -> tuple[LoadRow, ...]:
    """All visitors at once: `n_large` of them with one request of a thousand passages, the others with ten each.

    Args:
        n_each: requests of a visitor with ten passages, one after the other.

    Raises:
        InvalidInput: numbers that make no load, or more than the page lets wait.
    """
    if not 0 <= n_large <= n_visitors <= MOST_VISITORS or n_visitors < 1 or n_each < 1:
        raise InvalidInput(
            "{n} visitors, {large} of them with a thousand passages, cannot be. Use 1 to {most} visitors, each with a "
            "request at least.",
            n=n_visitors,
            large=n_large,
            most=MOST_VISITORS,
        )
    asked = [
        [
            request(visitor, turn, MANY if visitor < n_large else FEW)
            for turn in range(1 if visitor < n_large else n_each)
        ]
        for visitor in range(n_visitors)
    ]
    with served() as (page, _):
        page.answer(request(n_visitors, 0, FEW))
        begin = threading.Barrier(n_visitors)

        def visit(own: Sequence[Asked]) -> list[Answer]:
            begin.wait()
            return [page.answer(each) for each in own]

        with ThreadPoolExecutor(n_visitors) as visitors:
            answers = [answer for found in visitors.map(visit, asked) for answer in found]
    right = list(map(is_right, answers, alone([answer.asked for answer in answers])))
    return tuple(
        row_of(n, [(answer, fine) for answer, fine in zip(answers, right, strict=True) if len(answer.asked.texts) == n])
        for n in (FEW, MANY)
        if any(len(answer.asked.texts) == n for answer in answers)
    )


def is_right(answer: Answer, expected: Sequence[float]) -> bool:
    """Whether the answer holds all texts of its request and no others, each with its own score."""
    if answer.error:
        return True
    texts = answer.asked.texts
    return answer.found.keys() == set(range(len(texts))) and all(
        text == texts[place] and abs(logit - expected[place]) <= TOLERANCE
        for place, (text, logit) in answer.found.items()
    )


class Page:
    """The running page, as a browser's scripts talk to it.

    Args:
        headers: of every request, such as the cookie of who signed in.
    """

    def __init__(self, host: str, port: int, headers: Mapping[str, str] = NOTHING_MORE) -> None:
        self._address = (host, port)
        self._headers = dict(headers)
        config = json.loads(self._ask("GET", "/config"))
        parts = {part["id"]: part for part in config["components"]}
        ids = {part["props"].get("elem_id"): id for id, part in parts.items()}
        run = ids["workspace-run"]
        self._event = next(each for each in config["dependencies"] if [run, "click"] in map(list, each["targets"]))
        self._run = run
        inputs = [parts[id] for id in self._event["inputs"]]
        self._inputs = [(part["props"].get("elem_id") or part["type"], part["props"].get("value")) for part in inputs]
        self._results = self._event["outputs"].index(ids["ranking-results"])

    @classmethod
    def at(cls, url: str, headers: Mapping[str, str] = NOTHING_MORE) -> Page:
        """The page at this address."""
        address = urlsplit(url)
        assert address.hostname is not None
        return cls(address.hostname, address.port or 80, headers)

    @staticmethod
    def owner(asked: Asked) -> str:
        """Under which the history keeps the run of a visitor who has not signed in."""
        return f"the-visitor-{asked.visitor:02}"

    def answer(self, asked: Asked) -> Answer:
        """The click on Rerank with these texts, until its last result."""
        begun = time.perf_counter()
        first = None
        session = f"visitor{asked.visitor}-{time.monotonic_ns()}"
        given = {
            "workspace-query": asked.query,
            "workspace-passages": "\n\n".join(asked.texts),
            "browserstate": {"id": self.owner(asked), "lang": "en"},
        }
        values = [given.get(name, value) for name, value in self._inputs]
        body = {"data": values, "fn_index": self._event["id"], "session_hash": session, "trigger_id": self._run}
        try:
            self._ask("POST", "/gradio_api/queue/join", body)
            for said in self._events(session):
                if first is None and '"n_scored"' in said:
                    first = time.perf_counter() - begun
                message = json.loads(said)
                if message["msg"] == "process_completed":
                    seconds = time.perf_counter() - begun
                    return Answer(asked, seconds, first, *self._found(message["output"]))
        except (OSError, HTTPException, KeyError, ValueError) as error:
            return Answer(asked, time.perf_counter() - begun, first, {}, f"{type(error).__name__}: {error}")
        return Answer(asked, time.perf_counter() - begun, first, {}, "the page ended its answer early")

    def _found(self, output: Mapping[str, Any]) -> tuple[dict[int, tuple[str, float]], str, str]:
        shown = output["data"][self._results] if "data" in output else None
        if not isinstance(shown, dict) or "rows" not in shown:
            return {}, str(output.get("error") or "the answer holds no result"), ""
        found = shown["rows"] if isinstance(shown["rows"], list) else json.loads(shown["rows"])
        return {row["index"]: (row["text"], row["logit"]) for row in found}, "", str(shown.get("run_id") or "")

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        connection = HTTPConnection(*self._address, timeout=SECONDS_TO_ANSWER)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"} | self._headers)
            response = connection.getresponse()
            said = response.read()
            if response.status != 200:
                raise ValueError(f"{path} answered {response.status}: {said[:200]!r}")
            return said
        finally:
            connection.close()

    def _events(self, session: str) -> Iterator[str]:
        connection = HTTPConnection(*self._address, timeout=SECONDS_TO_ANSWER)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={session}", headers=self._headers)
            for line in connection.getresponse():
                if line.startswith(b"data:"):
                    yield line[5:].decode()
        finally:
            connection.close()


@contextmanager
def served(*options: str) -> Iterator[tuple[Page, int]]:
    """The page with a history of its own, and the id of its process.

    Args:
        options: more flags of `launch.py`.

    Raises:
        InvalidInput: it did not start.
    """
    with tempfile.TemporaryDirectory() as folder, page(Path(folder), "--precision", PRECISION, *options) as up:
        yield Page.at(up.url), up.process.pid


def request(visitor: int, turn: int, n: int) -> Asked:
    """Texts that no other request has: each begins with the mark of its visitor."""
    draw = random.Random(f"{visitor} {turn}")
    mark = f"visitor{visitor:02}turn{turn}"
    texts = [f"{mark} {place} {' '.join(draw.choices(_WORDS, k=draw.randint(*N_WORDS)))}" for place in range(n)]
    return Asked(visitor, f"{mark} {' '.join(draw.choices(_WORDS, k=5))}", tuple(texts))


def _words() -> tuple[str, ...]:
    """Of the project's own examples."""
    files = sorted((ASSETS / "scenarios").glob("*.json"))
    text = " ".join(file.read_text(encoding="utf-8") for file in files)
    return tuple(sorted({word for word in text.split() if word.isascii() and word.isalpha()}))


_WORDS: Final = _words()


def alone(requests: Sequence[Asked]) -> Iterator[list[float]]:
    """The scores of each request, one after the other in an engine that nobody else uses."""
    engine = Engine(offline=True)
    choice = ModelChoice(MODEL, device="auto", precision=PRECISION)
    for asked in requests:
        passages = tuple(Passage(str(place), text) for place, text in enumerate(asked.texts))
        *_, last = engine.rerank(RerankRequest(asked.query, passages), choice)
        assert last.result is not None
        yield [one.logit for one in sorted(last.result, key=lambda one: one.index)]
    engine.close()


def row_of(n: int, answers: Sequence[tuple[Answer, bool]]) -> LoadRow:
    done = [answer for answer, _ in answers if not answer.error]
    seconds = [answer.seconds for answer in done]
    first = [answer.seconds if answer.first_seconds is None else answer.first_seconds for answer in done]
    wrong = sum(not fine for _, fine in answers)
    return LoadRow(
        n,
        len(answers),
        share_of(seconds, 0.5),
        share_of(seconds, 0.95),
        share_of(first, 0.5),
        len(answers) - len(done),
        wrong,
    )


def share_of(values: Sequence[float], share: float) -> float:
    """The value that this share of all do not pass; nan where there are none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan
