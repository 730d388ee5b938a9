"""Snippets of a threshold: run in their library, each keeps the very passages that the playground keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from playground.core.errors import InvalidInput
from playground.core.scales import BM25, COSINE, FILE, sigmoid
from playground.core.thresholds import Threshold
from playground.core.types import ModelChoice, RerankResult
from playground.engine.engine import Engine
from playground.engine.snippets import LIBRARIES, NAMES, SNIPPETS, snippet
from playground.engine.snippets.card import sigmoid_note
from playground.paths import BUILT_IN_MODELS
from tests import embedder_checkpoints
from tests.checkpoints import edit_json
from tests.engine.doubles import request_of, run
from tests.engine.saved_thresholds import in_widest_gap, on, threshold
from tests.engine.snippet_programs import PASSAGES, QUERY, left, ranked

REVISION = "b" * 40
ONE_LABEL = ("tiny_xlmr", "tiny_bert", "built_in_reranker")
# Those that run cross-encoders.
RUN_PAIRS = tuple(library for library in LIBRARIES if library != "pylate")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(offline=True)
    yield engine
    engine.close()


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Path)
    return found


@pytest.fixture(scope="module")
def built_in_embedder() -> Path:
    return BUILT_IN_MODELS / "mini-embedder"


@pytest.fixture(scope="module")
def tiny_saturated(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All logits around 40, where a sigmoid in float32 is exactly 1."""
    from safetensors.torch import load_file, save_file

    path = tmp_path_factory.mktemp("tiny-saturated") / "model"
    shutil.copytree(tiny_bert, path)
    weights = load_file(path / "model.safetensors")
    weights["classifier.bias"] += 40.0
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    return path


@pytest.fixture(scope="module")
def tiny_mean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import checkpoints

    return checkpoints.tiny_embedder(tmp_path_factory.mktemp("tiny-mean"), pooling="mean", normalize=False)


def kept_there(request: pytest.FixtureRequest, kind: str, chosen: Threshold, query: str = QUERY) -> dict[str, float]:
    """What the snippet keeps when it is run, with the scores that its library gives."""
    return left(request, snippet(kind, chosen, query=query, passages=PASSAGES), "kept")


def kept_here(result: RerankResult, chosen: Threshold) -> dict[str, float]:
    kept = {scored.passage.text: scored.logit for scored in result if scored.logit >= chosen.value}
    assert 0 < len(kept) < len({passage.text for passage in result.request.passages})
    return kept


