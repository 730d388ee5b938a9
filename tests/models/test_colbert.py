"""ColBERTs score as PyLate and sentence-transformers' `MultiVectorEncoder` do on the same weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from playground.bench.environments import Interpreter
from playground.core.errors import ModelBroken, ModelUnsuitable
from playground.core.types import ModelChoice, PrecisionName
from playground.models.apart import matches
from playground.models.batching import plan
from playground.models.catalog import find
from playground.models.loading import load_scorer
from playground.models.resolve import resolve
from tests.checkpoints import edit_json
from tests.checkpoints_apart import DIM, tiny_pylate, tiny_stanford

# The second takes more than the 32 tokens of a query, of which the rest is cut.
QUERIES = ("what is panda?", "how do I reset my password, and where is it? " * 20, "大熊猫吃什么？")
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "what is panda?",
    "The train to the coast, leaves at seven in the morning? " * 60,
    "打开设置页面，选择安全，然后点击重置按钮。" * 60,
    "?",
)
# PyLate leaves punctuation out whatever the file says; Stanford's own code and sentence-transformers do as it says.
UNMASKED = "stanford-unmasked"
# PyLate takes punctuation that the vocabulary lacks for its unknown token, and leaves out all of those.
UNKNOWN = "what! (is) {panda}"
KINDS: dict[str, Any] = {
    "pylate": tiny_pylate,
    "pylate-modernbert": lambda path: tiny_pylate(path, modern=True, n_layers=3),
    "pylate-attending": lambda path: tiny_pylate(path, attend_to_expansion_tokens=True, skiplist_words=None),
    "pylate-plain": lambda path: tiny_pylate(path, do_query_expansion=False, query_length=16, skiplist_words=[]),
    "stanford": tiny_stanford,
    "stanford-attending": lambda path: tiny_stanford(path, attend_to_mask_tokens=True),
    UNMASKED: lambda path: tiny_stanford(path, mask_punctuation=False),
}
PROGRAM = """
import json
from pylate import models
from pylate.scores import colbert_scores

folders, queries, passages = json.loads(argv[0])
answers = []
for folder in folders:
    model = models.ColBERT(folder, device="cpu")
    documents = model.encode(passages, is_query=False, show_progress_bar=False)
    for query in queries:
        asked = model.encode([query], is_query=True, show_progress_bar=False)
        answers.append([float(colbert_scores(asked, [document])) for document in documents])
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("colbert")
    return {name: make(root / name) for name, make in KINDS.items()}


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


@pytest.fixture(scope="module")
def answers(folders: dict[str, Path], beside_pylate: Interpreter) -> dict[Path, list[list[float]]]:
    """What PyLate gives for every query with every passage, by model."""
    compared = [folder for name, folder in folders.items() if name != UNMASKED]
    job = json.dumps([[str(folder) for folder in compared], QUERIES, PASSAGES])
    found = iter(beside_pylate.run(PROGRAM, "answers", job))
    return {folder: [next(found) for _ in QUERIES] for folder in compared}


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders["pylate"], tmp_path / "pylate"))


def load(folder: Path, precision: PrecisionName = "fp32", max_length: int | None = None) -> Any:
    return load_scorer(ModelChoice(str(folder), device="cpu", precision=precision, max_length=max_length))


@pytest.mark.parametrize("name", [name for name in KINDS if name != UNMASKED])
def test_scores_are_those_of_pylate(
    name: str, folders: dict[str, Path], answers: dict[Path, list[list[float]]]
) -> None:
    folder = folders[name]
    scorer = load(folder)
    found = [scorer.logits(scorer.encode(query, PASSAGES)) for query in QUERIES]
    assert found == [pytest.approx(row, abs=1e-4) for row in answers[folder]]


@pytest.mark.parametrize("max_length", [40, 180])
def test_scores_are_those_of_sentence_transformers(folder: Path, max_length: int) -> None:
    from sentence_transformers import MultiVectorEncoder

    theirs = MultiVectorEncoder(str(folder), device="cpu")
    theirs[0].document_length = max_length
    scorer = load(folder, max_length=max_length)
    for query in QUERIES:
        vectors = theirs.encode_query([query]), theirs.encode_document([*PASSAGES, UNKNOWN])
        expected = theirs.similarity(*vectors).flatten().tolist()
        assert scorer.logits(scorer.encode(query, [*PASSAGES, UNKNOWN])) == pytest.approx(expected, abs=1e-4)


