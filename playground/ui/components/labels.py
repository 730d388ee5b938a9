"""Labels of passages on the page: what the visitor said of a pair, over what came with the input."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace

import gradio as gr

from playground.core.errors import HistoryError, InvalidInput
from playground.core.labels import GRADES, UNSURE, Label
from playground.core.types import Comparison, Passage, RerankRequest, RerankResult
from playground.ui import texts
from playground.ui.components.html_parts import html_part
from playground.ui.services import Services
from playground.ui.texts import Phrase
from playground.ui.wiring import Caller

Said = list[object] | None


def build(elem_id: str) -> gr.HTML:
    """The unseen part through which the answers to given labels reach the page."""
    return html_part("shared/labels_answer", "<span></span>", elem_id=elem_id, elem_classes="pg-unseen")


def mark(request: RerankRequest) -> str:
    """Names a list of passages: a label that was meant for another list is refused by it."""
    digest = hashlib.blake2b(digest_size=9)
    for text in (request.query, *(passage.text for passage in request.passages)):
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def said(label: Label | None) -> Said:
    """A label as the page keeps it: grade and source."""
    return None if label is None else [label.grade, label.source]


def found(services: Services, caller: Caller, request: RerankRequest) -> tuple[list[Label | None], list[Phrase]]:
    """The stored labels of a list, in step with its passages, and what kept them from being found."""
    try:
        texts_of = [passage.text for passage in request.passages]
        return services.history.labels.find(caller.owner, request.query, texts_of), []
    except HistoryError as error:
        return [None] * len(request.passages), [texts.of_error(error, "warn")]


def effective(passage: Passage, label: Label | None) -> bool | None:
    """Whether a passage is relevant: as stored, else as the input said; None where nobody knows."""
    if label is None:
        return passage.label
    return label.grade > 0 if label.judged else None


def over(request: RerankRequest, labels: Sequence[Label | None]) -> RerankRequest:
    """The list with the labels that hold for it."""
    passages = (
        replace(passage, label=effective(passage, label))
        for passage, label in zip(request.passages, labels, strict=True)
    )
    return replace(request, passages=tuple(passages))


def over_result(result: RerankResult, labels: Sequence[Label | None]) -> RerankResult:
    """A result over the list with the labels that hold for it."""
    request = over(result.request, labels)
    scored = (replace(one, passage=request.passages[one.index]) for one in result.scored)
    return replace(result, request=request, scored=tuple(scored))


def over_comparison(comparison: Comparison, labels: Sequence[Label | None]) -> Comparison:
    """A comparison over the list with the labels that hold for it."""
    runs = (
        run if run.result is None else replace(run, result=over_result(run.result, labels)) for run in comparison.runs
    )
    return replace(comparison, request=over(comparison.request, labels), runs=tuple(runs))


def give(services: Services, caller: Caller, request: RerankRequest | None) -> dict[str, object]:
    """Store the label that the event gives to one passage of the list; what stands there now.

    Raises:
        InvalidInput: the list is another one by now, or this is no label.
        HistoryError: it could not be stored.
    """
    place, grade = caller.event.get("place"), graded(caller.event.get("grade"))
    there = request is not None and caller.text("of") == mark(request)
    if request is None or not there or type(place) is not int or not 0 <= place < len(request.passages):
        raise InvalidInput("The list on the page has changed since. Look at it again, then label.")
    services.history.labels.put(caller.owner, request.query, request.passages[place].text, grade)
    return answer(caller, label=None if grade is None else [grade, "human"])


def graded(grade: object) -> int | None:
    """A grade that came from the browser.

    Raises:
        InvalidInput: it is none.
    """
    if grade is None or (type(grade) is int and grade in (UNSURE, *GRADES)):
        return grade
    raise InvalidInput("A label is a grade from 0 to 3, or unsure, not {grade}.", grade=str(grade)[:20])


def answer(caller: Caller, **values: object) -> dict[str, object]:
    """An answer to one message of the page."""
    return {"nonce": secrets.token_hex(4), "token": caller.event.get("token"), **values}


def refused(phrase: Phrase) -> dict[str, object]:
    """The answer where the message could not be obeyed; what is on the page goes back."""
    return {"nonce": secrets.token_hex(4), "failed": True}


def listed(
    services: Services, caller: Caller, request: RerankRequest | None, view: str, **values: object
) -> dict[str, object] | None:
    """The labels of the list on the page as they are now; None where there is no list.

    Args:
        view: the name under which the script of the view is found.
    """
    if request is None:
        return None
    labels, _ = found(services, caller, request)
    return {
        "nonce": secrets.token_hex(4),
        "view": view,
        "of": mark(request),
        "labels": [said(label) for label in labels],
        **values,
    }
