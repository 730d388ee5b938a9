"""Model cards of the built-in models, written from `figures.json` and `training.json`, so that no figure is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = "figures.json"
BASE = "all-MiniLM-L6-v2"
HEADINGS = {
    "dev": "Dev: questions on Wikipedia articles that training does not have (SQuAD 1.1)",
    "foreign": "Foreign: medical questions, wholly kept out of training (MedQuAD)",
    "scenarios": "The playground's own English example scenarios",
}
RERANKER = """\
A small English reranker, made for the rerank playground so that it works at once, offline. It is a demonstration
model: for real work take a BGE reranker or another large cross-encoder.

- **What it is**: BERT with {layers} layers, width {width}, {vocabulary:,} word pieces,
  {parameters:.1f} million parameters, {size:.1f} MB (fp16). One output: a logit.
- **What the number means**: above 0 it leans to "relevant". Both the order within a query and the level across queries
  were trained (a listwise term and a binary term); how well one threshold serves all queries is the AP below. The
  sigmoid of the logit is a squashing function, not a probability.
- **Base**: [sentence-transformers/all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2),
  Apache-2.0, its vocabulary pruned to what English text needs.
- **Licence**: Apache-2.0. The training data ask for attribution: see below.
"""
EMBEDDER = """\
A small English embedding model for the rerank playground: {base} with its vocabulary pruned to what English text
needs. It is a demonstration model: for real work take a BGE embedder.

- **What it is**: BERT with {layers} layers, width {width}, {vocabulary:,} word pieces,
  {parameters:.1f} million parameters, {size:.1f} MB (fp16). Mean pooling, L2-normalised; no query instruction.
- **What the number means**: a cosine between -1 and 1. It orders texts by likeness; its level was not trained to
  separate relevant from not relevant.
- **Base**: [sentence-transformers/all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2),
  Apache-2.0. No weight was trained further: rows of the embedding table were dropped, nothing else.
- **Licence**: Apache-2.0.
"""
DATA = """\
## Training data

| file | what | source | licence |
|---|---|---|---|
{rows}

{stages}

The rows of distil.jsonl.gz pair made and real queries with prose from Debian's documentation packages (WordNet and
FOLDOC dictionaries, manuals of GIMP, GnuCash, LibreOffice, PostgreSQL, Python, scikit-learn and others) and with the
passages above; the target is the base's own cosine, mapped to a logit. No row is shipped with the project.
"""
SOURCES = {
    "squad_train.jsonl.gz": (
        "labelled questions",
        "SQuAD 1.1 (36 dev articles) and SQuADShifts new_wiki",
        "CC BY-SA 4.0; CC BY 4.0",
    ),
    "nq_train.jsonl.gz": ("labelled searches", "Natural Questions, gold passages", "CC BY-SA 3.0"),
    "squad.jsonl.gz": (
        "labelled questions",
        "SQuAD 1.1 (36 dev articles) and SQuADShifts new_wiki",
        "CC BY-SA 4.0; CC BY 4.0",
    ),
    "nq.jsonl.gz": ("labelled searches", "Natural Questions, gold passages, nine in ten", "CC BY-SA 3.0"),
    "pairs.jsonl.gz": (
        "questions with answers",
        "OpenStax textbooks; Stack Exchange (eleven sites)",
        "CC BY 4.0; CC BY-SA 3.0 and 4.0",
    ),
    "taught.jsonl.gz": (
        "taught rows",
        "OpenStax, Debian documentation packages, Query wellformedness, Open Trivia QA, SQuAD's questions",
        "CC BY 4.0; each package's own; CC BY-SA 4.0",
    ),
    "distil.jsonl.gz": (
        "taught rows",
        "Debian documentation packages, the passages above",
        "each package's own; WordNet licence",
    ),
}
GATHERED = """\
The files of the later stages are what `python -m playground.training gather` writes: questions with answers and
glossaries of OpenStax textbooks (medicine, nutrition and nursing, astronomy, chemistry, physics, philosophy, ethics,
politics, sociology, anthropology, statistics, economics, finance, business, marketing, software, psychology, history),
questions of Stack Exchange sites (coffee, beer, skeptics, quantum computing, artificial and generative intelligence,
and five meta sites), made queries over those books and over Debian's documentation packages, real questions (Query
wellformedness, Open Trivia QA), each beside passages that BM25 finds and what a teacher finds nearest. The stage of 240
steps had thirteen of the books, five of the sites and 24 of the packages. Two embedders score every row
(`python -m playground.training score`): the Mini embedder and sentence-transformers/all-mpnet-base-v2 (Apache-2.0,
sha256 of its weights 78c0197b6159...), by cosine and by late interaction of their token vectors, with weights fitted on
labelled rows of each kind. Repositories, commits and packages stand in `playground/training/sources.toml`. The books
are read at the last commit under CC BY 4.0.
"""
LIMITS = """\
## Limits

