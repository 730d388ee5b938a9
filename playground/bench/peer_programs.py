"""What runs in a peer's own process: its public call on a folder, as its makers show it, with raw outputs.

Nothing but the standard library is imported before a peer is chosen: each runs beside a transformers of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Score = Callable[[str, Sequence[str]], Sequence[float]]
MAX_TOKENS = 512
EXPORTED = "onnx/model.onnx"
# Of the model card's one batch: what goes in at once where all would need too much memory.
MOST_PADDED_TOKENS = 131_072


def load(program: str, folder: str, precision: str, threads: str) -> tuple[Score, dict[str, str]]:
    """The peer's call, with its model loaded, and the versions of what it runs on."""
    make = PROGRAMS[program]
    use_threads(int(threads))
    return make(folder, precision, int(threads)), versions()


def timed(score: Score, query: str, passages: Sequence[str]) -> dict[str, Any]:
    """Seconds of the call, what it gave, in the order of the passages, and the most memory so far."""
    start = time.perf_counter()
    scores = score(query, passages)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "scores": [float(each) for each in scores], "peak_mib": peak_mib()}


def use_threads(n: int) -> None:
    """The same number for every library: some take as many as there are cores, whatever one sets."""
    import torch

    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if n < len(allowed):
            os.sched_setaffinity(0, allowed[:n])
    torch.set_num_threads(n)


