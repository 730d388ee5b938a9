"""The query and the stages: what is searched how, what reranks it, and how many each lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import gradio as gr

from playground.core.funnel import FunnelRequest, FunnelResult, Retrieval
from playground.core.types import ModelChoice
from playground.ui import texts
from playground.ui.components.asked import Asked
from playground.ui.components.localized import Localized
from playground.ui.components.model_choices import reranker_choices
from playground.ui.components.model_rows import choice_of, typed
from playground.ui.services import Services
from playground.ui.texts import Language
from playground.ui.views.funnel import corpus_panel
from playground.ui.wiring import Caller

FIRST_K = 50
FIRST_KEEP = (10, 5)
# Words and vectors count the same.
EVEN = 0.5


class Form(NamedTuple):
    """The corpus with its embedder, then what stands in the form, in the order of `Widgets.values`."""

    corpus_id: str
    embedder: str | None
    query: str
    kind: Retrieval
    share: float
    k: float | None
    first: str | None
    first_keep: float | None
    second: str | None
    second_keep: float | None
    threshold_id: str | None

    @property
    def weights(self) -> tuple[float, float] | None:
        """Of words and vectors; None where each counts the same."""
        return None if self.share == EVEN else (self.share, 1 - self.share)

    def embedder_choice(self, services: Services) -> ModelChoice | None:
        """What makes the vectors, as the corpus is indexed; None where none are searched.

        Raises:
            PlaygroundError: none is chosen, or it cannot be named so.
        """
        if self.kind == "bm25":
            return None
        return corpus_panel.embedder_choice(services, self.embedder)

    def request(self, services: Services, caller: Caller, asked: Asked, corpus_name: str) -> FunnelRequest:
        """The stages as the engine takes them.

        Raises:
            PlaygroundError: a model that cannot be named so, or a threshold that is gone.
        """
        named = [
            (model, keep) for model, keep in ((self.first, self.first_keep), (self.second, self.second_keep)) if model
        ]
        threshold = services.history.thresholds.get(caller.owner, self.threshold_id) if self.threshold_id else None
        return FunnelRequest(
            query=self.query or "",
            corpus_id=self.corpus_id,
            corpus_name=corpus_name,
            kind=self.kind,
            k=int(self.k or 0),
            rerankers=tuple(choice_of(services, asked._replace(model=str(model)), "auto") for model, _ in named),
            keep=tuple(int(keep or 0) for _, keep in named),
            threshold=threshold,
            weights=self.weights if self.kind == "both" else None,
        )


class Refilled(NamedTuple):
    """The corpus, its embedder and the stages of a run that was opened; in the order of the view's `refilled`."""

    corpus: Any = gr.skip()
    embedder: Any = gr.skip()
    kind: Any = gr.skip()
    share: Any = gr.skip()
    k: Any = gr.skip()
    first: Any = gr.skip()
    first_keep: Any = gr.skip()
    second: Any = gr.skip()
    second_keep: Any = gr.skip()
    threshold: Any = gr.skip()


@dataclass(frozen=True)
class Widgets:
    """The components of the form."""

    query: gr.Textbox
    kind: gr.Radio
    share: gr.Slider
    k: gr.Number
    first: gr.Dropdown
    first_keep: gr.Number
    second: gr.Dropdown
    second_keep: gr.Number
    threshold: gr.Dropdown

    @property
    def values(self) -> list[Any]:
        """The components of a `Form` behind its corpus and embedder."""
        rerank = [self.first, self.first_keep, self.second, self.second_keep]
        return [self.query, self.kind, self.share, self.k, *rerank, self.threshold]

    @property
    def refilled(self) -> list[Any]:
        """The components of a `Refilled` behind the corpus and its embedder."""
        return self.values[1:]