- English only. Text in other scripts is mostly unknown to it; the page says so when it sees some.
- At most 512 tokens at once{trained}.
"""
RERANKER_LIMITS = """\
- Most labelled questions come from Wikipedia articles and textbooks. On medical questions, which it never saw, it ranks
  no better than its own base does; on answers and descriptions of people in forums, and on the page's two ready sets,
  it ranks worse.
- A question repeated word for word does not fool it, but a passage that uses its words for something else often does.
  Negation is mostly beyond it.
- A question typed without its question mark can get another order.
"""


def write(folder: Path, name: str, kind: str) -> None:
    """Writes `README.md` of a model folder that holds `figures.json` (and `training.json`, where it was trained)."""
    (folder / "README.md").write_text(text(folder, name, kind), encoding="utf-8")


def text(folder: Path, name: str, kind: str) -> str:
    """The card: what it is, figures beside BM25 and the base, data, limits."""
    facts, figures = facts_of(folder), json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    parts = [f"# {name}\n", (RERANKER if kind == "reranker" else EMBEDDER).format(base=BASE, **facts), tables(figures)]
    record, trained = folder / "training.json", ""
    if record.exists():
        stages = stages_of(json.loads(record.read_text(encoding="utf-8")))
        parts.append(DATA.format(rows=data_rows(stages), stages=stage_lines(stages)))
        if any(stage.get("settings", {}).get("taught") for stage in stages):
            parts.append(GATHERED)
        longest = max(stage["settings"]["max_length"] for stage in stages if "settings" in stage)
        trained = f"; trained with {longest}"
    parts.append(LIMITS.format(trained=trained) + (RERANKER_LIMITS if kind == "reranker" else ""))
    return "\n".join(parts)


def facts_of(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = (folder / "model.safetensors").stat().st_size
    return {
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "vocabulary": config["vocab_size"],
        "parameters": weights / 2 / 1e6,
        "size": weights / 1e6,
    }


def tables(record: dict[str, Any]) -> str:
    settings = record["settings"]
    lines = [
        "## Figures",
        "",
        f"Measured in {settings['precision']}, at most {settings['max_length']} tokens, on {record['machine']}; "
        "`python -m playground.training evaluate` remakes them. AP is the average precision over all pairs pooled: "
        "how well one threshold could serve all queries. A tie counts against the relevant passage.",
    ]
    for name, found in record["figures"].items():
        lines += ["", f"**{HEADINGS[name]}** ({record['sets'][name]['rows']} queries)", ""]
        lines += ["| model | MRR@10 | NDCG@10 | AP |", "|---|---|---|---|"]
        lines += [f"| {who} | {v['mrr@10']:.3f} | {v['ndcg@10']:.3f} | {v['ap']:.3f} |" for who, v in found.items()]
    return "\n".join(lines) + "\n"


def stages_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs and merges that led to these weights, first to last; a merge names its parts by their numbers."""
    if "merged" not in record:
        earlier = record.get("base_training")
        return [*(stages_of(earlier) if earlier else []), record]
    stages: list[dict[str, Any]] = []
    parts = []
    for part in record["merged"]:
        for stage in stages_of(part["training"]):
            if stage not in stages:
                stages.append(stage)
        parts.append((stages.index(stages_of(part["training"])[-1]) + 1, part["weight"]))
    return [*stages, {"parts": parts}]


def stage_lines(stages: list[dict[str, Any]]) -> str:
    lines = []
    for number, stage in enumerate(stages, 1):
        if "parts" in stage:
            shares = ", ".join(f"{100 * weight:.0f} % of stage {part}" for part, weight in stage["parts"])
            lines.append(f"{number}. The mean of {shares}.")
            continue
        settings = stage["settings"]
        files = [*settings["train"], *settings.get("taught", [])]
        takes = settings["take"] or ["all"] * len(files)
        taken = ", ".join(
            f"{n if isinstance(n, str) else format(n, ',')} of {f['file']}" for f, n in zip(files, takes, strict=True)
        )
        size = f"{settings['rows_per_step']} rows of {settings['group_size']} passages"
        teacher = (
            f", taught by {' and '.join(stage['teachers'])} (cosine and matched words)" if "teachers" in stage else ""
        )
        lines.append(
            f"{number}. {stage['steps']:,} steps of {size}, drawn from {taken}{teacher}; at most "
            f"{settings['max_length']} tokens, learning rate {settings['lr']:g}."
            + (f" Note: {stage['note']}." if "note" in stage else "")
        )
    return "\n".join(lines)


def data_rows(stages: list[dict[str, Any]]) -> str:
    files = dict.fromkeys(
        file["file"]
        for stage in stages
        if "settings" in stage
        for file in (*stage["settings"]["train"], *stage["settings"].get("taught", []))
    )
    return "\n".join(
        "| {} | {} | {} | {} |".format(file, *SOURCES.get(file.removeprefix("scored_"), ("rows", file, "unknown")))
        for file in files
    )
