"""Which texts of the catalogue the sources ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

QUOTED = re.compile(r"""["']([a-z][a-z_]*)\.([a-z0-9_]+)["']""")
# `panel.card_${method}` in a script, f"panel.left_out_{name}" in Python.
FILLED = re.compile(r"""(?:f["']|`)([a-z][a-z_]*)\.([a-z0-9_]*)\$?\{""")
SAID = re.compile(r"""\b(?:say|phrase|step|step_of)\(\s*["']([a-z][a-z_]*\.[a-z0-9_]+)["']""")
# `${key}_title`: a companion of another key.
COMPANION = re.compile(r"`\$\{\w+\}(_[a-z]+)`")
FILE = re.compile(r".+\.(csv|db|json|safetensors|txt|html|toml)")
WORD = re.compile(r"[A-Za-z0-9_-]+")


class Keys(NamedTuple):
    """What is wrong between sources and catalogue.

    Attributes:
        missing: asked for by a source, and in no catalogue.
        unused: in a catalogue, and asked for by nobody.
    """

    missing: list[str]
    unused: list[str]


def keys(sources: Iterable[str], catalogue: Set[str]) -> Keys:
    """Compares the texts that sources (Python and scripts) ask for with those that there are.

    A key that is put together at run time counts as used where its beginning is in a source and its end a word of one.
    """
    texts = list(sources)
    sections = {key.split(".")[0] for key in catalogue}
    asked = {key for text in texts for key in SAID.findall(text)}
    asked |= {f"{a}.{b}" for text in texts for a, b in QUOTED.findall(text) if a in sections}
    asked = {key for key in asked if key in catalogue or not FILE.fullmatch(key)}
    companions = ["_one", *(end for text in texts for end in COMPANION.findall(text))]
    starts = {(a, b) for text in texts for a, b in FILLED.findall(text) if a in sections}
    words = {part for text in texts for word in WORD.findall(text) for part in (word, word.replace("-", "_"))}

    def used(key: str) -> bool:
        section, _, name = key.partition(".")
        return key in asked or any(
            section == a and name.startswith(b) and _made_of(name[len(b) :], words) for a, b in starts
        )

    unused = [key for key in catalogue if not any(map(used, (key, *(key.removesuffix(end) for end in companions))))]
    lost = [f"{a}.{b}" for a, b in starts if not any(key.startswith(f"{a}.{b}") for key in catalogue)]
    return Keys(sorted({*asked - set(catalogue), *lost}), sorted(unused))


def _made_of(rest: str, words: Set[str]) -> bool:
    """Whether the end of a key is a word of the sources, or one with a suffix of a template."""
    return any(rest[:end] in words for end in range(1, len(rest) + 1) if end == len(rest) or rest[end] == "_")


def one_sided(catalogue: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Keys that lack a language, or have an empty text in one."""
    return (key for key, entry in catalogue.items() if set(entry) != {"en", "zh"} or not all(entry.values()))
