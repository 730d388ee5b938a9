"""The forward pass on a ZeroGPU Space, with a stand-in for the package `spaces`."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

from playground.core.errors import OutOfMemory
from playground.core.types import ModelChoice
from playground.engine import gpu_worker
from playground.engine.engine import Engine
from tests.engine.doubles import Shelf, request_of, run

# As ZeroGPU does: each call in a forked process, arguments and result pickled, an exception reduced to its name.
FAKE_SPACES = """
import multiprocessing, pickle
calls = []
def GPU(task=None, *, duration=None):
    def decorate(function):
        def call(*args):
            calls.append((function.__module__ + "." + function.__name__, duration))
            context = multiprocessing.get_context("fork")
            answers = context.SimpleQueue()
            sent = pickle.dumps(args)
            def work():
                try:
                    answers.put((True, pickle.dumps(function(*pickle.loads(sent)))))
                except Exception as error:
                    answers.put((False, pickle.dumps(type(error).__name__)))
            worker = context.Process(target=work)
            worker.start()
            good, value = answers.get()
            worker.join()
            value = pickle.loads(value)
            if not good:
                raise RuntimeError("ZeroGPU worker error: " + value)
            return value
        return call
    return decorate(task) if task else decorate
"""

SCRIPT = """
import sys
import spaces
from playground.core.types import ModelChoice
from playground.engine.engine import Engine
assert "torch" not in sys.modules
from tests.engine.doubles import Shelf, numbered, request_of, run
shelf = Shelf(change={"fits_tokens": 20})
engine = Engine(load_scorer=shelf, memory_limit_mib=1000)
request = request_of("red panda", "blue sky", "red panda", "a red panda eats")
assert Engine(worker=True).workers is None, "the lease is of this process"
on_cpu = run(engine, request, ModelChoice("overlap", device="cpu"))
assert spaces.calls == [], spaces.calls
on_gpu = run(engine, request, ModelChoice("overlap", device="cuda"))
assert [p.logit for p in on_gpu] == [p.logit for p in on_cpu] == [2.0, 1.75, -0.25]
assert set(spaces.calls) == {("playground.engine.gpu_worker._forward", 20)}
n = len(spaces.calls)
run(engine, request_of("red", *numbered(8)), ModelChoice("overlap", device="cuda"))
assert len(spaces.calls) > n + 4, "out of memory in the worker was not understood"
from types import SimpleNamespace
from playground.core.explanations import Match, Part
from playground.engine import gpu_worker
parts = (Part("sparse", 0.5, 0.5, {7: 0.5}, {7: 1.0}), Part("colbert", 0.5, 0.9, matches=(Match(1, 2, 0.9),)))
apart = SimpleNamespace(spec=SimpleNamespace(device="cuda"), compared=lambda pairs: [parts for _ in pairs])
n = len(spaces.calls)
key = gpu_worker.register(apart, ModelChoice("apart"))
pair = SimpleNamespace(input_ids=(1, 2, 3))
assert gpu_worker.forward(key, ModelChoice("apart"), True, [pair], "compared") == ([parts], 3)
assert spaces.calls[n:] == [("playground.engine.gpu_worker._forward", 20)]
print("fine")
"""


def test_without_the_package_the_function_is_not_wrapped() -> None:
    assert gpu_worker._forward_on_gpu is gpu_worker._forward


def test_on_zero_gpu_the_forward_pass_runs_in_the_forked_worker_and_our_errors_come_back(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(textwrap.dedent(FAKE_SPACES), encoding="utf-8")
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_a_worker_that_was_forked_before_the_load_loads_the_model_itself() -> None:
    code = """
from playground.engine import gpu_worker
import sys, types
from tests.engine.doubles import Shelf
shelf = Shelf()
sys.modules["playground.models.loading"] = types.SimpleNamespace(load_scorer=shelf)
from playground.core.types import ModelChoice
pairs = shelf(ModelChoice("overlap"), offline=False, on_progress=None).encode("red", ["red", "blue"])
for _ in range(2):
    print(gpu_worker._forward("17", ModelChoice("overlap", device="cuda"), True, pairs), len(shelf.loads))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=root
    )
    assert done.stdout == "([1.0, -0.125], 6) 2\n([1.0, -0.125], 6) 2\n", done.stderr


def test_an_error_of_ours_survives_pickling_with_its_template_and_values() -> None:
    error = pickle.loads(pickle.dumps(OutOfMemory("No room for {id} on {device}.", id="{x}", device="cuda")))
    assert type(error) is OutOfMemory
    assert str(error) == "No room for {x} on cuda."
    assert (error.template, error.values) == ("No room for {id} on {device}.", {"id": "{x}", "device": "cuda"})


def test_a_dropped_model_is_forgotten_by_the_worker_table() -> None:
    before = set(gpu_worker._models)
    engine = Engine(load_scorer=Shelf())
    run(engine, request_of("red", "x"), ModelChoice("overlap"))
    assert len(set(gpu_worker._models) - before) == 1
    engine.close()
    assert set(gpu_worker._models) == before
