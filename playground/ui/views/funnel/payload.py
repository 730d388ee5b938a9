"""One query's way through the funnel, as plain values that the page's scripts draw."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from playground.analysis.naming import run_names
from playground.core.corpora import CorpusPassage
from playground.core.funnel import FunnelResult
from playground.core.types import ModelRun, Passage
from playground.corpus.corpora import Corpus
from playground.engine import threshold_files
from playground.ui import texts
from playground.ui.components.figures import in_both
from playground.ui.components.html_parts import packed
from playground.ui.components.model_choices import model_name
from playground.ui.texts import Language, Phrase, phrase
from playground.ui.views.funnel.searching import around

# Answers with the neighbourhood of their document; the others show their own text.
MOST_IN_DOCUMENT = 30


def payload(
    result: FunnelResult,
    *,
    corpus: Corpus | None = None,
    grades: Mapping[str, int] | None = None,
    unreached: Sequence[CorpusPassage] = (),
    run_id: str | None = None,
    running: bool = False,
    warnings: Sequence[Phrase] = (),
) -> dict[str, object]:
    """Everything of one query.

    Args:
        corpus: None where it is gone; then the answers stand without their documents.
        grades: what somebody said of passages, by id; None where nobody said anything of this query.
        unreached: passages that are labelled relevant and were not brought.
    """
    answer, first = result.answer, result.retrieved
    assert first is not None
    scores = [{one.passage.id: (one.rank, one.score, False) for one in result.found}]
    scores += [{one.passage.id: (one.rank, one.logit, one.tied) for one in each.scored} for each in result.scored]
    by_id = {one.passage.id: one.passage for one in result.found}
    places = {id: rank for rank, id in enumerate(answer, 1)}
    rescued, lost = result.rescued, result.lost
    order = [*answer, *(id for id in result.ranking_at(result.request.k) if id not in places)]
    rows = [
        {
            "id": id,
            **_text(by_id[id]),
            "at": [stage.get(id) for stage in scores],
            "answer": places.get(id),
            "fate": "rescued" if id in rescued else "lost" if id in lost else "",
            "grade": None if grades is None else grades.get(id),
            "around": around(corpus, by_id[id]) if places.get(id, MOST_IN_DOCUMENT + 1) <= MOST_IN_DOCUMENT else None,
        }
        for id in order
    ]
    said = [*warnings, *_about(result)]
    return {
        "nonce": secrets.token_hex(4),
        "query": result.request.query,
        "corpus": result.request.corpus_name,
        "n_corpus": first.n_corpus,
        "k": result.request.k,
        "top_n": result.top_n,
        "stages": [_first_stage(result), *(_stage(result, place) for place in range(len(result.stages)))],
        "rows": packed(rows),
        "n_rescued": len(rescued),
        "n_lost": len(lost),
        "unreached": packed([{"id": each.id, "title": each.title, "text": each.text} for each in unreached]),
        "labelled": grades is not None,
        "n_relevant": sum(grade > 0 for grade in (grades or {}).values()),
        "figure": None if running or not result.scored else in_both("funnel_lines", result, names_of(result, "en")),
        "run_id": run_id,
        "running": running,
        "warnings": said,
    }


def names_of(result: FunnelResult, language: Language) -> tuple[str, ...]:
    """The retriever, then the rerankers."""
    kind = texts.say(f"funnel.name_{result.request.kind}", language)
    first = result.retrieved
    return (f"{kind} {model_name(first.embedder)}" if first and first.embedder else kind, *run_names(result.stages))


def _text(passage: Passage) -> dict[str, object]:
    """Title and text apart: a reranker reads both as one."""
    n_title = int(str(passage.meta.get("n_title") or 0))
    return {"title": str(passage.meta.get("title") or ""), "text": passage.text[n_title:]}


def _first_stage(result: FunnelResult) -> dict[str, object]:
    first = result.retrieved
    assert first is not None
    return {
        "name": {language: names_of(result, language)[0] for language in texts.LANGUAGES},
        "state": "done" if first.found else "empty",
        "n_in": first.n_corpus,
        "n_out": len(first.found),
        "seconds": first.seconds,
        "n_tokens": None,
        "n_cached": 0,
        "scale": first.scale,
        "fingerprint": first.fingerprint,
        "said": None if first.found else phrase("funnel.nothing_found", "warn"),
    }


def _stage(result: FunnelResult, place: int) -> dict[str, object]:
    run, ran = result.stages[place], result.stages[place].result
    name = run_names(result.stages)[place]
    orders = result.order_at(result.request.k)
    return {
        "name": dict.fromkeys(texts.LANGUAGES, name),
        "state": _state(run),
        "n_in": None if ran is None else len(ran.request.passages),
        "n_out": len(orders[place + 1]) if len(orders) > place + 1 else None,
        "n_scored": 0 if ran is None else len(ran.scored),
        "seconds": None if ran is None else ran.seconds,
        "n_tokens": None if ran is None else ran.n_tokens,
        "n_cached": 0 if ran is None else ran.n_cached,
        "scale": None if ran is None else ran.scale.name,
        "fingerprint": "" if ran is None else ran.spec.fingerprint,
        "ran": None if ran is None else [ran.spec.device, ran.spec.precision, (ran.spec.revision or "")[:7]],
        "said": None if run.error is None else texts.of_error(run.error),
    }


def _state(run: ModelRun) -> str:
    if run.error is not None:
        return "failed"
    if run.result is None:
        return "waiting"
    return "done" if run.result.complete else "stopped"


def _about(result: FunnelResult) -> list[Phrase]:
    """What is to be known of the numbers."""
    said: list[Phrase] = []
    first, threshold = result.retrieved, result.request.threshold
    if first is not None and first.found and len(first.found) < result.request.k:
        said.append(phrase("funnel.fewer", "muted", n=len(first.found), k=result.request.k))
    if result.refused is not None:
        said.append(texts.of_error(result.refused, "warn"))
    elif threshold is not None and result.scored:
        last = result.scored[-1]
        said.append(phrase("funnel.cut_by", "muted", name=threshold.name, n=len(result.answer)))
        said += [texts.both(each) for each in threshold_files.warnings(threshold, last.spec, last.instruction)]
    for each in result.scored:
        said += [texts.both(warning) for warning in each.warnings]
    return said
