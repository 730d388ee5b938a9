"""Rows to train and to choose on out of gathered text: each query beside passages that look like answers.

Candidates come from BM25 and from the query's own source, so that neither word overlap nor the field alone decides.
Rows of made queries carry no labels: a teacher scores them (`playground.training.scoring`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import bm25s

from playground.training.gather import Gathered, Pair
from playground.training.prose import Section
from playground.training.queries import ASKING, query_of, shorten
from playground.training.rows import Row, read_rows, write_rows

NEAR, PASSAGES = 40, 8  # BM25 hits that candidates are drawn from; passages of a row
DEV_CANDIDATES = 20
PER_SOURCE = 4000
FEWEST_CHARACTERS = 30
DEV_SETS = ("squad", "web", "consumer", "long", "fields")
DEV_SHARE, WEB_SHARE, DEV_ROWS = 0.3, 0.09, 120
WATCHED = 16  # rows of each set that are looked at while a stage trains
KINDS = {"answer": "consumer", "description": "long", "definition": "fields", "exercise": "fields"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, its own passage where it has one, and the source it comes from."""

    query: str
    own: str
    source: str


class Pool:
    """Passages with their sources, searched by words."""

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self.texts = [text for _, text in passages]
        self.by_source: dict[str, list[int]] = {}
        for at, (source, _) in enumerate(passages):
            self.by_source.setdefault(source, []).append(at)
        self.index = bm25s.BM25(method="lucene")
        self.index.index(bm25s.tokenize(self.texts, stopwords="en", show_progress=False), show_progress=False)

    def near(self, queries: Sequence[str]) -> list[list[int]]:
        """Places of each query's first `NEAR` BM25 hits."""
        words = bm25s.tokenize(list(queries), stopwords="en", return_ids=False, show_progress=False)
        # A query of function words alone finds nothing; bm25s wants at least one token.
        found, _ = self.index.retrieve(
            [w or ["the"] for w in words], k=min(NEAR, len(self.texts)), show_progress=False, sorted=True
        )
        return [[int(at) for at in row] for row in found]


def held_out(text: str, share: float) -> bool:
    """Whether a text belongs to the part kept for choosing; every query with the same answer falls on the same side."""
    return int(sha256(text.encode()).hexdigest()[:8], 16) < share * 16**8


def passages_of(gathered: Gathered, labelled: Sequence[Row], rng: random.Random) -> list[tuple[str, str]]:
    """The pool: sections (three in four shortened), answers, and passages of labelled rows, no source too many."""
    found: dict[str, str] = {}
    for section in _capped(gathered.sections, rng):
        text = section.text if rng.random() < 0.25 else shorten(section.text, rng)
        found.setdefault(text, section.source)
    for pair in gathered.pairs:
        found.setdefault(pair.text, pair.source)
    texts = sorted({text for row in labelled for text in (*row.pos, *row.neg)})
    for text in rng.sample(texts, min(6000, len(texts))):
        found.setdefault(text, "labelled")
    return [(source, text) for text, source in found.items() if len(text) >= FEWEST_CHARACTERS]


def _capped(sections: Sequence[Section], rng: random.Random) -> Iterator[Section]:
    met: dict[str, int] = {}
    for section in rng.sample(sections, len(sections)):
        met[section.source] = met.get(section.source, 0) + 1
        if met[section.source] <= PER_SOURCE:
            yield section


def asked_of_pairs(pairs: Sequence[Pair], rng: random.Random) -> list[Asked]:
    """People's questions as they are; a term as a title or as one of many ways to ask for it."""
    return [
        Asked(
            rng.choice(ASKING).format(pair.query) if pair.kind == "definition" and rng.random() < 0.7 else pair.query,
            pair.text,
            pair.source,
        )
        for pair in pairs
    ]


def made(gathered: Gathered, questions: Sequence[str], n: int, rng: random.Random) -> list[Asked]:
    """Three made queries for each real question without a passage."""
    sections = list(_capped(gathered.sections, rng))
    found = []
    for number in range(n):
        if number % 4 == 0:
            found.append(Asked(rng.choice(questions), "", ""))
            continue
        section = rng.choice(sections)
        short = Section(section.source, section.title, shorten(section.text, rng))
        query, own = query_of(short if rng.random() < 0.7 else section, rng)
        found.append(Asked(query, own, section.source))
    return found


