"""Comparisons made by the handlers of the view, over rerankers and embedders that count words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from playground.core.errors import ModelNotFound
from playground.core.types import ModelChoice
from playground.engine.loaded import OnProgress
from playground.ui.components.asked import Asked
from playground.ui.services import Services
from playground.ui.views.compare import view as compare
from playground.ui.views.compare.shown import Ran, Shown, Visit
from playground.ui.wiring import Caller
from tests.engine.doubles import OverlapScorer, Shelf

FIRST = "owner/reranker"
ASKED = Asked(
    query="red panda",
    text="blue whale\na red panda\nred red red paint",
    split="auto",
    model=FIRST,
    device="auto",
    precision="auto",
    max_length=None,
    truncation="only_second",
    batch_tokens=None,
    instruction="",
    known=(),
)
BM25 = {"model": "bm25", "precision": "auto", "kind": "auto"}
EMBEDDER = {"model": "built-in/mini-embedder", "precision": "auto", "kind": "auto"}


class Rounded(Shelf):
    """Scores that a lower precision moves by an eighth for each word, and a model `owner/gone` that is not there."""

    def __call__(self, choice: ModelChoice, *, offline: bool, on_progress: OnProgress | None) -> OverlapScorer:
        if choice.model_id == "owner/gone":
            raise ModelNotFound("There is no folder {folder}. Check the path, or type a Hub id.", folder="gone")
        scorer = super().__call__(choice, offline=offline, on_progress=on_progress)
        if choice.precision == "bf16":
            scorer.logit_of = lambda overlap: overlap + 0.125
        if choice.model_id == "owner/constant":
            scorer.logit_of = lambda overlap: 1.0
        if choice.model_id == "owner/backwards":
            scorer.logit_of = lambda overlap: -overlap
        return scorer


def row(model: str, precision: str = "auto", kind: str = "reranker") -> dict[str, str]:
    return {"model": model, "precision": precision, "kind": kind}


def steps(services: Services, caller: Caller, *rows: object, asked: Asked = ASKED) -> list[Ran]:
    return list(compare.on_compare(services, replace(caller, event={"rows": list(rows)}), Visit(), *asked))


def compared(services: Services, caller: Caller, *rows: object, asked: Asked = ASKED) -> Shown:
    return steps(services, caller, *rows, asked=asked)[-1].shown


def columns(shown: Shown) -> list[dict[str, Any]]:
    return [one | {"scored": json.loads(one["scored"])} for one in shown.results["columns"]]


def keys(said: list[dict[str, Any]]) -> list[str]:
    return [str(one.get("key") or one["en"]) for one in said]
