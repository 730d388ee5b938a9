"""What a model is, is read from its files; what cannot be used is refused in one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from playground.core.errors import InvalidInput, ModelBroken, ModelNotFound, ModelUnsuitable, PlaygroundError
from playground.core.types import Kind, ModelChoice
from playground.models.catalog import find
from playground.models.embedder_files import TASKS, prompts_of
from playground.models.named import Named, is_folder, parse_choice, split
from playground.models.resolve import Resolved, kind_of, resolve
from tests import checkpoints
from tests.checkpoints import edit_json, write_json
from tests.embedder_checkpoints import add_dense, write_modules


@pytest.fixture
def reranker(tiny_xlmr: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_xlmr, tmp_path / "reranker"))


@pytest.fixture
def embedder(tiny_embedder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_embedder, tmp_path / "embedder"))


def of(folder: Path, kind: Kind = "reranker") -> Resolved:
    return resolve(ModelChoice(str(folder), kind=kind))


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        (" BAAI/bge-reranker-base ", ("BAAI/bge-reranker-base", None)),
        ("BAAI/bge-reranker-base@2cfc18c", ("BAAI/bge-reranker-base", "2cfc18c")),
        ("BAAI/bge-m3@refs/pr/12", ("BAAI/bge-m3", "refs/pr/12")),
        ("https://huggingface.co/BAAI/bge-m3", ("BAAI/bge-m3", None)),
        ("https://huggingface.co/BAAI/bge-m3/tree/refs/pr/12", ("BAAI/bge-m3", "refs/pr/12")),
        ("/models/me@home/bge", ("/models/me@home/bge", None)),
        ("built-in/mini-reranker", ("built-in/mini-reranker", None)),
        ("owner/nli@v2#label=entailment", ("owner/nli#label=entailment", "v2")),
        ("owner/nli#label=entailment@v2", ("owner/nli#label=entailment", "v2")),
        ("https://huggingface.co/owner/llm#prompt=qwen3-reranker", ("owner/llm#prompt=qwen3-reranker", None)),
        ("/models/c#/nli#label=2", ("/models/c#/nli#label=2", None)),
        ("BAAI/llm-embedder#task=chat@main", ("BAAI/llm-embedder#task=chat", "main")),
        ("owner/llm@v2#layer=24,ratio=2,at=8+16", ("owner/llm#layer=24,ratio=2,at=8+16", "v2")),
    ],
)
def test_what_is_typed_becomes_an_id_and_a_revision(typed: str, parsed: tuple[str, str | None]) -> None:
    assert parse_choice(typed) == parsed


@pytest.mark.parametrize(
    ("model_id", "named"),
    [
        ("owner/llm#layer=24,ratio=2,at=8+16", Named("owner/llm", layer="24", ratio="2", at="8+16")),
        ("owner/llm#layer= 24", Named("owner/llm", layer="24")),
        ("owner/nli#label=true, in part", Named("owner/nli", label="true, in part")),
        ("/models/c#layer", Named("/models/c#layer")),
    ],
)
def test_an_id_is_split_from_its_options(model_id: str, named: Named) -> None:
    assert split(model_id) == named


def test_nothing_typed_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Name a model"):
        parse_choice("  ")


def test_a_folder_with_an_option_is_still_a_folder(reranker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reranker.parent)
    assert is_folder("reranker#label=0")
    assert not is_folder("owner/reranker#label=0")


def test_a_folder_with_a_relative_name_is_a_folder(reranker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reranker.parent)
    assert resolve(ModelChoice("reranker")).label == (0, "LABEL_0")


def test_a_reranker_is_read_from_its_files(tiny_xlmr: Path) -> None:
    found = of(tiny_xlmr)
    assert (found.kind, found.family, found.label) == ("reranker", "cross_encoder", (0, "LABEL_0"))
    assert found.architecture == "XLMRobertaForSequenceClassification"
    assert (found.limit, found.default_max_length) == (512, 512)
    assert found.weights == ("model.safetensors",)
    assert found.n_parameters == sum(tensor.numel() for tensor in load_file(tiny_xlmr / "model.safetensors").values())


def test_an_embedder_is_read_from_its_files(tiny_embedder: Path) -> None:
    found = of(tiny_embedder, "embedder")
    assert (found.kind, found.family, found.pooling, found.prompts) == ("embedder", "bi_encoder", "cls", ("", ""))


def test_xlmr_positions_start_after_the_padding_index(tmp_path: Path) -> None:
    folder = checkpoints.tiny_xlmr(tmp_path / "m", n_positions=130)
    assert of(folder).limit == 128


def test_pooling_flags_and_the_newer_name_say_the_same(embedder: Path) -> None:
    write_json(embedder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    assert of(embedder, "embedder").pooling == "mean"
    write_json(embedder / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": "lasttoken"})
    assert of(embedder, "embedder").pooling == "last"


@pytest.mark.parametrize(
    ("prompts", "default", "found"),
    [
        ({"query": "query: ", "document": ""}, None, ("query: ", "")),
        ({"query": "q: ", "passage": "p: "}, None, ("q: ", "p: ")),
        ({"query": "q: ", "document": "d: ", "passage": "p: "}, None, ("q: ", "d: ")),
        ({"query": "q: ", "all": "a: "}, "all", ("q: ", "a: ")),
        ({"query": None, "document": "", "all": "a: "}, "all", ("", "")),
        ({"all": "a: "}, "all", ("a: ", "a: ")),
        ({"all": "a: "}, None, ("", "")),
        (None, None, ("", "")),
    ],
)
def test_prompts_before_query_and_passages_are_read_from_the_files(
    embedder: Path, prompts: object, default: str | None, found: tuple[str, str]
) -> None:
    write_json(embedder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": default})
    assert of(embedder, "embedder").prompts == found


def test_a_known_model_has_its_own_tasks_and_no_others(embedder: Path) -> None:
    llm_embedder, e5 = find("BAAI/llm-embedder"), find("intfloat/e5-base-v2")
    assert prompts_of("", embedder, llm_embedder, "chat") == TASKS["chat"]
    assert prompts_of("", embedder, llm_embedder, "") == TASKS["qa"]
    assert prompts_of("", embedder, e5, "") == ("query: ", "passage: ")
    with pytest.raises(InvalidInput, match=r"intfloat/e5-base-v2 has no task 'chat'\. Tasks for it: none"):
        prompts_of("", embedder, e5, "chat")


def test_a_task_that_is_not_known_is_refused_with_those_that_are(reranker: Path, embedder: Path) -> None:
    refused(InvalidInput, "has no task 'sts'. Tasks for it: qa, icl, .*e5", embedder, "embedder", "#task=sts")
    refused(InvalidInput, "is a reranker, and a task chooses .* Leave out #task=qa", reranker, "reranker", "#task=qa")


def test_the_activation_is_found_in_all_three_places(reranker: Path) -> None:
    assert of(reranker).activation is None
    edit_json(reranker / "config.json", sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")
    assert of(reranker).activation == "torch.nn.modules.linear.Identity"
    write_json(reranker / "config_sentence_transformers.json", {"activation_fn": "torch.nn.modules.activation.Sigmoid"})
    assert of(reranker).activation == "torch.nn.modules.activation.Sigmoid"
    edit_json(reranker / "config.json", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"})
    assert of(reranker).activation == "torch.nn.modules.linear.Identity"


def test_sharded_weights_are_found_through_their_index(reranker: Path) -> None:
    shard(reranker)
    assert of(reranker).weights == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_an_embedder_offered_as_a_reranker_is_told_where_to_go(embedder: Path) -> None:
    refused(ModelUnsuitable, "is an embedder: it gives one vector per text. Use it in Embeddings", embedder)


def test_a_reranker_offered_as_an_embedder_is_told_where_to_go(reranker: Path) -> None:
    refused(
        ModelUnsuitable, "is a reranker: it scores pairs and gives no vectors. Use it in Ranking", reranker, "embedder"
    )


def test_the_kind_is_told_without_loading(reranker: Path, embedder: Path) -> None:
    assert kind_of("BAAI/bge-m3") == "embedder"
    assert kind_of("BAAI/bge-reranker-base") == "reranker"
    assert kind_of(str(reranker)) == "reranker"
    assert kind_of(str(embedder)) == "embedder"
    with pytest.raises(ModelNotFound):
        kind_of("owner/never-downloaded", offline=True)


def test_a_catalogued_embedder_is_refused_before_any_request() -> None:
    with pytest.raises(ModelUnsuitable, match=r"BAAI/bge-m3 alone is an embedder.*BAAI/bge-m3#mode=dense"):
        resolve(ModelChoice("BAAI/bge-m3"), offline=True)


def test_a_five_label_classifier_is_refused_with_its_labels(reranker: Path) -> None:
    edit_json(reranker / "config.json", id2label={str(n): f"star {n}" for n in range(5)})
    refused(ModelUnsuitable, "with the labels star 0, star 1, .*which of them .* is not clear.*#label=star 4", reranker)


def test_a_head_without_weights_is_refused(reranker: Path) -> None:
    rewrite(reranker, lambda name: not name.startswith("classifier."))
    refused(ModelUnsuitable, "lacks the weights of its scoring head; its scores would be random", reranker)


def test_pickles_are_refused(reranker: Path) -> None:
    (reranker / "model.safetensors").rename(reranker / "pytorch_model.bin")
    refused(ModelUnsuitable, "has its weights only as pickles", reranker)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused(reranker: Path, file: str) -> None:
    edit_json(reranker / file, auto_map={"AutoModel": "modeling.Model"})
    refused(
        ModelUnsuitable, r"\(XLMRobertaFor.*\) needs Python code .* never run here\. Try BAAI/bge-reranker-v2", reranker
    )


@pytest.mark.parametrize(
    ("architecture", "instead"),
    [
        ("NewForSequenceClassification", "Alibaba-NLP/gte-reranker-modernbert-base"),
        ("JinaForRanking", "Qwen/Qwen3-Reranker-0.6B"),
        ("JinaBertForSequenceClassification", "BAAI/bge-reranker-v2-m3"),
        ("NewModel", "BAAI/bge-m3"),
    ],
)
def test_what_would_run_instead_is_named_and_is_in_the_catalogue(
    reranker: Path, architecture: str, instead: str
) -> None:
    edit_json(reranker / "config.json", architectures=[architecture], auto_map={"AutoModel": "modeling.Model"})
    refused(ModelUnsuitable, rf"\({architecture}\) needs Python code .*Try {instead}\.", reranker)
    assert find(instead) is not None


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "https://evil.example/a/b",
        "//evil.example/x",
        "file:///etc/passwd",
        "a/../../b",
    ],
)
def test_an_address_is_no_model(address: str) -> None:
    model_id, revision = parse_choice(address)
    with pytest.raises(ModelNotFound, match=r"is no model id|There is no folder"):
        resolve(ModelChoice(model_id, revision), offline=False)


def test_a_foreign_module_is_refused(embedder: Path) -> None:
    write_json(embedder / "modules.json", [{"type": "custom_st.Transformer", "path": ""}])
    refused(ModelUnsuitable, "needs Python code from its repository", embedder, "embedder")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Pooling", "LayerNorm"], "LayerNorm"),
        (["Pooling", "Normalize", "Dense"], "Dense, Normalize"),
        (["Pooling", "Dense"], "Dense, Hardtanh"),
    ],
)
def test_a_step_after_pooling_that_does_not_run_is_refused(embedder: Path, names: list[str], said: str) -> None:
    write_modules(embedder, names)
    add_dense(embedder, 2, (32, 32), "activation.Hardtanh")
    refused(ModelUnsuitable, rf"adds a step \({said}\) after pooling", embedder, "embedder")


def test_pooling_that_leaves_out_the_prompt_is_refused(embedder: Path) -> None:
    edit_json(embedder / "1_Pooling" / "config.json", include_prompt=False)
    refused(ModelUnsuitable, "pools its tokens in a way that this version does not run", embedder, "embedder")


def test_two_pooling_modes_at_once_are_refused(embedder: Path) -> None:
    edit_json(embedder / "1_Pooling" / "config.json", pooling_mode_mean_tokens=True)
    refused(ModelUnsuitable, "pools its tokens in a way that this version does not run", embedder, "embedder")


def test_a_bare_encoder_is_refused(embedder: Path) -> None:
    (embedder / "modules.json").unlink()
    refused(ModelUnsuitable, "is a bare encoder", embedder, "embedder")


def test_a_language_model_that_is_not_known_as_a_reranker_is_refused(reranker: Path) -> None:
    edit_json(reranker / "config.json", architectures=["Qwen3ForCausalLM"], model_type="qwen3")
    refused(ModelUnsuitable, r"\(Qwen3ForCausalLM\), and nothing says .*#prompt=qwen3-reranker", reranker)
    edit_json(reranker / "config.json", architectures=["LlamaForCausalLM"], model_type="llama")
    refused(ModelUnsuitable, r"\(LlamaForCausalLM\) that this version does not run.* bge-reranker-v2-gemma", reranker)


def test_an_unknown_architecture_is_refused(reranker: Path) -> None:
    edit_json(reranker / "config.json", model_type="vit")
    refused(ModelUnsuitable, "is of type vit, which this version does not run", reranker)


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    refused(ModelUnsuitable, "has no config.json", tmp_path)


def test_a_folder_without_weights_is_refused(reranker: Path) -> None:
    (reranker / "model.safetensors").unlink()
    refused(ModelBroken, r"holds no weights \(model.safetensors\)", reranker)


def test_a_folder_without_tokenizer_is_refused(reranker: Path) -> None:
    (reranker / "tokenizer.json").unlink()
    refused(ModelBroken, "holds no tokenizer", reranker)


def test_half_downloaded_weights_are_refused(reranker: Path) -> None:
    path = reranker / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(ModelBroken, rf"is only half there \({len(whole) // 2} of {len(whole)} bytes\)", reranker)


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>rate limited</html>" * 40])
def test_damaged_weights_are_refused(reranker: Path, content: bytes) -> None:
    (reranker / "model.safetensors").write_bytes(content)
    refused(ModelBroken, "model.safetensors is damaged", reranker)


def test_a_missing_shard_is_refused(reranker: Path) -> None:
    shard(reranker)
    (reranker / "model-00002-of-00002.safetensors").unlink()
    refused(ModelBroken, "model-00002-of-00002.safetensors is missing", reranker)


def test_an_index_that_points_outside_the_folder_is_refused(reranker: Path) -> None:
    (reranker / "model.safetensors").rename(reranker / "other.safetensors")
    write_json(reranker / "model.safetensors.index.json", {"weight_map": {"a": "../other.safetensors"}})
    refused(ModelBroken, "model.safetensors.index.json of the model cannot be read", reranker)


def test_a_damaged_config_is_refused(reranker: Path) -> None:
    (reranker / "config.json").write_text("{half")
    refused(ModelBroken, "config.json of the model cannot be read", reranker)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    refused(ModelNotFound, "There is no folder", tmp_path / "nowhere")


def refused(
    error: type[PlaygroundError], sentence: str, folder: Path, kind: Kind = "reranker", option: str = ""
) -> None:
    with pytest.raises(error, match=sentence):
        resolve(ModelChoice(f"{folder}{option}", kind=kind))


def rewrite(folder: Path, keep) -> None:  # type: ignore[no-untyped-def]
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items() if keep(name)}
    save_file(tensors, path, metadata={"format": "pt"})


def shard(folder: Path) -> None:
    """Splits the weights into two files and an index, as large checkpoints come."""
    tensors = load_file(folder / "model.safetensors")
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    placed = {tensor: names[place % 2] for place, tensor in enumerate(sorted(tensors))}
    for name in names:
        save_file(
            {t: tensors[t].clone() for t in tensors if placed[t] == name}, folder / name, metadata={"format": "pt"}
        )
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": placed})
