"""What a model needs is said before it is loaded, and what cannot fit is refused with what would."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playground.core.errors import DiskFull, NoRoom
from playground.core.types import ModelChoice
from playground.models.catalog import entries
from playground.models.devices import foreseen
from playground.models.loading import load_scorer
from playground.models.memory import MIB, free_mib, memory_mib
from playground.models.resolve import resolve
from playground.models.room import (
    Room,
    free_disk,
    gib,
    largest,
    need_of,
    parameters_of,
    require_disk,
    require_memory,
)
from playground.models.settings import size_of

BASE = 278_044_417


def test_weights_take_their_bytes_in_the_precision_that_runs() -> None:
    assert need_of(BASE, "fp32").weights_mib == pytest.approx(1060.7, abs=0.1)
    assert need_of(BASE, "bf16").weights_mib == need_of(BASE, "fp16").weights_mib == BASE * 2 / MIB
    assert need_of(BASE, "fp32").batch_mib == 256
    assert need_of(BASE, "fp32").memory_mib == need_of(BASE, "fp32").weights_mib + 256


def test_the_need_is_what_a_loaded_model_takes(tiny_xlmr: Path) -> None:
    exact, rounded = (
        load_scorer(ModelChoice(str(tiny_xlmr), device="cpu", precision=precision), run_checks=False)
        for precision in ("fp32", "bf16")
    )
    # Buffers, and the head that stays in fp32, show only in a model as small as this.
    assert need_of(exact.spec.n_parameters, "fp32").weights_mib == pytest.approx(exact.memory_mib, rel=0.06)
    assert need_of(exact.spec.n_parameters, "bf16").weights_mib == pytest.approx(rounded.memory_mib, rel=0.15)


@pytest.mark.parametrize(("free", "fit"), [(1400.0, "fits"), (1200.0, "tight"), (1000.0, "no")])
def test_a_model_fits_with_a_batch_just_fits_or_does_not(free: float, fit: str) -> None:
    assert Room("cpu", "fp32", free).fit(BASE) == fit


def test_a_model_too_large_is_refused_in_one_sentence_that_names_what_would_fit(tiny_xlmr: Path) -> None:
    with pytest.raises(NoRoom) as refused:
        require_memory("BAAI/bge-reranker-large", "reranker", 559_891_457, "cpu", "fp32", lambda device: 1200.0)
    assert str(refused.value) == (
        "BAAI/bge-reranker-large needs about 2.1 GiB of memory in fp32, and 1.2 GiB is free on the CPU. The largest "
        "known model that fits is castorini/monot5-base-msmarco-10k."
    )
    assert refused.value.on == "cpu"
    assert refused.value.missing_mib == pytest.approx(2135.8 - 1200, abs=0.1)
    with pytest.raises(NoRoom, match=r"The largest known model that fits is built-in/mini-reranker\.$"):
        load_scorer(ModelChoice(str(tiny_xlmr), device="cpu", precision="fp32"), free=lambda device: 0.01)


def test_what_would_fit_is_of_the_same_kind() -> None:
    assert largest("embedder", lambda entry: entry.n_parameters < 120_000_000) == "intfloat/multilingual-e5-small"
    assert largest("embedder", lambda entry: False) == "built-in/mini-embedder"
    every = largest("reranker", lambda entry: True)
    assert every == max((each for each in entries() if each.kind == "reranker"), key=lambda each: each.n_parameters).id


def test_a_download_larger_than_the_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as refused:
        require_disk("owner/model", "reranker", 3 * 1024 * MIB, tmp_path, lambda folder: 500.0 * MIB)
    assert str(refused.value) == (
        f"owner/model is a download of 3.0 GiB, and the disk of the model cache ({tmp_path}) has 500 MiB free. The "
        "largest known model that fits is mixedbread-ai/mxbai-rerank-base-v1."
    )
    require_disk("owner/model", "reranker", 100, tmp_path / "not" / "yet")
    assert free_disk(tmp_path / "not" / "yet") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)


def test_parameters_are_told_from_bytes_as_the_config_names_them() -> None:
    assert parameters_of(4000, "float16") == parameters_of(4000, "torch.bfloat16") == 2000
    assert parameters_of(4000, "float32") == parameters_of(4000, None) == 1000


def test_sizes_are_known_from_the_catalogue_and_from_files(tiny_xlmr: Path, tmp_path: Path) -> None:
    assert size_of("BAAI/bge-m3#mode=dense") == (567_754_752, 2166)
    assert size_of("built-in/mini-reranker") == (19_441_153, 0)
    assert size_of("owner/never-seen") is size_of("") is size_of(str(tmp_path)) is None
    here = size_of(str(tiny_xlmr))
    assert here is not None
    assert here == (resolve(ModelChoice(str(tiny_xlmr))).n_parameters, 0)
    assert size_of(str(tiny_xlmr), folders=False) is None


def test_free_memory_is_some_of_all_memory() -> None:
    assert 0 < free_mib("cpu") <= memory_mib("cpu")


def test_sizes_are_said_in_units_for_people() -> None:
    assert (gib(87), gib(999.4), gib(2166)) == ("87 MiB", "999 MiB", "2.1 GiB")


def test_what_a_cpu_will_run_is_foreseen_without_torch() -> None:
    told = "import sys; from playground.models.devices import foreseen; print(foreseen('cpu', 'fp16'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{told}; print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
    if sys.platform == "linux":
        assert done.stdout.splitlines()[0] == "('cpu', 'fp32')"
    assert foreseen("cpu", "fp32") == ("cpu", "fp32")