def versions() -> dict[str, str]:
    """Of the libraries that matter for speed, where they are there."""
    found = {}
    names = ("torch", "transformers", "sentence-transformers", "onnxruntime", "openvino", "FlagEmbedding", "FlashRank")
    for name in (*names, "infinity-emb"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peak_mib() -> float:
    """Most memory of this process so far; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def ours(folder: str, precision: str, threads: int, device: str = "cpu") -> Score:
    from playground.bench.families import random_weights_engine
    from playground.core.types import ModelChoice, Passage, RerankRequest

    engine = random_weights_engine(max_cached_scores=0)
    choice = ModelChoice(folder, device=device, precision=precision, max_length=MAX_TOKENS)  # type: ignore[arg-type]

    def score(query: str, passages: Sequence[str]) -> list[float]:
        request = RerankRequest(query, tuple(Passage(str(place), text) for place, text in enumerate(passages)))
        result = list(engine.rerank(request, choice))[-1].result
        assert result is not None
        return [scored.logit for scored in sorted(result.scored, key=lambda scored: scored.index)]

    # So that an error of loading is told as one.
    score("a", ["b"])
    return score


def roofline(folder: str, precision: str, threads: int) -> Score:
    """Seconds of our forward passes, and of the bare matrix products of the same shapes: the linear layers of the
    encoder, for the real tokens of the same batches, laid out as ours are, and one token of each text where that is
    all that the last layer computes."""
    import torch
    from transformers import AutoConfig

    from playground.core.types import ModelChoice
    from playground.engine.budget import default_budget
    from playground.models import linears
    from playground.models.batching import pads, plan
    from playground.models.loading import load_scorer

    choice = ModelChoice(folder, device="cpu", precision=precision, max_length=MAX_TOKENS)  # type: ignore[arg-type]
    scorer = load_scorer(choice, run_checks=False)
    config = AutoConfig.from_pretrained(folder)
    hidden, inter = config.hidden_size, config.intermediate_size
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    # Key and value, then query, output and the feed-forward part.
    sizes = [(hidden, hidden)] * 4 + [(hidden, inter), (inter, hidden)]
    layers = [
        torch.nn.ModuleList([torch.nn.Linear(*size, dtype=dtype) for size in sizes])
        for _ in range(config.num_hidden_layers)
    ]
    for layer in layers:
        linears.pack(layer, "cpu", "bf16" if precision == "bf16" else "fp32")

    def products(n_tokens: int, n_texts: int) -> None:
        narrow, wide = torch.randn(n_tokens, hidden, dtype=dtype), torch.randn(n_tokens, inter, dtype=dtype)
        for layer in layers:
            n = n_texts if layer is layers[-1] else n_tokens
            for place, linear in enumerate(layer):
                given = wide if place == len(sizes) - 1 else narrow
                linear(given if place < 2 else given[:n])

    def score(query: str, passages: Sequence[str]) -> list[float]:
        encoded = scorer.encode(query, passages)
        lengths = [len(pair.input_ids) for pair in encoded]
        batches = plan(lengths, default_budget(scorer.spec), pads=pads(scorer))
        start = time.perf_counter()
        for batch in batches:
            scorer.logits([encoded[place] for place in batch])
        between = time.perf_counter()
        with torch.inference_mode():
            for batch in batches:
                products(sum(lengths[place] for place in batch), len(batch))
        return [between - start, time.perf_counter() - between]

    return score


def transformers_card(folder: str, precision: str, threads: int) -> Score:
    """As on the card of BAAI/bge-reranker-base: all pairs in one batch, or in as few as memory needs."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.eval()

    def score(query: str, passages: Sequence[str]) -> list[float]:
        scores: list[float] = []
        at_once = MOST_PADDED_TOKENS // MAX_TOKENS
        for start in range(0, len(passages), at_once):
            pairs = [[query, passage] for passage in passages[start : start + at_once]]
            with torch.no_grad():
                inputs = tokenizer(pairs, padding=True, truncation=True, return_tensors="pt", max_length=MAX_TOKENS)
                scores += model(**inputs, return_dict=True).logits.view(-1).float().tolist()
        return scores

    return score


def sentence_transformers(folder: str, precision: str, threads: int, device: str = "cpu") -> Score:
    import torch

    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    return _cross_encoder(folder, "torch", {"torch_dtype": dtype}, device)


def beside(folder: str) -> Path:
    """Where peers export to: in the folder itself, a file of theirs would be taken for one that came with the model."""
    path = Path(folder)
    return path.with_name(f"{path.name}-exported")


def sentence_transformers_onnx(folder: str, precision: str, threads: int) -> Score:
    """Its own export, made once; in int8 its own dynamic quantisation of it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    whole_folder, folder = folder, str(beside(folder))
    if not Path(folder, EXPORTED).exists():
        from sentence_transformers import CrossEncoder

        made = CrossEncoder(whole_folder, backend="onnx", device="cpu", model_kwargs={"export": True})
        made.save_pretrained(folder)
    name = EXPORTED
    if precision == "int8":
        name = "onnx/model_qint8_avx512_vnni.onnx"
        if not Path(folder, name).exists():
            from sentence_transformers import CrossEncoder, export_dynamic_quantized_onnx_model

            whole = CrossEncoder(folder, backend="onnx", device="cpu", model_kwargs={"file_name": EXPORTED})
            export_dynamic_quantized_onnx_model(whole, "avx512_vnni", folder)
    asked = {"file_name": name, "provider": "CPUExecutionProvider", "session_options": options}
    return _cross_encoder(folder, "onnx", asked)


def sentence_transformers_openvino(folder: str, precision: str, threads: int) -> Score:
    """In fp32, or in what it takes by itself."""
    config = {"INFERENCE_NUM_THREADS": str(threads)}
    if precision == "fp32":
        config["INFERENCE_PRECISION_HINT"] = "f32"
    return _cross_encoder(folder, "openvino", {"export": True, "ov_config": config})


def flag_embedding(folder: str, precision: str, threads: int, device: str = "cpu") -> Score:
    from FlagEmbedding import FlagReranker

    if precision not in {"fp32", "fp16"}:
        raise ValueError("FlagReranker runs in fp32 or fp16")
    model = FlagReranker(folder, use_fp16=precision == "fp16", devices=[device], max_length=MAX_TOKENS, normalize=False)
    if model.model.config.model_type == "xlm-roberta":
        # It asks the class, not the file, what goes around a pair; a plain class would give token types of BERT.
        from transformers import XLMRobertaTokenizerFast  # type: ignore[attr-defined]

        file = str(Path(folder, "tokenizer.json"))
        model.tokenizer = XLMRobertaTokenizerFast(tokenizer_file=file, model_max_length=MAX_TOKENS)

    def score(query: str, passages: Sequence[str]) -> list[float]:
        scores = model.compute_score([(query, passage) for passage in passages])
        # Of one pair it gives a list in some versions, a number in others.
        return scores if isinstance(scores, list) else [scores]

    return score


def flash_rank(folder: str, precision: str, threads: int) -> Score:
    """Takes only models of its own list, so the exported file is entered there. It gives sigmoids: they are undone."""
    import math

    from flashrank import Ranker, RerankRequest
    from flashrank.Config import model_file_map

    path = beside(folder)
    if not (path / EXPORTED).exists():
        raise FileNotFoundError("no ONNX file: it is made by the export of sentence-transformers, which did not run")
    marks = path / "special_tokens_map.json"
    if not marks.exists():
        marks.write_text("{}", encoding="utf-8")
    model_file_map[path.name] = EXPORTED
    ranker = Ranker(path.name, cache_dir=str(path.parent), max_length=MAX_TOKENS, log_level="ERROR")

    def score(query: str, passages: Sequence[str]) -> list[float]:
        given = [{"id": place, "text": text} for place, text in enumerate(passages)]
        ranked = ranker.rerank(RerankRequest(query=query, passages=given))
        found = {each["id"]: float(each["score"]) for each in ranked}
        return [math.log(found[place] / (1 - found[place])) for place in range(len(passages))]

    return score


def infinity(folder: str, precision: str, threads: int) -> Score:
    import asyncio

    from infinity_emb import AsyncEmbeddingEngine, EngineArgs

    loop = asyncio.new_event_loop()
    asked = EngineArgs(
        model_name_or_path=folder,
        engine="torch",
        device="cpu",
        dtype="float32",
        bettertransformer=False,
        model_warmup=False,
    )
    engine = AsyncEmbeddingEngine.from_args(asked)
    loop.run_until_complete(engine.astart())

    def score(query: str, passages: Sequence[str]) -> list[float]:
        ranked, _ = loop.run_until_complete(engine.rerank(query=query, docs=list(passages), raw_scores=True))
        return [each.relevance_score for each in sorted(ranked, key=lambda each: each.index)]

    return score


def _cross_encoder(folder: str, backend: str, model_kwargs: dict[str, Any], device: str = "cpu") -> Score:
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(folder, backend=backend, device=device, max_length=MAX_TOKENS, model_kwargs=model_kwargs)

    def score(query: str, passages: Sequence[str]) -> list[float]:
        pairs = [(query, passage) for passage in passages]
        scores = model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
        return [float(each) for each in scores]

    return score


PROGRAMS: dict[str, Callable[..., Score]] = {
    "ours": ours,
    "ours ONNX": lambda folder, precision, threads: ours(f"{folder}#backend=onnx", precision, threads),
    "roofline": roofline,
    "transformers": transformers_card,
    "sentence-transformers": sentence_transformers,
    "sentence-transformers ONNX": sentence_transformers_onnx,
    "sentence-transformers OpenVINO": sentence_transformers_openvino,
    "FlagEmbedding": flag_embedding,
    "FlashRank": flash_rank,
    "infinity": infinity,
}
