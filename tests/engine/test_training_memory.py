"""What a training takes of memory: counted as the trainer trains, said where it does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground.core.errors import NoRoom
from playground.core.training import RECIPES
from playground.core.types import ModelChoice
from playground.engine import trainable
from playground.engine.training_memory import KEPT, PROCESS_MIB, n_learned, need_of
from playground.models.memory import MIB
from playground.models.resolve import Resolved, resolve
from playground.models.weights import read_header
from playground.training import cross_encoder, labels
from playground.training.loop import parameter_groups
from tests.engine.test_trained import ASK

MINI = "built-in/mini-reranker"


def mini() -> Resolved:
    return resolve(ModelChoice(MINI), offline=True)


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_xlmr"])
def test_what_learns_is_counted_as_the_trainer_trains_it(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(name)
    tensors = read_header(folder / "model.safetensors")
    model, _ = cross_encoder.load(str(folder), None)
    settings = labels.LabelSettings(tmp_path, str(folder)).training(8)
    groups = parameter_groups(model, settings, model.config.num_hidden_layers)
    assert n_learned(tensors, adapters=False) == sum(each.numel() for group in groups for each in group["params"])

    pytest.importorskip("peft")
    adapted = labels.with_adapters(cross_encoder.load(str(folder), None)[0])
    learns = sum(each.numel() for each in adapted.parameters() if each.requires_grad)
    assert n_learned(tensors, adapters=True) == learns


def test_gradients_and_moments_count_for_what_learns_alone() -> None:
    base = mini()
    n, words = base.n_parameters, 22_000 * 384
    whole, adapted = (need_of(base, RECIPES["quick"], adapters=each) for each in (False, True))
    assert whole.weights_mib == adapted.weights_mib == n * 4 / MIB
    # The word embeddings do not learn: nothing is kept for them.
    assert whole.learned_mib == (n - words) * KEPT / MIB == (n - words) * 12 / MIB
    assert adapted.learned_mib < whole.learned_mib / 10
    # Whatever the passages are, a step goes in parts of one pair.
    assert whole.least_mib == whole.weights_mib + whole.learned_mib + PROCESS_MIB + whole.pair_mib
    assert whole.memory_mib - whole.least_mib == pytest.approx((8 * 4 - 1) * whole.pair_mib)


def test_a_step_counts_as_real_runs_of_the_mini_reranker_peaked() -> None:
    for length, group, seen in ((128, 4, 1611), (256, 8, 5482)):
        recipe = replace(RECIPES["quick"], max_length=length, group_size=group)
        assert need_of(mini(), recipe, adapters=False).memory_mib == pytest.approx(seen, rel=0.05)
    # In the smallest parts: --step-tokens 128.
    assert need_of(mini(), RECIPES["quick"], adapters=False).least_mib == pytest.approx(867, rel=0.05)


def test_a_base_without_room_for_it_is_refused_with_what_is_needed_and_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("playground.engine.trainable.find_spec", lambda name: name)
    ask = replace(ASK, base=MINI, adapters="no", device="cpu")
    with pytest.raises(NoRoom) as refused:
        trainable.find(ask, offline=True, free=lambda _: 200.0)
    # 19 M weights of 4 bytes, 11 M that learn with 12 more, torch itself, and the way back through a pair.
    assert str(refused.value) == (
        "Training all weights of built-in/mini-reranker takes at least 874 MiB of memory, and 200 MiB is free on the "
        "CPU. Choose a smaller base."
    )
    assert refused.value.missing_mib == pytest.approx(674, abs=0.5)
    with pytest.raises(NoRoom, match=r"Adapters \(LoRA, under More settings\) take 764 MiB; a smaller base takes less"):
        trainable.find(ask, offline=True, free=lambda _: 800.0)
    with pytest.raises(NoRoom, match=r"^Training adapters \(LoRA\) for built-in/mini-reranker takes at least 764 MiB"):
        trainable.find(replace(ask, adapters="yes"), offline=True, free=lambda _: 200.0)
    assert trainable.find(ask, offline=True, free=lambda _: 875.0).adapters is False
    # Adapters that cannot be trained here are no advice.
    monkeypatch.setattr("playground.engine.trainable.find_spec", lambda _: None)
    with pytest.raises(NoRoom, match=r"800 MiB is free on the CPU\. Choose a smaller base\.$"):
        trainable.find(ask, offline=True, free=lambda _: 800.0)


def test_where_whole_steps_may_not_fit_they_go_in_parts_that_do_and_a_warning_says_so() -> None:
    ask, need = replace(ASK, base=MINI, adapters="no", device="cpu"), need_of(mini(), RECIPES["quick"], adapters=False)
    whole = trainable.find(ask, offline=True, free=lambda _: need.memory_mib)
    assert (whole.step_tokens, whole.warning) == (0, "")
    parts = trainable.find(ask, offline=True, free=lambda _: 1024.0)
    assert parts.step_tokens == 7 * 128
    assert need.least_mib + 6 * need.pair_mib <= 1024 < need.least_mib + 7 * need.pair_mib
    assert parts.warning == (
        "A step over the longest passages takes about 1.6 GiB of memory, and 1.0 GiB is "
        "free on the CPU. Such steps are taken in parts: the same model comes out, but they may take up to three times "
        "as long."
    )
    assert trainable.find(ask, offline=True, free=lambda _: need.least_mib).step_tokens == 128
    assert trainable.find(ask, offline=True, free=lambda _: 1024.0, trains=False).step_tokens == 0


def test_adapters_are_chosen_where_all_weights_do_not_fit_and_adapters_take_less() -> None:
    pytest.importorskip("peft")
    ask = replace(ASK, base=MINI, adapters="auto", device="cpu")
    need = {adapters: need_of(mini(), RECIPES[ask.preset], adapters=adapters) for adapters in (False, True)}
    # A narrow model keeps more for the way back through the adapters than it saves.
    assert need[True].memory_mib > need[False].memory_mib
    for free, adapters in ((need[False].memory_mib - 1, False), (need[False].least_mib - 1, True)):
        assert trainable.find(ask, offline=True, free=lambda _, free=free: free).adapters is adapters
    assert trainable.find(replace(ask, adapters="yes"), offline=True).adapters is True