def rows_of(asked: Sequence[Asked], pool: Pool, rng: random.Random, size: int = PASSAGES) -> Iterator[Row]:
    """A row for each query: its own passage (else the first hit), then hits near and far, neighbours, a stranger."""
    near = pool.near([one.query for one in asked])
    for one, hits in zip(asked, near, strict=True):
        neighbours = pool.by_source.get(one.source) or range(len(pool.texts))
        places = [
            *rng.sample(hits[:10], min(len(hits), size // 2)),
            rng.choice(hits[8:] or hits),
            *(rng.choice(neighbours) for _ in range(size // 4)),
            rng.randrange(len(pool.texts)),
        ]
        start = one.own[:60]
        others = [text for text in dict.fromkeys(pool.texts[at] for at in places) if text[:60] != start]
        if one.own and others:
            yield Row(one.query, (one.own,), tuple(others))
        elif len(others) > 1:
            yield Row(one.query, (others[0],), tuple(others[1:]))


def dev_rows(asked: Sequence[Asked], pool: Pool, rng: random.Random, limit: int) -> list[Row]:
    """Rows to choose on: half of the candidates by words, half from the same source."""
    picked = rng.sample(asked, min(limit, len(asked)))
    near = pool.near([one.query for one in picked])
    rows = []
    for one, hits in zip(picked, near, strict=True):
        neighbours = pool.by_source[one.source]
        places = [*hits[: DEV_CANDIDATES // 2], *rng.sample(neighbours, min(len(neighbours), DEV_CANDIDATES // 2))]
        others = [text for text in dict.fromkeys(pool.texts[at] for at in places) if text != one.own]
        rows.append(Row(one.query, (one.own,), tuple(others)))
    return rows


def split_pairs(pairs: Sequence[Pair], share: float) -> tuple[list[Pair], dict[str, list[Pair]]]:
    """Pairs to train on, and those held out by kind of query (see `KINDS`)."""
    train: list[Pair] = []
    dev: dict[str, list[Pair]] = {}
    for pair in pairs:
        if held_out(pair.text, share if pair.kind in ("answer", "description") else share / 3):
            dev.setdefault(KINDS[pair.kind], []).append(pair)
        else:
            train.append(pair)
    return train, dev


def prepare(
    gathered: Gathered, squad: Path, nq: Path, squad_dev: Path, out: Path, n_taught: int, say: Callable[[str], None]
) -> None:
    """Everything that the recipe reads: `squad`, `nq`, `pairs` (labelled), `taught`, and the sets to choose on.

    Args:
        squad, nq: labelled rows to train on; a part of `nq` is held out to choose on.
        squad_dev: labelled rows of other articles, to choose on.
    """
    rng = random.Random(0)
    out.mkdir(parents=True, exist_ok=True)
    squad_rows, nq_rows = read_rows([squad]), read_rows([nq])
    pool = Pool(passages_of(gathered, [*squad_rows, *nq_rows], rng))
    train, dev = split_pairs(gathered.pairs, DEV_SHARE)
    sets = {kind: dev_rows(asked_of_pairs(pairs, rng), pool, rng, DEV_ROWS) for kind, pairs in sorted(dev.items())}
    sets["web"] = [row for row in nq_rows if held_out(row.query, WEB_SHARE)][:DEV_ROWS]
    sets["squad"] = read_rows([squad_dev])[:DEV_ROWS]
    for name in DEV_SETS:
        write_rows(sets[name], out / f"dev_{name}.jsonl.gz")
    write_rows([row for name in DEV_SETS for row in sets[name][:WATCHED]], out / "dev.jsonl.gz")
    files = {
        "squad": squad_rows,
        "nq": (row for row in nq_rows if not held_out(row.query, WEB_SHARE)),
        "pairs": rows_of(asked_of_pairs(train, rng), pool, rng),
        "taught": rows_of(
            made(gathered, [*gathered.questions, *(row.query for row in squad_rows)], n_taught, rng), pool, rng
        ),
    }
    for name, rows in files.items():
        say(f"{write_rows(rows, out / f'{name}.jsonl.gz')} rows are in {name}.jsonl.gz")
