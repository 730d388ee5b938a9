"""Where blocks are scored: in this process, or by workers of Ray on one machine or many."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground import start
from playground.core.errors import InvalidInput, PlaygroundError
from playground.score.corpus import Block
from playground.score.worker import Finished, Job, Worker

# Ray's own limit from below is 75 MiB. Only names of blocks travel through it.
STORE_BYTES = 100 * 2**20


def here(job: Job, blocks: Sequence[Block]) -> Iterator[Finished]:
    """Each block as it is finished, in this process.

    Raises:
        KeyboardInterrupt: Ctrl+C was pressed, or the process was asked to end; a second time ends it at once.
    """
    # Asked for, and not raised anywhere: a library's callback would swallow it.
    with start.stop_signals() as stop:
        worker = Worker(job, stop)
        for block in blocks:
            yield worker.score(block)


class Actor:
    """A worker in a process of its own. What it cannot do travels as a sentence: an exception would be tried again."""

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        (block,) = batch["block"]
        try:
            answer: object = self._worker.score(block)
        except PlaygroundError as error:
            answer = str(error)
        return {"answer": [answer]}


def on_ray(job: Job, blocks: Sequence[Block], n_workers: int | None, address: str | None) -> Iterator[Finished]:
    """Each block as it is finished, in any order. A worker that dies is started again, and its block scored again.

    Args:
        n_workers: None takes the GPUs of the cluster, or its machines where it has none.
        address: of a cluster; None starts Ray on this machine for as long as it takes.

    Raises:
        InvalidInput: no Ray, no such cluster, or more workers than it can hold.
        PlaygroundError: what a worker could not do.
    """
    ray = _imported(address)
    try:
        n_workers = n_workers or max(1, int(ray.cluster_resources().get("GPU", 0)) or len(_alive(ray)))
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        asked = ray.data.from_items([{"block": block} for block in blocks], override_num_blocks=len(blocks))
        answers = asked.map_batches(
            Actor,
            fn_constructor_args=[job],
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=n_workers),
            **_share(ray, n_workers, job),
        )
        for row in answers.iter_rows():
            if isinstance(row["answer"], str):
                raise PlaygroundError("{reason}", reason=row["answer"])
            yield row["answer"]
    finally:
        ray.shutdown()


def _imported(address: str | None) -> Any:
    """Ray, connected."""
    # It reports its use to its makers otherwise.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InvalidInput(
            'Workers need Ray, which is not installed. Run: pip install "rerank-playground[ray]"'
        ) from error
    local = {"object_store_memory": STORE_BYTES, "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InvalidInput("There is no Ray cluster at {address}.", address=address or "this machine") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray


def _alive(ray: Any) -> list[Mapping[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _share(ray: Any, n_workers: int, job: Job) -> dict[str, float]:
    """Processors and GPUs of one worker: an even share, of no more than one machine. Ray gives torch as many threads.

    Raises:
        InvalidInput: there are no processors left for so many.
    """
    total = ray.cluster_resources()
    n_cpus = total.get("CPU", 0) / n_workers
    if n_cpus < 0.1:
        raise InvalidInput(
            "{n} workers are too many for {cpus:.0f} processors. Give a smaller --workers.",
            n=n_workers,
            cpus=total.get("CPU", 0),
        )
    most = min(machine.get("CPU", 0) for machine in _alive(ray) if machine.get("CPU"))
    share: dict[str, float] = {"num_cpus": min(int(n_cpus), int(most)) if n_cpus >= 1 else round(n_cpus, 2)}
    n_gpus = total.get("GPU", 0)
    if n_gpus and job.choice.device in ("auto", "cuda"):
        share["num_gpus"] = 1 if n_gpus >= n_workers else round(n_gpus / n_workers, 2)
    return share
