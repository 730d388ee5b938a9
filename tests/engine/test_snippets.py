"""Snippets of a threshold: run in their library, each keeps the very passages that the playground keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tests.environments import Interpreter

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
REVISION = "b" * 40
ONE_LABEL = ("tiny_xlmr", "tiny_bert", "built_in_reranker")


# The interpreter there runs several snippets, and the folder of the hub is another one in a test.
HUB = "import huggingface_hub.constants as hub; hub.HF_HUB_CACHE = argv[0]\n"
# The interpreter of a library that cannot be imported beside ours.
OWN: dict[str, Interpreter] = {}


@pytest.fixture(scope="module", autouse=True)
def own_environments(beside_flag_embedding: Interpreter) -> None:
    OWN["flag-embedding"] = beside_flag_embedding


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
def tiny_two_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import checkpoints

    return checkpoints.tiny_bert(tmp_path_factory.mktemp("tiny-two"), n_labels=2)


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


def ranked(engine: Engine, folder: Path, query: str = QUERY, **settings: object) -> RerankResult:
    usual: dict[str, object] = {"device": "cpu", "precision": "fp32", "max_length": 64}
    instruction = settings.pop("instruction", None)
    choice = replace(ModelChoice(str(folder)), **usual | settings)  # type: ignore[arg-type]
    request = replace(request_of(query, *PASSAGES), instruction=instruction)
    return run(engine, request, choice)


def kept_there(kind: str, chosen: Threshold, query: str = QUERY) -> dict[str, float]:
    """What the snippet keeps when it is run, with the scores that its library gives."""
    code = snippet(kind, chosen, query=query, passages=PASSAGES)
    kept: Any
    if kind in OWN:
        kept = OWN[kind].run(f"{HUB}{code}", "kept", constants.HF_HUB_CACHE)
    else:
        names: dict[str, object] = {}
        exec(compile(code, f"<{kind}>", "exec"), names)
        kept = names["kept"]
    assert isinstance(kept, list)
    # Copies of a passage are kept or dropped together, each for itself.
    assert sum(passage == "hi" for passage, _ in kept) in (0, 2)
    return dict(kept)


def kept_here(result: RerankResult, chosen: Threshold) -> dict[str, float]:
    kept = {scored.passage.text: scored.logit for scored in result if scored.logit >= chosen.value}
    assert 0 < len(kept) < len({passage.text for passage in result.request.passages})
    return kept


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.parametrize("folder", ONE_LABEL, indirect=True)
def test_a_reranker_keeps_the_same_passages_there(engine: Engine, kind: str, folder: Path) -> None:
    result = ranked(engine, folder)
    assert any(scored.n_cut for scored in result)
    chosen = on(result, in_widest_gap(result))
    there = kept_there(kind, chosen)
    assert there == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.parametrize("folder", ["tiny_saturated"], indirect=True)
def test_a_threshold_where_the_sigmoid_is_flat_cuts_at_the_same_place(engine: Engine, kind: str, folder: Path) -> None:
    result = ranked(engine, folder)
    assert min(scored.logit for scored in result) > 20
    chosen = on(result, in_widest_gap(result))
    assert "rounds it to 1.0" in snippet(kind, chosen).replace("\n# ", " ")
    assert kept_there(kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", ["sentence-transformers", "langchain", "llama-index"])
@pytest.mark.parametrize("folder", ["tiny_two_labels"], indirect=True)
def test_two_labels_are_scored_by_their_difference(engine: Engine, kind: str, folder: Path) -> None:
    result = ranked(engine, folder)
    assert result.scale.name == "log-odds"
    chosen = on(result, in_widest_gap(result))
    assert kept_there(kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.parametrize("folder", ["tiny_xlmr"], indirect=True)
def test_an_instruction_goes_before_the_query_there_too(engine: Engine, kind: str, folder: Path) -> None:
    plain = ranked(engine, folder)
    result = ranked(engine, folder, instruction="query passage ")
    assert [scored.logit for scored in plain] != [scored.logit for scored in result]
    chosen = on(result, in_widest_gap(result))
    assert kept_there(kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-4)


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.parametrize("folder", ["built_in_reranker"], indirect=True)
def test_bf16_keeps_the_same_passages_away_from_the_line(engine: Engine, kind: str, folder: Path) -> None:
    result = ranked(engine, folder, precision="bf16")
    chosen = on(result, in_widest_gap(result))
    assert kept_there(kind, chosen).keys() == kept_here(result, chosen).keys()


@pytest.mark.parametrize(
    ("kind", "truncation"), [("sentence-transformers", "longest_first"), ("flag-embedding", "only_second")]
)
@pytest.mark.parametrize("folder", ["tiny_xlmr"], indirect=True)
def test_a_long_query_is_cut_as_here_where_the_library_cuts_that_way(
    engine: Engine, kind: str, truncation: str, folder: Path
) -> None:
    query = "what is panda? " * 40
    result = ranked(engine, folder, query, truncation=truncation)
    chosen = on(result, in_widest_gap(result))
    assert "cut long texts" not in snippet(kind, chosen)
    assert kept_there(kind, chosen, query) == pytest.approx(kept_here(result, chosen), abs=1e-4)
    other = "only_second" if truncation == "longest_first" else "longest_first"
    assert "cut long texts" in snippet(kind, on(ranked(engine, folder, query, truncation=other), 0.0))


@pytest.mark.parametrize("kind", ["sentence-transformers", "flag-embedding"])
@pytest.mark.parametrize("folder", ["tiny_embedder", "tiny_mean", "built_in_embedder"], indirect=True)
def test_an_embedder_keeps_the_same_passages_there(engine: Engine, kind: str, folder: Path) -> None:
    result = ranked(engine, folder, kind="embedder", instruction="find: ")
    chosen = on(result, in_widest_gap(result))
    there = kept_there(kind, chosen)
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
        *(("flag-embedding", family) for family in ("llm-embedder", "declared")),
    ],
)
@pytest.mark.parametrize("instruction", [None, ""])
def test_an_embedder_with_prompts_keeps_the_same_passages_there(
    engine: Engine, prompted: dict[str, str], kind: str, family: str, instruction: str | None
) -> None:
    result = ranked(engine, Path(prompted[family]), kind="embedder", instruction=instruction)
    chosen = on(result, in_widest_gap(result))
    assert kept_there(kind, chosen) == pytest.approx(kept_here(result, chosen), abs=1e-5)


@pytest.mark.parametrize(("family", "said"), [("qwen3", "by CLS or mean"), ("embeddinggemma", "the linear steps")])
def test_what_flag_embedding_does_not_pool_so_is_refused(
    engine: Engine, prompted: dict[str, str], family: str, said: str
) -> None:
    chosen = on(ranked(engine, Path(prompted[family]), kind="embedder"), 0.5)
    with pytest.raises(InvalidInput, match=said):
        snippet("flag-embedding", chosen)


@pytest.fixture
def on_the_hub(tiny_xlmr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model id whose files lie in the Hub's cache under one revision only, without a network."""
    from huggingface_hub import constants

    repo = tmp_path / "models--org--tiny"
    shutil.copytree(tiny_xlmr, repo / "snapshots" / REVISION)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return "org/tiny"


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_model_of_the_hub_is_loaded_at_its_revision(
    engine: Engine, kind: str, tiny_xlmr: Path, on_the_hub: str
) -> None:
    result = ranked(engine, tiny_xlmr)
    chosen = on(result, in_widest_gap(result))
    pinned = replace(chosen, spec=replace(chosen.spec, model_id=on_the_hub, revision=REVISION))
    assert kept_there(kind, pinned) == pytest.approx(kept_here(result, chosen), abs=1e-4)
    with pytest.raises(OSError, match=r"."):
        kept_there(kind, replace(pinned, spec=replace(pinned.spec, revision="c" * 40)))


