"""Made queries: what a person might type who looks for a passage, in many styles."""

from __future__ import annotations

import random
import re

from playground.training.prose import Section

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
