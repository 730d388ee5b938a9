"""Running a snippet where its library is: in this process, or in an interpreter of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import constants

from playground.core.types import ModelChoice, RerankResult
from playground.engine.engine import Engine
from tests.engine.doubles import request_of, run

QUERY = "what is panda?"
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "hi",
    "Open the settings page, choose security, and press the reset button.",
    "大熊猫主要以竹子为食。",
    "Berlin is well known for its museums. " * 60,
    "what is panda?",
    "hi",
)
# The fixture of an interpreter, by what a program says must be installed.
BESIDE = {
    '"transformers==4.57.3"': "beside_flag_embedding",
    '"transformers==4.46.3"': "beside_layerwise",
    '"pylate>=': "beside_pylate",
}
# The interpreter there runs several snippets, and the folder of the hub is another one in a test.
HUB = "import huggingface_hub.constants as hub; hub.HF_HUB_CACHE = argv[0]\n"


def ranked(engine: Engine, model: str, query: str = QUERY, **settings: Any) -> RerankResult:
    """A run over `PASSAGES`, on the CPU in fp32 and cut at 64 tokens unless told otherwise."""
    usual: dict[str, Any] = {"device": "cpu", "precision": "fp32", "max_length": 64}
    instruction = settings.pop("instruction", None)
    choice = replace(ModelChoice(model), **usual | settings)
    return run(engine, replace(request_of(query, *PASSAGES), instruction=instruction), choice)


def left(request: pytest.FixtureRequest, code: str, name: str) -> dict[str, float]:
    """The list of (passage, score) that a program leaves under a name."""
    fixture = next((fixture for said, fixture in BESIDE.items() if said in code), None)
    pairs: Any
    if fixture is not None:
        pairs = request.getfixturevalue(fixture).run(f"{HUB}{code}", name, constants.HF_HUB_CACHE)
    else:
        names: dict[str, Any] = {}
        exec(compile(code, "<snippet>", "exec"), names)
        pairs = names[name]
    assert isinstance(pairs, list)
    # Copies of a passage are kept or dropped together, each for itself.
    assert sum(passage == "hi" for passage, _ in pairs) in (0, 2)
    return dict(pairs)