def test_the_registry_names_every_library() -> None:
    assert set(SNIPPETS) == set(NAMES) == set(LIBRARIES)


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_model_of_the_hub_is_pinned_to_its_revision(kind: str) -> None:
    code = snippet(kind, threshold())
    compile(code, "snippet", "exec")
    assert "MODEL = 'org/model'" in code
    assert f"REVISION = '{'a' * 40}'" in code
    assert code.count("REVISION") == 2
    assert "THRESHOLD = 0.30000000000000004\n" in code
    said = " ".join(code.replace("\n# ", " ").split())
    assert "for a precision of at least 0.9 on 'support' (20 queries, 212 pairs) on 2026-11-23" in said


@pytest.mark.parametrize("kind", LIBRARIES)
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


@pytest.mark.parametrize("kind", LIBRARIES)
def test_what_no_library_can_run_is_refused_with_the_reason(kind: str) -> None:
    with pytest.raises(InvalidInput, match="BM25 score depends on all passages"):
        snippet(kind, threshold(scale=BM25))
    with pytest.raises(InvalidInput, match="came with a file"):
        snippet(kind, threshold(scale=FILE))
    with pytest.raises(InvalidInput, match="There is no snippet for pen"):
        snippet("pen", threshold())


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_model_asked_with_a_prompt_by_one_of_its_labels_or_in_a_mode_has_no_snippet_yet(kind: str) -> None:
    known = threshold()
    asked = replace(known, spec=replace(known.spec, family="causal_lm"))
    with pytest.raises(InvalidInput, match=r"is asked with a prompt, which the libraries put together"):
        snippet(kind, asked)
    labelled = replace(known, spec=replace(known.spec, model_id="owner/nli#label=entailment"))
    with pytest.raises(InvalidInput, match=r"has several labels, of which the playground scores one"):
        snippet(kind, labelled)
    apart = replace(known, spec=replace(known.spec, family="m3"))
    with pytest.raises(InvalidInput, match=r"in a way that no snippet here writes"):
        snippet(kind, apart)


