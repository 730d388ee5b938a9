"""What other libraries feed a model and make of it, run by an interpreter of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from playground.bench.environments import Interpreter

# One program for all jobs of a test file: importing the libraries takes longer than the jobs.
PROGRAM = '''
import json, torch

fed = []

def watch(model):
    """Keeps the ids of each forward pass, without padding."""
    def look(module, args, kwargs):
        ids, mask = kwargs.get("input_ids", args[0] if args else None), kwargs.get("attention_mask")
        if ids is not None and mask is not None:
            fed.append([i for i, kept in zip(ids[0].tolist(), mask[0].tolist()) if kept])
    model.register_forward_pre_hook(look, with_kwargs=True)

def flag_llm(job):
    from FlagEmbedding import FlagLLMReranker
    reranker = FlagLLMReranker(job["folder"], use_fp16=False, devices=["cpu"], max_length=job["max_length"])
    watch(reranker.model)
    return lambda q, p: reranker.compute_score([(q, p)], prompt=job["instruction"], normalize=False)[0]

def mxbai(job):
    from mxbai_rerank import MxbaiRerankV2
    reranker = MxbaiRerankV2(job["folder"], device="cpu", torch_dtype=torch.float32, max_length=job["max_length"])
    watch(reranker.model)
    return lambda q, p: float(reranker.predict([q], [p], instruction=job["instruction"])[0])

def t5(job):
    from rerankers.models.t5ranker import T5Ranker
    reranker = T5Ranker(job["folder"], device="cpu", dtype=torch.float32, verbose=0)
    watch(reranker.model.get_encoder())
    return lambda q, p: reranker._get_scores(q, [p], max_length=job["max_length"])[0]

answers = []
for job in json.loads(argv[0]):
    score = {"FlagLLMReranker": flag_llm, "MxbaiRerankV2": mxbai, "T5Ranker": t5}[job["library"]](job)
    for query, passage in job["pairs"]:
        fed.clear()
        found = score(query, passage)
        answers.append([found, fed[-1]])
'''


@dataclass(frozen=True)
class Job:
    """Pairs for one model under one library; `instruction` None takes its own."""

    library: Literal["FlagLLMReranker", "MxbaiRerankV2", "T5Ranker"]
    folder: str
    pairs: Sequence[tuple[str, str]]
    max_length: int
    instruction: str | None = None


class Answer(NamedTuple):
    score: float
    input_ids: list[int]


def ask(interpreter: Interpreter, jobs: Sequence[Job]) -> list[list[Answer]]:
    """For each job, what its library made of each pair alone."""
    said = interpreter.run(PROGRAM, "answers", json.dumps([asdict(job) for job in jobs]))
    answers = iter([Answer(*answer) for answer in said])
    return [[next(answers) for _ in job.pairs] for job in jobs]
