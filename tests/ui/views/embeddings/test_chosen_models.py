"""The models of the embeddings and their instructions, from the values of the boxes."""

from __future__ import annotations

from typing import Any

from playground.models.embedder_files import TASKS
from playground.ui.views.embeddings.chosen_models import MOST_MODELS, Chosen, updates

BGE = "BAAI/bge-small-en-v1.5"
BGE_INSTRUCTION = "Represent this sentence for searching relevant passages: "


def boxes(*models: str, slotted: tuple[str, ...] = (), on: tuple[bool, ...] = (), said: tuple[str, ...] = ()) -> Any:
    """The values of `Widgets.chosen`."""
    switches = (*on, *[False] * (MOST_MODELS - len(on)))
    return [list(models), slotted, *switches, *said, *[""] * (MOST_MODELS - len(said))]


def test_a_model_brings_its_own_instruction_with_its_space() -> None:
    chosen = Chosen.of(*boxes("counts", BGE, "built-in/mini-embedder"))
    assert chosen.said(BGE) == (True, BGE_INSTRUCTION)
    assert chosen.instruction(BGE) == BGE_INSTRUCTION
    assert chosen.said("built-in/mini-embedder") == (False, "")
    assert chosen.instruction("counts") is None


def test_a_model_under_a_task_takes_the_prompts_of_the_task() -> None:
    for model in ("BAAI/llm-embedder#task=chat", "BAAI/llm-embedder@main#task=chat"):
        chosen = Chosen.of(*boxes(model))
        assert (chosen.said(model), chosen.instruction(model)) == ((True, ""), None)
        assert "109 M" in updates(chosen)[0].line[1]["en"]
    assert Chosen.of(*boxes("BAAI/llm-embedder")).instruction("BAAI/llm-embedder") == TASKS["qa"].query


def test_what_was_typed_for_a_model_stays_with_it_when_others_come_and_go() -> None:
    before = boxes("b", BGE, slotted=("a", "b"), on=(True, False), said=("of a", "of b"))
    chosen = Chosen.of(*before)
    slots = updates(chosen)
    assert chosen.models == ("b", BGE)
    assert [(slot.switch, slot.text) for slot in slots[:2]] == [(False, "of b"), (True, BGE_INSTRUCTION)]
    assert [slot.box["visible"] for slot in slots] == [True, True, False, False]
    assert slots[1].line[0]["en"] == BGE
