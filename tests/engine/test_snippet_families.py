"""Snippets of every family: run in their library, each gives the scores of the playground and keeps what it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from playground.core.errors import InvalidInput
from playground.core.types import RerankResult
from playground.engine.engine import Engine
from playground.engine.snippets import LIBRARIES, NAMES, OWN, SNIPPETS, program, snippet
from playground.engine.snippets.card import Card, literal
from tests import checkpoints, checkpoints_apart, embedder_checkpoints
from tests.engine.saved_thresholds import in_widest_gap, on, threshold
from tests.engine.snippet_programs import QUERY, left, ranked
from tests.models import layerwise_checkpoints

NLI = ("contradiction", "entailment", "neutral")
MAKERS = "0.4dense+0.2sparse+0.4colbert"
# Kind of a card, and how its checkpoint is made, by the folder's name: it says how some models are asked.
MADE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "cross-encoder": ("cross_encoder", lambda path: checkpoints.tiny_bert(path, identity=False)),
    "two-labels": ("two_labels", lambda path: checkpoints.tiny_bert(path, n_labels=2)),
    "nli": ("labels", lambda path: checkpoints.tiny_deberta(path, labels=NLI)),
    "Qwen3-Reranker-0.6B": ("qwen3-reranker", checkpoints.tiny_qwen3),
    "Qwen3-Reranker-0.6B-seq-cls": ("qwen3-reranker", lambda path: checkpoints.tiny_qwen3(path, classifier=True)),
    "bge-reranker-v2-gemma": ("bge-gemma", checkpoints.tiny_gemma),
    "mxbai-rerank-base-v2": ("mxbai-v2", checkpoints.tiny_qwen2),
    "monot5-base-msmarco": ("monot5", checkpoints.tiny_t5),
    "minicpm-layerwise#layer=4": ("bge-layerwise", layerwise_checkpoints.tiny_minicpm),
    "gemma2-lightweight#layer=6,ratio=2,at=1+4": ("bge-lightweight", layerwise_checkpoints.tiny_cost_wise),
    "gemma2-lightweight#layer=2": ("bge-lightweight", layerwise_checkpoints.tiny_cost_wise),
    "m3#mode=dense": ("m3_dense", checkpoints_apart.tiny_m3),
    "m3#mode=sparse": ("m3", checkpoints_apart.tiny_m3),
    "m3#mode=colbert": ("m3", checkpoints_apart.tiny_m3),
    f"m3#mode={MAKERS}": ("m3", checkpoints_apart.tiny_m3),
    "m3#mode=3dense+1colbert": ("m3", checkpoints_apart.tiny_m3),
    "splade": ("splade", checkpoints_apart.tiny_splade),
    "splade-twice": ("splade", lambda path: checkpoints_apart.tiny_splade(path, activation="log1p_relu")),
    "colbert": ("colbert", checkpoints_apart.tiny_pylate),
    "stanford": ("colbert", checkpoints_apart.tiny_stanford),
    "embedder": ("bi_encoder", embedder_checkpoints.tiny_bert_embedder),
}
# These need room for their prompt, and something has to be cut still.
LENGTHS = {
    "qwen3-reranker": 256,
    "monot5": 96,
    "mxbai-v2": 200,
    "bge-gemma": 96,
    "bge-layerwise": 96,
    "bge-lightweight": 96,
}
WRITERS = {library: import_module(SNIPPETS[library]).WRITERS for library in LIBRARIES}
CELLS = [(library, name) for library in LIBRARIES for name, (kind, _) in MADE.items() if kind in WRITERS[library]]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(offline=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def run_of(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RerankResult]:
    """Runs of the models of `MADE`, by their name and an instruction; each is built once."""
    root = tmp_path_factory.mktemp("made")
    known: dict[tuple[str, str | None], RerankResult] = {}

    def of(name: str, instruction: str | None = None) -> RerankResult:
        if (name, instruction) not in known:
            kind, make = MADE[name]
            folder = root / name.partition("#")[0]
            if not folder.exists():
                make(folder)
            settings: dict[str, Any] = {"kind": "embedder"} if kind == "bi_encoder" else {}
            length = LENGTHS.get(kind, 64)
            known[name, instruction] = ranked(
                engine, str(root / name), max_length=length, instruction=instruction, **settings
            )
        return known[name, instruction]

    return of


def test_every_kind_that_a_library_runs_is_run_here() -> None:
    assert {kind for writers in WRITERS.values() for kind in writers} == {kind for kind, _ in MADE.values()}


@pytest.mark.parametrize(("library", "name"), CELLS)
def test_the_code_of_a_run_gives_its_scores(
    request: pytest.FixtureRequest, run_of: Callable[..., RerankResult], library: str, name: str
) -> None:
    result = run_of(name)
    code = program(library, result)
    assert "THRESHOLD" not in code
    scores = {scored.passage.text: scored.logit for scored in result}
    assert any(scored.n_cut for scored in result)
    assert max(scores.values()) - min(scores.values()) > 0.1
    assert left(request, code, "scored") == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize(("library", "name"), CELLS)
def test_the_code_of_a_threshold_keeps_the_same_passages_under_its_instruction(
    request: pytest.FixtureRequest, run_of: Callable[..., RerankResult], library: str, name: str
) -> None:
    result = run_of(name, "Is it about animals? ")
    assert [scored.logit for scored in result] != [scored.logit for scored in run_of(name)]
    chosen = on(result, in_widest_gap(result))
    kept = {scored.passage.text: scored.logit for scored in result if scored.logit >= chosen.value}
    assert 0 < len(kept) < 6
    assert left(request, snippet(library, chosen, passages=passages_of(result)), "kept") == pytest.approx(
        kept, abs=1e-4
    )


def passages_of(result: RerankResult) -> list[str]:
    return [passage.text for passage in result.request.passages]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_library_does_not_score_so_is_refused_with_those_that_do(
    run_of: Callable[..., RerankResult], library: str
) -> None:
    for name in ("two-labels", "mxbai-rerank-base-v2", "minicpm-layerwise#layer=4", f"m3#mode={MAKERS}", "colbert"):
        kind, _ = MADE[name]
        if kind not in WRITERS[library]:
            others = [NAMES[each] for each in LIBRARIES if kind in WRITERS[each]]
            model, instead = name.partition("=")[0], ", ".join([*others, OWN])
            said = rf"{NAMES[library]} does not score .*{model}.* one of: {instead}\."
            with pytest.raises(InvalidInput, match=said):
                program(library, run_of(name))


def test_without_its_instruction_a_model_is_asked_without_it(
    request: pytest.FixtureRequest, run_of: Callable[..., RerankResult]
) -> None:
    for library, name in (("transformers", "bge-reranker-v2-gemma"), ("sentence-transformers", "Qwen3-Reranker-0.6B")):
        result = run_of(name, "")
        assert result.instruction == ""
        scores = {scored.passage.text: scored.logit for scored in result}
        assert left(request, program(library, result), "scored") == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("name", ["splade", "embedder"])
def test_what_stands_in_files_that_are_not_here_is_asked_for(run_of: Callable[..., RerankResult], name: str) -> None:
    result = run_of(name)
    away = replace(result, spec=replace(result.spec, model_id="org/gone", revision="a" * 40))
    with pytest.raises(InvalidInput, match=r"How org/gone is read stands in its files, which are not on this machine"):
        program("transformers", away)
    assert "org/gone" in program("sentence-transformers", away)


def test_a_head_of_bge_m3_is_fetched_from_the_hub_at_its_revision(run_of: Callable[..., RerankResult]) -> None:
    result = run_of("m3#mode=sparse")
    pinned = replace(result, spec=replace(result.spec, model_id="BAAI/bge-m3#mode=sparse", revision="a" * 40))
    for library in ("transformers", "flag-embedding"):
        code = program(library, pinned)
        assert '"*.model", "*.pt"]\nfolder = snapshot_download(MODEL, revision=REVISION' in code


@pytest.mark.parametrize("text", ["short", "one\ntwo \n\nthree", "word " * 60, "x" * 250, ""])
def test_a_long_text_is_written_over_several_lines_and_stays_the_same(text: str) -> None:
    assert eval(literal(text)) == text
    assert max(map(len, literal(text).splitlines())) < 120


def test_a_label_of_a_user_cannot_become_code() -> None:
    spec = replace(threshold().spec, family="cross_encoder", model_id="org/nli#label=x'\"); import os")
    card = Card(spec, replace(threshold().scale, name="log-odds"), "", QUERY, ("hi",))
    assert card.kind == "labels"
    assert f"LABEL = {card.named.label!r}\n" in card.constants()
