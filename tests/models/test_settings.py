"""What can be set of a model, as its id, the catalogue and the small files on disk say. No weights, no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest

from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.models.catalog import entries, find
from playground.models.settings import changed, mode_text, own_instruction, settings_of

LAYERWISE = "BAAI/bge-reranker-v2-minicpm-layerwise"
LIGHTWEIGHT = "BAAI/bge-reranker-v2.5-gemma2-lightweight"


def files(folder: Path, architecture: str, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture], **config}))
    return folder


def pooled(folder: Path, **said: object) -> Path:
    files(folder, "BertModel", model_type="bert")
    steps = [{"type": f"sentence_transformers.models.{name}", "path": name} for name in ("Transformer", "Pooling")]
    (folder / "modules.json").write_text(json.dumps(steps))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    return folder


def test_layers_are_known_from_the_catalogue_before_a_download() -> None:
    found = settings_of(LAYERWISE)
    assert (found.layers[0], found.layers[-1], found.depth and found.depth.layer) == (8, 40, 28)
    assert (found.model, found.instructed, len(found.places)) == (f"{LAYERWISE}#layer=28", True, 0)
    light = settings_of(f"{LIGHTWEIGHT}#layer=25,ratio=4,at=8+16")
    assert (light.layers[-1], light.places[-1]) == (42, 41)
    assert light.depth is not None
    assert (light.depth.layer, light.depth.ratio, light.depth.at) == (25, 4, (8, 16))


def test_a_changed_setting_is_written_as_the_canonical_id_with_its_revision() -> None:
    assert changed(f"{LAYERWISE}@abc", layer="9") == f"{LAYERWISE}#layer=9@abc"
    assert changed(f"{LAYERWISE}#layer=9@abc", layer="10") == f"{LAYERWISE}#layer=10@abc"
    assert changed(LIGHTWEIGHT, layer="20", ratio="2", at="24") == f"{LIGHTWEIGHT}#layer=20,ratio=1"
    assert changed("baai/bge-m3#mode=dense", mode=mode_text((0.4, 0.2, 0.0))) == "BAAI/bge-m3#mode=0.4dense+0.2sparse"
    assert changed("BAAI/bge-m3#mode=dense", mode=mode_text((0.0, 0.3, 0.0))) == "BAAI/bge-m3#mode=sparse"
    assert changed("BAAI/llm-embedder", task="chat") == "BAAI/llm-embedder#task=chat"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (f"{LAYERWISE}#layer=99", "scores after the layers 8-40, and not after layer 99"),
        (f"{LIGHTWEIGHT}#ratio=3", "makes one hidden state of 1, 2, 4 or 8"),
        ("BAAI/bge-reranker-base#layer=9", "scores after its last layer only"),
        ("BAAI/bge-m3#mode=0dense+0sparse+0colbert", "sum to nothing"),
        ("BAAI/llm-embedder#task=dreams", "Tasks for it: qa, icl, chat"),
    ],
)
def test_an_option_that_the_model_does_not_allow_is_refused_with_what_it_allows(model: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        settings_of(model)


def test_modes_are_offered_only_where_the_id_names_one() -> None:
    assert settings_of("BAAI/bge-m3#mode=0.4dense+0.2sparse+0.4colbert").weights == (0.4, 0.2, 0.4)
    assert settings_of("BAAI/bge-m3#mode=colbert").weights == (0.0, 0.0, 0.4)
    assert settings_of("BAAI/bge-m3").weights == ()
    assert settings_of("owner/trained-from-m3#mode=2dense+1sparse").weights == (2.0, 1.0, 0.0)
    with pytest.raises(ModelUnsuitable, match="has no modes"):
        settings_of("BAAI/bge-reranker-base#mode=dense")


def test_labels_of_a_head_are_read_from_the_files_and_offered_where_there_are_several(tmp_path: Path) -> None:
    names = {"0": "contradiction", "1": "entailment", "2": "neutral"}
    nli = str(files(tmp_path / "nli", "BertForSequenceClassification", id2label=names))
    assert (settings_of(nli).labels, settings_of(nli).label) == (tuple(names.values()), "entailment")
    assert settings_of(changed(nli, label="neutral")).label == "neutral"
    topics = str(files(tmp_path / "topics", "BertForSequenceClassification", id2label={"0": "sport", "1": "art"}))
    assert (settings_of(topics).labels, settings_of(topics).label) == (("sport", "art"), "")
    one = str(files(tmp_path / "one", "BertForSequenceClassification", id2label={"0": "LABEL_0"}))
    assert (settings_of(one).labels, settings_of(one).label, settings_of(one).model) == ((), "", one)
    with pytest.raises(InvalidInput, match="Its labels are sport, art"):
        settings_of(f"{topics}#label=music")


def test_how_to_ask_is_offered_for_a_language_model_whose_files_do_not_say(tmp_path: Path) -> None:
    unknown = str(files(tmp_path / "tuned", "Qwen3ForCausalLM"))
    assert (settings_of(unknown).prompts, settings_of(unknown).prompt) == (("qwen3-reranker",), "")
    asked = settings_of(changed(unknown, prompt="qwen3-reranker"))
    assert (asked.prompt, asked.instructed) == ("qwen3-reranker", True)
    assert asked.instruction.startswith("Given a web search query")
    named = settings_of(str(files(tmp_path / "my-qwen3-reranker", "Qwen3ForCausalLM")))
    assert (named.prompts, named.prompt, named.instructed) == ((), "", True)


def test_tasks_are_those_of_the_catalogue_or_of_the_files(tmp_path: Path) -> None:
    known = settings_of("BAAI/llm-embedder#task=tool")
    assert known.tasks == ("qa", "icl", "chat", "lrlm", "tool", "convsearch")
    assert (known.task, known.instruction[:9]) == ("tool", "Transform")
    own = settings_of(str(pooled(tmp_path / "own", prompts={"query": "Q: ", "STS": "S: "})))
    assert own.tasks[:2] == ("query", "STS")
    assert (own.instruction, own.labels, own.prompts) == ("Q: ", (), ())
    assert settings_of(f"{tmp_path / 'own'}#task=STS").instruction == "S: "
    # A mode reads both texts without prompts.
    assert settings_of(f"{tmp_path / 'own'}#mode=sparse").tasks == ()


def test_only_models_that_are_told_their_task_are_instructed() -> None:
    told = {entry.id for entry in entries() if "#" not in entry.id and settings_of(entry.id).instructed}
    assert {"Qwen/Qwen3-Reranker-0.6B", "mixedbread-ai/mxbai-rerank-base-v2", LAYERWISE} <= told
    assert {"Qwen/Qwen3-Embedding-0.6B", "intfloat/multilingual-e5-large-instruct"} <= told
    assert not {"castorini/monot5-base-msmarco-10k", "BAAI/bge-reranker-base", "intfloat/e5-base-v2"} & told


def test_the_makers_instruction_is_that_of_the_catalogue() -> None:
    plain = [entry for entry in entries() if "#" not in entry.id]
    assert {entry.id: own_instruction(entry.id) for entry in plain} == {entry.id: entry.instruction for entry in plain}
    assert own_instruction("") == own_instruction(f"{LAYERWISE}#layer=99") == ""


def test_a_hub_model_has_settings_once_its_small_files_are_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert settings_of("owner/layered").layers == ()
    repository = tmp_path / "models--owner--layered"
    shape = {"num_hidden_layers": 6, "start_layer": 2}
    files(repository / "snapshots" / "c0ffee", "LayerWiseMiniCPMForCausalLM", **shape)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    assert settings_of("owner/layered").layers == (2, 3, 4, 5, 6)
    assert settings_of("no id at all/..").layers == ()


def test_a_folder_stays_closed_on_a_public_page(tmp_path: Path) -> None:
    folder = str(files(tmp_path, "BertForSequenceClassification", id2label={"0": "a", "1": "b"}))
    assert settings_of(folder).labels == ("a", "b")
    assert settings_of(folder, folders=False).labels == ()


def test_the_layers_of_the_catalogue_are_those_of_its_golden_scores() -> None:
    for name in (LAYERWISE, LIGHTWEIGHT):
        entry = find(name)
        assert entry is not None
        assert all(settings_of(f"{name}#{pair.option}").model == f"{name}#{pair.option}" for pair in entry.golden)


def test_settings_are_known_without_torch() -> None:
    read = f"import sys; from playground.models.settings import settings_of; settings_of({LAYERWISE!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{read}; print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
