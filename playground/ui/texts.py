"""Texts of the page in English and Chinese: one catalogue, of a `texts.toml` beside each view's script and style."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from playground.core.errors import PlaygroundError, Problems
from playground.paths import ASSETS

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

Phrase = dict[str, object]

_FIELD = re.compile(r"\{(\w+)(?:![rs])?(?::[^}]*)?\}")


def say(key: str, language: Language = "en", **values: object) -> str:
    """The text under `key`, filled; its `_one` form where `n` is 1.

    Raises:
        KeyError: the catalogue has no such key.
    """
    catalogue = texts()
    single = catalogue.get(f"{key}_one") if values.get("n") == 1 else None
    return (single or catalogue[key])[language].format(**values)


def phrase(key: str, tone: str = "plain", **values: object) -> Phrase:
    """A text that the page fills in the language of the moment: it follows a switch without asking the server."""
    if key not in texts():
        raise KeyError(key)
    return {"key": key, "values": values, "tone": tone}


def sentence(error: PlaygroundError, language: Language = "en") -> str:
    """What an error says, in `language`; English where it has no translation."""
    template = errors().get(error.template, {}).get(language) if language != "en" else None
    values = {name: _said(value, language) for name, value in error.values.items()}
    return template.format(**values) if template else str(error)


def _said(value: object, language: Language) -> object:
    if isinstance(value, PlaygroundError):
        return sentence(value, language)
    return " ".join(sentence(error, language) for error in value) if isinstance(value, Problems) else value


def both(text: str, tone: str = "warn") -> Phrase:
    """A finished English sentence as a phrase in both languages, by finding the template it was made from."""
    return {"en": text, "zh": translated(text), "tone": tone}


def of_error(error: PlaygroundError, tone: str = "bad") -> Phrase:
    """An error as a phrase. Filled here, since a value may need Python's way of formatting."""
    return {"en": sentence(error, "en"), "zh": sentence(error, "zh"), "tone": tone}


def translated(text: str) -> str:
    """The Chinese of a finished English sentence, or the sentence itself where no template fits."""
    for template in _most_literal_first():
        found = _pattern(template).fullmatch(text)
        if found and "zh" in errors()[template]:
            return _filled(errors()[template]["zh"], found.groupdict())
    return text


@cache
def _most_literal_first() -> list[str]:
    """Templates of errors, so that one such as "{file}: {problem}" takes no sentence that has a template of its own."""
    return sorted(errors(), key=lambda template: -len(_FIELD.sub("", template)))


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda field: values.get(field[1]) or "", template)


@cache
def texts() -> Mapping[str, Mapping[Language, str]]:
    """Texts by language, by dotted key."""
    flat: dict[str, Mapping[Language, str]] = {}
    for path in sorted(ASSETS.glob("*/texts.toml")):
        for section, entries in _read(path)["texts"].items():
            # `|` would let a section of one file hide that of another.
            assert not any(key.startswith(f"{section}.") for key in flat), f"{path}: [texts.{section}] is in two files"
            flat |= {f"{section}.{key}": cast("Mapping[Language, str]", entry) for key, entry in entries.items()}
    return MappingProxyType(flat)


@cache
def errors() -> Mapping[str, Mapping[str, str]]:
    """Translations by language, by English template."""
    return MappingProxyType(cast("dict[str, Mapping[str, str]]", _read(ASSETS / "shared" / "errors.toml")["errors"]))


@cache
def for_browser() -> str:
    """The catalogue as JSON that is safe inside a `<script>` element."""
    catalogue = {"texts": dict(texts()), "errors": dict(errors())}
    return json.dumps(catalogue, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def language_of(accepted: str) -> Language:
    """The first of our languages in an Accept-Language header; English where there is none."""
    for part in accepted.lower().split(","):
        code = part.split(";")[0].strip().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


def _read(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts, seen, end = [], set(), 0
    for field in _FIELD.finditer(template):
        name = field[1]
        parts += [re.escape(template[end : field.start()]), f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"]
        seen.add(name)
        end = field.end()
    return re.compile("".join([*parts, re.escape(template[end:])]), re.DOTALL)
