"""What the boxes of the workspace offer, and what they say of a model, in both languages."""

from __future__ import annotations

import sys
from functools import cache

from playground.inputs.pasted_text import MODES
from playground.inputs.scenarios import Scenario, load_all
from playground.models import catalog
from playground.models.named import split
from playground.ui import texts
from playground.ui.texts import Language, Phrase, phrase


def model_facts(model: str) -> list[Phrase]:
    """One line about a model, from the catalogue."""
    entry = catalog.find(split(model.split("@")[0]).name)
    if entry is None:
        return [phrase("model.own", "muted")]
    said: Phrase = {"tone": "muted"}
    for language in texts.LANGUAGES:
        size = f"{entry.download_mib / 1024:.1f} GiB" if entry.download_mib >= 1000 else f"{entry.download_mib} MiB"
        where = "model.is_built_in" if entry.built_in else "model.downloads"
        said[language] = " · ".join(
            (
                texts.say(
                    "model.facts",
                    language,
                    parameters=_in_millions(entry.n_parameters),
                    max_length=f"{entry.max_length:,}",
                    languages=_language_names(entry.languages, language),
                    licence=entry.licence,
                ),
                texts.say(where, language, size=size),
            )
        )
    return [said]


def _language_names(codes: tuple[str, ...], language: Language) -> str:
    known = texts.texts()
    return ", ".join(known[f"language.{code}"][language] if f"language.{code}" in known else code for code in codes)


def _in_millions(n: int) -> str:
    return f"{n / 1e9:.1f} B" if n >= 1e9 else f"{n / 1e6:.0f} M"


@cache
def examples() -> tuple[Scenario, ...]:
    """The example scenarios, read once."""
    return load_all()


def example_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say("input.example_hint", language), ""), *((each.title[language], each.id) for each in examples())]


def split_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"input.split_{mode.replace(' ', '_')}", language), mode) for mode in MODES]


def device_choices(language: Language) -> list[tuple[str, str]]:
    graphics = "mps" if sys.platform == "darwin" else "cuda"
    names = [
        ("model.auto", "auto"),
        ("model.mps" if graphics == "mps" else "model.gpu", graphics),
        ("model.cpu", "cpu"),
    ]
    return [(texts.say(key, language), value) for key, value in names]


def precision_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say("model.auto", language), "auto"), ("fp32", "fp32"), ("fp16", "fp16"), ("bf16", "bf16")]


def truncation_choices(language: Language) -> list[tuple[str, str]]:
    return [(texts.say(f"model.{name}", language), name) for name in ("only_second", "longest_first")]