def build(services: Services, localized: Localized) -> Widgets:
    """The query above, the stages beside each other below."""
    query = localized(
        gr.Textbox(lines=2, max_lines=6, elem_id="funnel-query"), label="funnel.query", placeholder="funnel.query_hint"
    )
    rerankers = reranker_choices(services)
    none = cast("Any", [("–", ""), *rerankers])
    with gr.Row(elem_id="funnel-stages", equal_height=False):
        with gr.Column(elem_classes="pg-card fn-stage", min_width=230):
            kind = localized(
                gr.Radio(cast("Any", kind_choices("en")), value="bm25", elem_id="funnel-kind"),
                label="funnel.retriever",
                choices=kind_choices,
            )
            share = localized(
                gr.Slider(0, 1, value=EVEN, step=0.1, visible=False, elem_id="funnel-share"),
                label="funnel.share",
                info="funnel.share_info",
            )
            k = localized(
                gr.Number(FIRST_K, precision=0, minimum=1, elem_id="funnel-k"), label="funnel.k", info="funnel.k_info"
            )
        with gr.Column(elem_classes="pg-card fn-stage", min_width=230):
            first = localized(
                gr.Dropdown(none, value=services.first_model, allow_custom_value=True, elem_id="funnel-first"),
                label="funnel.first",
            )
            first_keep = localized(
                gr.Number(FIRST_KEEP[0], precision=0, minimum=1, elem_id="funnel-first-keep"), label="funnel.keep"
            )
        with gr.Column(elem_classes="pg-card fn-stage", min_width=230):
            second = localized(
                gr.Dropdown(none, value="", allow_custom_value=True, elem_id="funnel-second"), label="funnel.second"
            )
            second_keep = localized(
                gr.Number(FIRST_KEEP[1], precision=0, minimum=1, visible=False, elem_id="funnel-second-keep"),
                label="funnel.keep",
            )
            threshold = localized(
                gr.Dropdown([("–", "")], value="", elem_id="funnel-threshold"),
                label="funnel.threshold",
                info="funnel.threshold_info",
            )
    return Widgets(query, kind, share, k, first, first_keep, second, second_keep, threshold)


def refilled(services: Services, caller: Caller, result: FunnelResult) -> Refilled:
    """The form that gives this run again; a corpus that is gone leaves the one that is chosen.

    Raises:
        HistoryError: the file cannot be read.
    """
    asked, first = result.request, result.retrieved
    models = [typed(choice) for choice in asked.rerankers] + ["", ""]
    keep = [*asked.keep, *FIRST_KEEP[len(asked.keep) :]]
    share = asked.weights[0] if asked.weights else EVEN
    corpus = corpus_panel.on_enter(services, caller, asked.corpus_id).chosen
    return Refilled(
        corpus if corpus["value"] == asked.corpus_id else gr.skip(),
        first.embedder if first is not None and first.embedder else gr.skip(),
        asked.kind,
        gr.update(value=share, visible=asked.kind == "both"),
        asked.k,
        models[0],
        keep[0],
        models[1],
        gr.update(value=keep[1], visible=bool(models[1])),
        on_thresholds(services, caller, asked.threshold.id if asked.threshold else ""),
    )


def kind_choices(language: Language) -> list[tuple[str, str]]:
    """The ways to search."""
    return [(texts.say(f"funnel.kind_{kind}", language), kind) for kind in ("bm25", "vectors", "both")]


def on_kind(services: Services, caller: Caller, kind: str) -> Any:
    """The share of words, for both."""
    return gr.update(visible=kind == "both")


def on_second(services: Services, caller: Caller, second: str | None) -> Any:
    """How many the second reranker lets through, once there is one."""
    return gr.update(visible=bool(second))


def on_thresholds(services: Services, caller: Caller, chosen: str | None) -> Any:
    """The visitor's saved thresholds; the one chosen stays while it is there.

    Raises:
        HistoryError: the file cannot be read.
    """
    saved = services.history.thresholds.list(caller.owner) if caller.owner else []
    choices = [("–", ""), *((f"{each.name} ({each.value:.4g} {each.scale.name})", each.id) for each in saved)]
    there = chosen if chosen in {id for _, id in choices} else ""
    return gr.update(choices=choices, value=there)
