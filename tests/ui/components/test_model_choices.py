"""What the model boxes offer: by family, each with its size and whether it fits."""

from __future__ import annotations

from itertools import groupby

from playground.engine.engine import Engine
from playground.models.catalog import entries
from playground.models.room import Room
from playground.settings import Settings
from playground.ui.components.model_choices import (
    GROUPS,
    any_choices,
    described,
    group_of,
    model_name,
    reranker_choices,
    size_in_words,
)
from playground.ui.services import Services
from playground.ui.wiring import Caller
from playground.ui.workspace.view import on_room
from tests.ui import doubles

BASE, LARGE = "BAAI/bge-reranker-base", "BAAI/bge-reranker-large"


def test_models_of_a_family_stand_together_in_the_order_of_the_groups(services: Services) -> None:
    named = Services(Settings(models=("owner/own",)), services.engine, services.history)
    groups = [key for key, _ in groupby(group_of(value) for _, value in reranker_choices(named))]
    assert groups == ["built_in", "own", "cross_encoders", "language_models", "apart"]
    assert {group_of(value) for _, value in any_choices(named)} == set(GROUPS)
    assert all(group_of(entry.id) in GROUPS for entry in entries())


def test_every_name_says_its_family_its_size_and_whether_it_fits() -> None:
    names = [("bge-reranker-base", BASE), ("bge-reranker-large", LARGE), ("own", "owner/own")]
    room = Room("cpu", "fp32", 1500.0)
    assert [label for label, _ in described(names, "en", room)] == [
        "bge-reranker-base — cross-encoder · 278\u00a0M · 1.0\u00a0GiB · fits here",
        "bge-reranker-large — cross-encoder · 560\u00a0M · 2.1\u00a0GiB · too large here",
        "own",
    ]
    assert described(names, "zh", room)[0] == (
        "bge-reranker-base — 交叉编码器 · 278\u00a0M · 1.0\u00a0GiB · 放得下",
        BASE,
    )
    assert size_in_words(BASE, "en", None) == "278\u00a0M · 1.0\u00a0GiB"


def test_the_list_follows_language_precision_and_room(services: Services, caller: Caller) -> None:
    small = Services(services.settings, Engine(load_scorer=doubles.load(), free_mib=lambda _: 900.0), services.history)
    offered = {value: label for label, value in on_room(small, caller, "cpu", "fp32")["choices"]}
    assert offered["built-in/mini-reranker"] == "Mini reranker (built in, English demo)"
    assert offered[BASE].endswith("too large here")
    chinese = Caller("page", "visitor-one", "zh")
    assert any(label.endswith("放不下") for label, _ in on_room(small, chinese, "cpu", "fp32")["choices"])


def test_a_built_in_model_is_told_apart_by_what_runs_it() -> None:
    plain = model_name("built-in/mini-reranker")
    assert model_name("built-in/mini-reranker#backend=onnx") == f"{plain} · ONNX Runtime"
    assert model_name(f"{BASE}#backend=onnx") == f"{BASE}#backend=onnx"