def test_neighbours_do_not_change_a_score(folder: Path) -> None:
    scorer = load(folder)
    pairs = [pair for query in QUERIES for pair in scorer.encode(query, PASSAGES)]
    together = scorer.logits(pairs)
    assert [scorer.logits([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-4)
    found = [0.0] * len(pairs)
    for batch in plan([len(pair.input_ids) for pair in pairs], token_budget=500):
        for index, score in zip(batch, scorer.logits([pairs[i] for i in batch]), strict=True):
            found[index] = score
    assert found == pytest.approx(together, abs=1e-4)


def test_the_files_say_the_lengths_and_a_query_is_filled(folders: dict[str, Path]) -> None:
    scorer = load(folders["pylate"])
    assert (scorer.spec.max_length, scorer.scale.name) == (180, "maxsim")
    assert (scorer.scale.low, scorer.scale.high) == (-32, 32)
    short, long = scorer.encode(QUERIES[0], [PASSAGES[0], PASSAGES[3]])
    assert [short.token_type_ids.count(0), long.token_type_ids.count(0)] == [32, 32]
    assert (len(long.input_ids), long.n_tokens) == (32 + 180, 177)
    assert (short.n_cut, short.n_query_cut, short.n_chars_read) == (0, 0, len(PASSAGES[0]))
    assert 0 < long.n_chars_read < len(PASSAGES[3])
    assert scorer.encode(QUERIES[1], ["hi"])[0].n_query_cut > 0


def test_what_explains_a_score_adds_up_to_it(folders: dict[str, Path]) -> None:
    scorer = load(folders["pylate"])
    pairs = scorer.encode(QUERIES[0], PASSAGES)
    for pair, (query, passage), whole in zip(pairs, scorer.readings(pairs), scorer.logits(pairs), strict=True):
        found = matches(query, passage)
        assert (len(found), query.shape[1]) == (32, DIM)
        assert sum(match.cosine for match in found) == pytest.approx(whole, abs=1e-4)
        assert len(passage) <= pair.token_type_ids.count(1)


def test_settings_count_for_the_fingerprint(folders: dict[str, Path], tmp_path: Path) -> None:
    twin = Path(shutil.copytree(folders["stanford"], tmp_path / "stanford"))
    edit_json(twin / "artifact.metadata", query_maxlen=48)
    assert load(twin).spec.fingerprint != load(folders["stanford"]).spec.fingerprint


def test_a_tokenizer_without_the_marks_is_refused(copied: Path) -> None:
    edit_json(copied / "config_sentence_transformers.json", query_prefix="[QUERY] ")
    with pytest.raises(ModelBroken, match=r"has no token '\[QUERY\] ', which it marks its texts with"):
        load(copied)


def test_a_projection_that_is_missing_or_of_other_sizes_is_refused(copied: Path, folders: dict[str, Path]) -> None:
    head = copied / "1_Dense" / "model.safetensors"
    head.write_bytes(b"half")
    with pytest.raises(ModelBroken, match=r"The projection of .* is missing or damaged"):
        load(copied)
    head.unlink()
    with pytest.raises(ModelUnsuitable, match=r"has no 1_Dense/model\.safetensors"):
        load(copied)
    stanford = Path(shutil.copytree(folders["stanford"], copied.parent / "stanford"))
    tensors = {name: t for name, t in load_file(stanford / "model.safetensors").items() if name != "linear.weight"}
    save_file({name: t.clone() for name, t in tensors.items()}, stanford / "model.safetensors")
    with pytest.raises(ModelBroken, match=r"The projection of .* is missing or damaged"):
        load(stanford)


def test_settings_that_do_not_run_here_are_refused(copied: Path, folders: dict[str, Path]) -> None:
    edit_json(copied / "1_Dense" / "config.json", activation_function="torch.nn.modules.activation.GELU")
    with pytest.raises(ModelUnsuitable, match="GELU"):
        resolve(ModelChoice(str(copied)))
    stanford = Path(shutil.copytree(folders["stanford"], copied.parent / "stanford"))
    edit_json(stanford / "artifact.metadata", similarity="l2")
    with pytest.raises(ModelUnsuitable, match="l2"):
        resolve(ModelChoice(str(stanford)))


@pytest.mark.parametrize(
    ("model_id", "licence"), [("colbert-ir/colbertv2.0", "MIT"), ("lightonai/GTE-ModernColBERT-v1", "Apache-2.0")]
)
def test_the_catalogue_says_the_scale_and_the_licence(model_id: str, licence: str) -> None:
    entry = find(model_id)
    assert entry is not None
    assert (entry.family, entry.scale, entry.licence) == ("colbert", "maxsim", licence)


def test_bf16_stays_near(folders: dict[str, Path]) -> None:
    exact, rounded = load(folders["pylate"]), load(folders["pylate"], "bf16")
    pairs = exact.encode(QUERIES[0], PASSAGES[:3])
    assert rounded.logits(pairs) == pytest.approx(exact.logits(pairs), abs=1.0)