@pytest.mark.parametrize("kind", ["langchain", "llama-index", "haystack"])
def test_cosines_are_left_to_the_libraries_that_give_them_plainly(kind: str) -> None:
    chosen = threshold(scale=COSINE, spec=replace(threshold().spec, kind="embedder"))
    with pytest.raises(InvalidInput, match=f"{NAMES[kind]} leaves cosines to its vector stores"):
        snippet(kind, chosen)
    assert "A cosine." in snippet("sentence-transformers", chosen)
    with pytest.raises(InvalidInput, match="how this model pools"):
        snippet("flag-embedding", chosen)


@pytest.mark.parametrize("kind", ["flag-embedding", "haystack"])
def test_two_labels_are_refused_where_the_library_takes_one(kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"{NAMES[kind]} runs rerankers with one output only"):
        snippet(kind, threshold(scale=replace(threshold().scale, name="log-odds")))


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


@pytest.mark.parametrize("kind", LIBRARIES)
@pytest.mark.parametrize("folder", ["built_in_reranker"], indirect=True)
def test_the_snippet_of_a_built_in_model_holds_no_path_of_this_machine(engine: Engine, kind: str, folder: Path) -> None:
    result = run(engine, request_of(QUERY, *PASSAGES), ModelChoice("built-in/mini-reranker", device="cpu"))
    chosen = on(result, in_widest_gap(result))
    code = snippet(kind, chosen, query=QUERY, passages=PASSAGES)
    assert 'MODEL = (BUILT_IN_MODELS / "mini-reranker").as_posix()' in code
    assert str(folder.parents[2]) not in code
    assert kept_there(kind, chosen).keys() == kept_here(result, chosen).keys()
