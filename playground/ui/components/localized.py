"""Components whose texts follow the language switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import gradio as gr

from playground.ui.texts import Language, say

C = TypeVar("C")

Choices = Callable[[Language], list[tuple[str, str]]]


class Binding(NamedTuple):
    """A component and the text key of each of its properties; a property may also be made from the language."""

    component: Any
    properties: dict[str, str | Choices]


class Localized:
    """Remembers every component whose texts are in the catalogue."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []

    def __call__(self, component: C, **properties: str | Choices) -> C:
        """The component, in English for now."""
        for name, value in in_language(Binding(component, properties), "en").items():
            setattr(component, name, value)
        self.bindings.append(Binding(component, properties))
        return component

    @property
    def components(self) -> list[Any]:
        return [binding.component for binding in self.bindings]

    def updates(self, language: Language, *, served: bool = False) -> list[Any]:
        """What every component becomes in another language, in the order of `components`.

        Args:
            served: the page is as it was served, in English, and what would stay so is left out.
        """
        now = [(binding.component, in_language(binding, language)) for binding in self.bindings]
        return [
            gr.skip() if served and _has(component, properties) else gr.update(**properties)
            for component, properties in now
        ]


def in_language(binding: Binding, language: Language) -> dict[str, Any]:
    """The properties of a bound component in one language."""
    return {
        name: say(source, language) if isinstance(source, str) else source(language)
        for name, source in binding.properties.items()
    }


def _has(component: Any, properties: dict[str, Any]) -> bool:
    return all(getattr(component, name) == value for name, value in properties.items())
