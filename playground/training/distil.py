"""A base's own knowledge as training rows: varied queries over any prose, scored by the base as a bi-encoder.

Passages are embedded once, so a teacher's score for any pairing is a dot product. The cosine is mapped to a logit by
a logistic regression on labelled rows, so that the rows carry a level as well as an order.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from playground.core.errors import InvalidInput
from playground.training.groups import dirty
from playground.training.loop import settle_precision
from playground.training.prose import Section
from playground.training.rows import Row, read_rows

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]

NEAR = 120  # how many of the nearest passages hard negatives are drawn from
FEWEST_SECTIONS = 20
MAX_WORDS = 130  # of a passage: what the teacher reads at 128 to 192 tokens
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
WORD = re.compile(r"[A-Za-z][A-Za-z-]{3,}")
ASKING = (
    "what is {}", "{} meaning", "{}", "what are {}?", "define {}", "tell me about {}", "{} explained", "What is {}?",
    "how does {} work", "What does {} mean?", "why {}?", "how to use {}", "Who needs {}?", "What is known about {}?",
    "what causes {}?", "When is {} used?", "is {} the same as something else", "examples of {}",
)  # fmt: skip
RAMBLING = (
    "Hello, I hope someone can help me. {} I am not sure what to make of this. {} Can anybody tell me more? Thank you.",
    "I have been reading about this for a while. {} {} What should I know?",
    "{} Also, {} Any information would be greatly appreciated.",
    "my question is about this: {} {}",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """logit = slope * cosine + offset, fitted on labelled rows."""

    slope: float
    offset: float

    def logits(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.slope * cosines + self.offset, dtype=np.float32)


def calibrate(rows: Sequence[Row], encode: Encode) -> Calibration:
    """Platt's logistic regression of "labelled relevant" on the teacher's cosine, classes weighed evenly."""
    texts = [text for row in rows for text in (row.query, *row.pos, *row.neg)]
    vectors, at, cosines, labels = encode(texts), 0, [], []
    for row in rows:
        n = len(row.pos) + len(row.neg)
        cosines.append(vectors[at + 1 : at + 1 + n] @ vectors[at])
        labels += [1] * len(row.pos) + [0] * len(row.neg)
        at += 1 + n
    model = LogisticRegression(C=1e4, class_weight="balanced").fit(np.concatenate(cosines)[:, None], labels)
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))


def query_of(section: Section, rng: random.Random) -> tuple[str, str]:
    """A query in one of many styles, and the passage left for it (a sentence that became the query is taken out)."""
    sentences = SENTENCE.split(section.text)
    title = section.title if len(section.title) > 2 else ""
    style = rng.random()
    if title and style < 0.35:
        return (rng.choice(ASKING).format(title) if len(title.split()) < 5 else title), section.text
    if len(sentences) >= 3 and style < 0.6:
        query = sentences.pop(rng.randrange(len(sentences)))
        return query, " ".join(sentences)
    if len(sentences) >= 4 and style < 0.75:
        first, second = (sentences.pop(rng.randrange(len(sentences))) for _ in range(2))
        return rng.choice(RAMBLING).format(first, second), " ".join(sentences)
    words = list(dict.fromkeys(word.lower() for word in WORD.findall(section.text)))
    words.sort(key=len, reverse=True)
    picked = rng.sample(words[:12], min(len(words[:12]), rng.randint(1, 4))) if words else [section.text[:40]]
    return " ".join(picked), section.text


def mine(
    sections: Sequence[Section], questions: Sequence[str], n_rows: int, encode: Encode, fit: Calibration, seed: int = 0
) -> Iterator[Row]:
    """`n_rows` rows of one passage taken as positive and five others from near to far, all with teacher logits.

    Args:
        sections: the passages to draw from.
        questions: real queries that join the made ones (a quarter of the rows).
    Raises:
        InvalidInput: too few sections.
    """
    if len(sections) < FEWEST_SECTIONS:
        raise InvalidInput(
            "{n} passages are too few to pair queries with. Give at least {least}.",
            n=len(sections),
            least=FEWEST_SECTIONS,
        )
    rng, reach = random.Random(seed), min(NEAR, len(sections) - 1)
    queries, owns, origins = [], [], []
    for number in range(n_rows):
        at = rng.randrange(len(sections))
        if questions and number % 4 == 0:
            queries.append(dirty(rng.choice(questions), rng))
            owns.append("")
        else:
            query, own = query_of(sections[at], rng)
            queries.append(query)
            owns.append(own)
        origins.append(at)
    passages = encode([section.text for section in sections])
    asked, left = encode(queries), encode([own or "-" for own in owns])
    for start in range(0, n_rows, 256):
        cosines = asked[start : start + 256] @ passages.T
        nearest = np.argpartition(-cosines, reach, axis=1)[:, :reach]
        for i, near in enumerate(nearest):
            number = start + i
            order = [int(j) for j in near[np.argsort(-cosines[i, near])] if j != origins[number]]
            picked = [*rng.sample(order[:8], 3), rng.choice(order[8:100]), rng.randrange(len(sections))]
            texts = [sections[j].text for j in picked]
            scores = [float(cosines[i, j]) for j in picked]
            if owns[number]:
                texts.insert(0, owns[number])
                scores.insert(0, float(asked[number] @ left[number]))
            if len(set(texts)) != len(texts):
                continue
            logits = [round(float(v), 4) for v in fit.logits(np.asarray(scores, dtype=np.float32))]
            yield Row(queries[number], (texts[0],), tuple(texts[1:]), (logits[0],), tuple(logits[1:]))


def write_rows(rows: Iterator[Row], path: Path) -> int:
    """Writes gzip JSONL in FlagEmbedding's format; returns how many rows."""
    n = 0
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for row in rows:
            n += 1
            record = {
                "query": row.query,
                "pos": row.pos,
                "neg": row.neg,
                "pos_scores": row.pos_scores,
                "neg_scores": row.neg_scores,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return n


def shorten(text: str, rng: random.Random) -> str:
    """The text up to the first end of a sentence after a drawn number of words: half of all passages stay below 70
    words, which a CPU trains on twice as fast as on 120."""
    limit = rng.randint(25, 70) if rng.random() < 0.5 else rng.randint(70, MAX_WORDS)
    kept: list[str] = []
    for sentence in SENTENCE.split(text):
        if len(kept) >= limit:
            break
        kept += sentence.split()
    return " ".join(kept[:MAX_WORDS])


def vary(sections: Sequence[Section], wiki: Sequence[str], seed: int) -> list[Section]:
    """No source outweighs the others: at most 550 sections of a manual, 2,500 of a dictionary, 7,000 of WordNet;
    and at most 5,000 of the labelled rows' passages. Each is shortened at random."""
    rng = random.Random(seed)
    shuffled, texts, met = list(sections), sorted(set(wiki)), Counter[str]()
    rng.shuffle(shuffled)
    rng.shuffle(texts)
    kept = []
    for section in shuffled:
        limit = 7000 if section.source == "dict-wn" else 2500 if section.source.startswith("dict") else 550
        if met[section.source] < limit:
            met[section.source] += 1
            kept.append(section)
    kept += [Section("labelled", "", text) for text in texts[:5000]]
    return [Section(section.source, section.title, shorten(section.text, rng)) for section in kept]


def run(
    sections: Sequence[Section], train: Sequence[Path], base: str, out: Path, n_rows: int, max_length: int, seed: int
) -> int:
    """Writes `n_rows` rows (fewer where passages repeat) with the scores of `base`; returns how many."""
    from playground.training import bi_encoder

    rows = read_rows(train)
    model, tokenizer = bi_encoder.load(base, None)

    def encode(texts: Sequence[str]) -> Vectors:
        # A cosine's third digit teaches nothing, and native bf16 is several times as fast.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=settle_precision("auto", "cpu") == "bf16"):
            return bi_encoder.embed(model, tokenizer, texts, max_length)

    fit = calibrate(random.Random(seed).sample(rows, min(300, len(rows))), encode)
    passages = [text for row in rows for text in (*row.pos, *row.neg)]
    pool = vary(sections, passages, seed)
    return write_rows(mine(pool, [row.query for row in rows], n_rows, encode, fit, seed), out)
