"""Auto settles on what this machine has; what cannot run is refused or replaced in words."""

from __future__ import annotations

import re

import pytest

from playground.core.errors import DeviceUnavailable
from playground.core.types import PrecisionName
from playground.models import devices


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Sets what the machine has: `machine("cuda", "cpu", bf16=True)`."""

    def has(*found: str, bf16: bool = False) -> None:
        monkeypatch.setattr(devices, "devices", lambda: found)
        monkeypatch.setattr(devices, "cpu_has_bf16", lambda: bf16)
        monkeypatch.setattr(devices, "_gpu_has_bf16", lambda: bf16)

    return has


@pytest.mark.parametrize(
    ("found", "bf16", "settled"),
    [
        (("cuda", "cpu"), False, ("cuda", "fp16", ())),
        (("mps", "cpu"), True, ("mps", "fp32", ())),
        (("cpu",), True, ("cpu", "bf16", ())),
        (("cpu",), False, ("cpu", "fp32", ())),
    ],
)
def test_auto_takes_the_best_device_and_its_precision(machine, found, bf16, settled) -> None:  # type: ignore[no-untyped-def]
    machine(*found, bf16=bf16)
    assert devices.settle("auto", "auto") == settled


@pytest.mark.parametrize(
    ("found", "asked", "runs", "said"),
    [
        ("cpu", "fp16", "fp32", "fp16 does not run on this CPU; fp32 was used."),
        ("mps", "bf16", "fp32", "bf16 does not run on this Apple GPU; fp32 was used."),
        ("cuda", "bf16", "fp16", "bf16 does not run on this GPU; fp16 was used."),
    ],
)
def test_a_precision_that_cannot_run_is_replaced_and_said(  # type: ignore[no-untyped-def]
    machine, found: str, asked: PrecisionName, runs: str, said: str
) -> None:
    machine(found)
    assert devices.settle("auto", asked) == (found, runs, (said,))


def test_bf16_without_native_instructions_still_runs_when_asked_for(machine) -> None:  # type: ignore[no-untyped-def]
    machine("cpu")
    assert devices.settle("cpu", "bf16") == ("cpu", "bf16", ())


def test_a_missing_gpu_is_refused_when_asked_for(machine) -> None:  # type: ignore[no-untyped-def]
    machine("cpu")
    with pytest.raises(DeviceUnavailable, match="No CUDA GPU can be used on this machine"):
        devices.settle("cuda", "auto")
    with pytest.raises(DeviceUnavailable, match="No Apple GPU"):
        devices.settle("mps", "auto")


def test_int8_runs_on_a_cpu_that_multiplies_it_and_is_replaced_elsewhere(machine, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    machine("cpu")
    monkeypatch.setattr(devices, "cpu_has_int8", lambda: True)
    assert devices.settle("auto", "int8") == ("cpu", "int8", ())
    assert devices.choosable("cpu") == ("fp32", "bf16", "int8")
    monkeypatch.setattr(devices, "cpu_has_int8", lambda: False)
    assert devices.settle("cpu", "int8") == ("cpu", "fp32", ("int8 does not run on this CPU; fp32 was used.",))
    assert devices.choosable("cpu") == ("fp32", "bf16")
    machine("cuda", "cpu")
    assert devices.settle("auto", "int8") == ("cuda", "fp16", ("int8 does not run on this GPU; fp16 was used.",))


def test_the_processor_says_its_name_and_cores() -> None:
    assert re.fullmatch(r"\S.*, \d+ cores", devices.processor())


def test_this_machine_has_a_cpu() -> None:
    assert devices.devices()[-1] == "cpu"
