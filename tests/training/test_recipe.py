"""The whole way from data to weights, on a tiny model."""

import gzip
import hashlib
import json
import shutil
import tomllib
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from playground.core.errors import InvalidInput
from playground.training import cross_encoder, recipe
from playground.training.judge import Judged
from playground.training.output import is_made_by
from playground.training.pools import DEV_SETS
from playground.training.rows import read_rows
from playground.training.scoring import path_of, score_data
from tests.checkpoints import ENGLISH

RECIPE = """
[[stage]]
name = "one"
base = "release"
train = ["squad"]
taught = ["taught"]
take = [8, 8]
lr = 1e-3
max_length = 48
group_size = 3
rows_per_step = 4
seed = 1
[choose]
shares = [[1, 0], [0.5, 0.5]]
rows = 3
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [
        {"query": text, "pos": [ENGLISH[(i + 1) % 4] + f" {i}"], "neg": [ENGLISH[(i + 2) % 4], ENGLISH[(i + 3) % 4]]}
        for i, text in enumerate(ENGLISH[:4] * 2)
    ]
    for name in ("squad", "nq", "pairs", "taught", "dev", *(f"dev_{each}" for each in DEV_SETS)):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def base(tiny_bert: Path, tmp_path: Path) -> Path:
    model, tokenizer = cross_encoder.load(str(tiny_bert), None)
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_a_recipe_says_how_many_rows_its_teachers_score(
    data: Path, base: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"scored = [8, 7, 6, 5]\n{RECIPE}")
    recipe.run(data, base, [str(tiny_bert)], str(tiny_bert), tmp_path / "out", lambda _: None, path)
    kept = [len(read_rows([path_of(data, name)])) for name in ("squad", "nq", "pairs", "taught")]
    assert kept == [8, 7, 6, 5]


def test_stages_run_once_means_are_judged_and_the_best_is_kept(
    data: Path, base: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    def run() -> tuple[Path, list[str]]:
        said: list[str] = []
        return recipe.run(
            data, base, [str(tiny_bert)], str(tiny_bert), tmp_path / "out", said.append, tmp_path / "recipe.toml"
        ), said

    chosen, _ = run()
    judged = json.loads((tmp_path / "out" / "judged.json").read_text())
    assert judged.keys() == {"1-0", "0.5-0.5"}
    assert set(judged["1-0"]["figures"]) == set(DEV_SETS)
    first = (chosen / "model.safetensors").read_bytes()
    # The base may be replaced by what came of it: the run keeps its own copy.
    shutil.rmtree(base)
    chosen, said = run()
    assert "one is finished" in said
    assert (chosen / "model.safetensors").read_bytes() == first


def test_what_other_settings_data_or_base_made_is_not_gone_on_with(data: Path, base: Path, tmp_path: Path) -> None:
    out, path, squad, teacher = (
        tmp_path / "out",
        tmp_path / "recipe.toml",
        data / "scored_squad.jsonl.gz",
        tmp_path / "teacher",
    )
    shutil.copytree(base, teacher)
    shutil.copytree(base, out / "release")
    settings = recipe.settings_of(tomllib.loads(RECIPE)["stage"][0], data, out)
    score_data(data, [str(teacher)], 0, lambda _: None, "cpu")
    cross_encoder.run(settings, lambda _: None)
    weights, began = out / "one" / "model.safetensors", (base / "model.safetensors").read_bytes()

    def refused(reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason):
            recipe.run(data, base, [str(teacher)], str(teacher), out, lambda _: None, path)

    others = r"one holds weights of other settings, data or base\."
    assert is_made_by(settings)
    path.write_text(RECIPE.replace("lr = 1e-3", "lr = 1e-4"))
    refused(others)
    # What came of the run may stand where it began; weights from elsewhere may not.
    shutil.copyfile(weights, base / "model.safetensors")
    refused(others)
    save_file({name: tensor + 1 for name, tensor in load_file(weights).items()}, base / "model.safetensors")
    refused("out was begun with other weights than those in .*base")
    path.write_text(RECIPE)
    shutil.rmtree(out / "release")
    refused(others)
    (out / "release" / "model.safetensors").write_bytes(began)
    assert is_made_by(settings)
    # A record from before the hashes of weights: settings and data are compared alone.
    record = json.loads((out / "one" / "training.json").read_text())
    assert record.pop("sha256") == {"base": hashlib.sha256(began).hexdigest()}
    (out / "one" / "training.json").write_text(json.dumps(record))
    assert is_made_by(settings)
    squad.write_bytes(gzip.compress(gzip.decompress(squad.read_bytes()) + b" "))
    assert not is_made_by(settings)
    squad.unlink()
    with pytest.raises(InvalidInput, match=r"There is no file .*scored_squad\.jsonl\.gz"):
        is_made_by(settings)


def test_no_weights_to_start_from_is_one_sentence(data: Path, tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"There is no model\.safetensors in"):
        recipe.run(
            data, data, [str(tiny_bert)], str(tiny_bert), tmp_path / "out", lambda _: None, tmp_path / "recipe.toml"
        )


def test_a_stage_that_the_recipe_lacks_is_one_sentence(data: Path, base: Path, tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"has no stage nine\. Choose of: one"):
        recipe.run(
            data,
            base,
            [str(tiny_bert)],
            str(tiny_bert),
            tmp_path / "out",
            lambda _: None,
            tmp_path / "recipe.toml",
            until="nine",
        )


def judged(ratio: float, worst: float) -> Judged:
    return Judged({}, ratio, worst)


def test_the_best_mean_wins_among_those_that_nowhere_fall_behind() -> None:
    assert recipe.best_of([judged(1.05, 0.9), judged(1.01, 0.99), judged(1.02, 0.98)]) == 2
    assert recipe.best_of([judged(1.05, 0.9), judged(1.0, 0.95)]) == 1