@pytest.mark.parametrize("kind", RUN_PAIRS)
@pytest.mark.parametrize("folder", ONE_LABEL, indirect=True)
def test_a_reranker_keeps_the_same_passages_there(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    result = ranked(engine, str(folder))
    assert any(scored.n_cut for scored in result)
    chosen = on(result, in_widest_gap(result))
    there = kept_there(request, kind, chosen)
    assert there == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", RUN_PAIRS)
@pytest.mark.parametrize("folder", ["tiny_saturated"], indirect=True)
def test_a_threshold_where_the_sigmoid_is_flat_cuts_at_the_same_place(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    result = ranked(engine, str(folder))
    assert min(scored.logit for scored in result) > 20
    chosen = on(result, in_widest_gap(result))
    assert "rounds it to 1.0" in snippet(kind, chosen).replace("\n# ", " ")
    assert kept_there(request, kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", RUN_PAIRS)
@pytest.mark.parametrize("folder", ["tiny_xlmr"], indirect=True)
def test_an_instruction_goes_before_the_query_there_too(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    plain = ranked(engine, str(folder))
    result = ranked(engine, str(folder), instruction="query passage ")
    assert [scored.logit for scored in plain] != [scored.logit for scored in result]
    chosen = on(result, in_widest_gap(result))
    assert kept_there(request, kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", RUN_PAIRS)
@pytest.mark.parametrize("folder", ["built_in_reranker"], indirect=True)
def test_bf16_keeps_the_same_passages_away_from_the_line(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    result = ranked(engine, str(folder), precision="bf16")
    chosen = on(result, in_widest_gap(result))
    assert kept_there(request, kind, chosen).keys() == kept_here(result, chosen).keys()


@pytest.mark.parametrize(
    ("kind", "truncation"), [("sentence-transformers", "longest_first"), ("flag-embedding", "only_second")]
)
@pytest.mark.parametrize("folder", ["tiny_xlmr"], indirect=True)
def test_a_long_query_is_cut_as_here_where_the_library_cuts_that_way(
    request: pytest.FixtureRequest, engine: Engine, kind: str, truncation: str, folder: Path
) -> None:
    query = "what is panda? " * 40
    result = ranked(engine, str(folder), query, truncation=truncation)
    chosen = on(result, in_widest_gap(result))
    assert "cut long texts" not in snippet(kind, chosen)
    assert kept_there(request, kind, chosen, query) == pytest.approx(kept_here(result, chosen), abs=1e-4)
    other = "only_second" if truncation == "longest_first" else "longest_first"
    assert "cut long texts" in snippet(kind, on(ranked(engine, str(folder), query, truncation=other), 0.0))


@pytest.mark.parametrize("kind", ["transformers", "sentence-transformers", "flag-embedding"])
@pytest.mark.parametrize("folder", ["tiny_embedder", "tiny_mean", "built_in_embedder"], indirect=True)
def test_an_embedder_keeps_the_same_passages_there(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    result = ranked(engine, str(folder), kind="embedder", instruction="find: ")
    chosen = on(result, in_widest_gap(result))
    there = kept_there(request, kind, chosen)
    assert there == pytest.approx(kept_here(result, chosen), abs=1e-5)


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Embedders that put prompts before query and passages: what names them, by family."""
    path = tmp_path_factory.mktemp("prompted")
    llm_embedder = embedder_checkpoints.tiny_bert_embedder(path / "llm-embedder", "cls")
    declared = {"query": "query: ", "document": "passage: "}
    bert = embedder_checkpoints.tiny_bert_embedder(path / "bert", "mean", declared)
    edit_json(bert / "config_sentence_transformers.json", default_prompt_name="document")
    return {
        "llm-embedder": f"{llm_embedder}#task=chat",
        "declared": str(bert),
        "qwen3": str(embedder_checkpoints.tiny_qwen_embedder(path / "qwen3")),
        "embeddinggemma": str(embedder_checkpoints.tiny_embeddinggemma(path / "gemma")),
    }


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        *(("sentence-transformers", family) for family in ("llm-embedder", "declared", "qwen3", "embeddinggemma")),
        *(("transformers", family) for family in ("llm-embedder", "declared", "qwen3")),
        *(("flag-embedding", family) for family in ("llm-embedder", "declared")),
    ],
)
@pytest.mark.parametrize("instruction", [None, ""])
def test_an_embedder_with_prompts_keeps_the_same_passages_there(
    request: pytest.FixtureRequest,
    engine: Engine,
    prompted: dict[str, str],
    kind: str,
    family: str,
    instruction: str | None,
) -> None:
    result = ranked(engine, prompted[family], kind="embedder", instruction=instruction)
    chosen = on(result, in_widest_gap(result))
    assert kept_there(request, kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-5)


@pytest.mark.parametrize(("family", "said"), [("qwen3", "by its last token"), ("embeddinggemma", "the linear steps")])
def test_what_flag_embedding_does_not_pool_so_is_refused(
    engine: Engine, prompted: dict[str, str], family: str, said: str
) -> None:
    chosen = on(ranked(engine, prompted[family], kind="embedder"), 0.5)
    with pytest.raises(InvalidInput, match=said):
        snippet("flag-embedding", chosen)


@pytest.fixture
def on_the_hub(tiny_xlmr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model id whose files lie in the Hub's cache under one revision only, without a network."""

    repo = tmp_path / "models--org--tiny"
    shutil.copytree(tiny_xlmr, repo / "snapshots" / REVISION)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return "org/tiny"


@pytest.mark.parametrize("kind", RUN_PAIRS)
def test_a_model_of_the_hub_is_loaded_at_its_revision(
    request: pytest.FixtureRequest, engine: Engine, kind: str, tiny_xlmr: Path, on_the_hub: str
) -> None:
    result = ranked(engine, str(tiny_xlmr))
    chosen = on(result, in_widest_gap(result))
    pinned = replace(chosen, spec=replace(chosen.spec, model_id=on_the_hub, revision=REVISION))
    assert kept_there(request, kind, pinned) == pytest.approx(kept_here(result, chosen), abs=1e-4)
    with pytest.raises(OSError, match=r"."):
        kept_there(request, kind, replace(pinned, spec=replace(pinned.spec, revision="c" * 40)))


def test_the_registry_names_every_library() -> None:
    assert set(SNIPPETS) == set(NAMES) == set(LIBRARIES)


@pytest.mark.parametrize("kind", RUN_PAIRS)
def test_a_model_of_the_hub_is_pinned_to_its_revision(kind: str) -> None:
    code = snippet(kind, threshold())
    compile(code, "snippet", "exec")
    assert "MODEL = 'org/model'" in code
    assert f"REVISION = '{'a' * 40}'" in code
    assert code.count("REVISION") == (3 if kind == "transformers" else 2)
    assert "THRESHOLD = 0.30000000000000004\n" in code
    said = " ".join(code.replace("\n# ", " ").split())
    assert "for a precision of at least 0.9 on 'support' (20 queries, 212 pairs) on 2026-11-23" in said


@pytest.mark.parametrize("kind", RUN_PAIRS)
def test_text_of_a_user_cannot_become_code(kind: str) -> None:
    bad = 'x\'\nimport os\r\x0bos.abort()\x85#\u2028"""\\'
    spec = replace(threshold().spec, model_id=bad)
    chosen = threshold(name=bad, set_name=bad, instruction=bad, spec=spec)
    code = snippet(kind, chosen, query=bad, passages=(bad, '"""'))
    import ast

    tree = ast.parse(code)
    assert "os" not in {name.id for name in ast.walk(tree) if isinstance(name, ast.Name)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"torch", "numpy"}


@pytest.mark.parametrize("kind", RUN_PAIRS)
def test_what_no_library_can_run_is_refused_with_the_reason(kind: str) -> None:
    with pytest.raises(InvalidInput, match="BM25 score depends on all passages"):
        snippet(kind, threshold(scale=BM25))
    with pytest.raises(InvalidInput, match="came with a file"):
        snippet(kind, threshold(scale=FILE))
    with pytest.raises(InvalidInput, match="There is no snippet for pen"):
        snippet("pen", threshold())


def test_cosines_are_left_to_the_libraries_that_give_them_plainly() -> None:
    chosen = threshold(scale=COSINE, spec=replace(threshold().spec, kind="embedder", family="bi_encoder"))
    with pytest.raises(InvalidInput, match=r"LangChain does not score .* one of: transformers, sent"):
        snippet("langchain", chosen)
    code = snippet("sentence-transformers", chosen)
    assert "'cosine'" in code
    assert "sigmoid" not in code


def test_a_precision_of_our_own_is_refused() -> None:
    with pytest.raises(InvalidInput, match="int8"):
        snippet("sentence-transformers", threshold(spec=replace(threshold().spec, precision="int8")))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.3, f"the same line is at {sigmoid(0.3)!r}."),
        (12.0, "cannot tell scores apart that are closer than 0.0097"),
        (17.4, "rounds it to 1.0"),
        (-200.0, "rounds it to 0.0"),
        (-60.0, "the same line is at"),
    ],
)
def test_the_sigmoid_of_a_threshold_is_given_only_where_it_still_cuts(value: float, said: str) -> None:
    assert said in sigmoid_note(value)


@pytest.mark.parametrize("kind", RUN_PAIRS)
@pytest.mark.parametrize("folder", ["built_in_reranker"], indirect=True)
def test_the_snippet_of_a_built_in_model_holds_no_path_of_this_machine(
    request: pytest.FixtureRequest, engine: Engine, kind: str, folder: Path
) -> None:
    result = run(engine, request_of(QUERY, *PASSAGES), ModelChoice("built-in/mini-reranker", device="cpu"))
    chosen = on(result, in_widest_gap(result))
    code = snippet(kind, chosen, query=QUERY, passages=PASSAGES)
    assert 'MODEL = (BUILT_IN_MODELS / "mini-reranker").as_posix()' in code
    assert str(folder.parents[2]) not in code
    assert kept_there(request, kind, chosen).keys() == kept_here(result, chosen).keys()
