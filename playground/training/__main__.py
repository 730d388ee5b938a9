"""`python -m playground.training`: fine-tune a reranker or an embedder, and remake the built-in models' figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from playground.core.errors import PlaygroundError
from playground.core.training import RECIPES, Recipe
from playground.paths import BUILT_IN_MODELS
from playground.training.settings import Precision, TrainingSettings

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

Train = Annotated[list[Path], typer.Option(help="JSONL rows (plain or .gz) in FlagEmbedding's format; repeatable.")]
Dev = Annotated[Path, typer.Option(help="JSONL rows that choose the weights; never trained on.")]
Base = Annotated[str, typer.Option(help="Folder or Hub id of the encoder to start from.")]
Out = Annotated[Path, typer.Option(help="Folder of the finished model; holds the checkpoints while training.")]
Take = Annotated[list[int], typer.Option(help="Rows to draw of each train file, in step; repeatable. All if absent.")]
Data = Annotated[Path, typer.Option(help="Folder that `gather` wrote.")]
Taught = Annotated[
    list[Path], typer.Option(help="JSONL rows whose labels are not read, only a teacher's scores; repeatable.")
]
Teachers = Annotated[list[str], typer.Option(help="Embedder with mean pooling, folder or Hub id; repeatable.")]
Layers = Annotated[str, typer.Option(help="Layers of the base to keep, as 0,2,5; empty keeps all.")]
Device = Annotated[str, typer.Option(help="auto, cuda or cpu.")]
Prec = Annotated[str, typer.Option(help="auto, fp32 or bf16 (autocast; weights stay fp32).")]

DEFAULT = TrainingSettings(train=(), dev=Path(), base="", out=Path())


@app.command("cross-encoder")
def cross_encoder_command(
    train: Train,
    dev: Dev,
    base: Base,
    out: Out,
    take: Take = [],  # noqa: B006
    taught: Taught = [],  # noqa: B006
    layers: Layers = "",
    epochs: int = DEFAULT.epochs,
    lr: float = DEFAULT.lr,
    layer_decay: float = DEFAULT.layer_decay,
    max_length: int = DEFAULT.max_length,
    group_size: int = DEFAULT.group_size,
    rows_per_step: int = DEFAULT.rows_per_step,
    binary_weight: float = DEFAULT.binary_weight,
    margin_weight: float = DEFAULT.margin_weight,
    freeze_embeddings: bool = DEFAULT.freeze_embeddings,
    freeze_layers: int = DEFAULT.freeze_layers,
    dev_rows: int = DEFAULT.dev_rows,
    evaluate_every: int = DEFAULT.evaluate_every,
    patience: int = DEFAULT.patience,
    checkpoint_every: int = DEFAULT.checkpoint_every,
    seed: int = DEFAULT.seed,
    precision: Prec = DEFAULT.precision,
    device: Device = DEFAULT.device,
) -> None:
    """Fine-tune a reranker."""
    settings = _settings(**locals())
    from playground.training import cross_encoder

    typer.echo(f"The model is in {cross_encoder.run(settings, typer.echo)}")


@app.command("labels")
def labels_command(
    work: Annotated[Path, typer.Option(help="Folder with train.jsonl and dev.jsonl; the model is written into it.")],
    base: Base,
    epochs: int = 2,
    lr: float = 5e-5,
    max_length: int = 128,
    group_size: int = 4,
    seed: int = 0,
    device: Device = "auto",
    adapters: Annotated[bool, typer.Option("--adapters", help="Train LoRA adapters in place of all weights.")] = False,
    step_tokens: Annotated[int, typer.Option(help="Tokens of a step that memory is taken for at once; 0: all.")] = 0,
    follow_stdin: Annotated[
        bool, typer.Option("--follow-stdin", help="Stop, with a checkpoint, when standard input ends.")
    ] = False,
) -> None:
    """Fine-tune a reranker on a few labels, telling in JSON lines where it stands; what the page starts."""
    settings = dict(locals())
    follow_stdin = settings.pop("follow_stdin")
    from playground.training import labels

    raise typer.Exit(labels.main(labels.LabelSettings(**settings), follow_stdin=follow_stdin))


@app.command("presets")
def presets_command(
    rows: Annotated[Path, typer.Option(help="JSONL rows that the base was not trained on.")],
    base: Base = str(BUILT_IN_MODELS / "mini-reranker"),
    preset: Annotated[list[str], typer.Option(help="quick or careful; repeatable.")] = list(RECIPES),  # noqa: B006
    seeds: Annotated[int, typer.Option(help="Trainings of each preset, each on queries of its own.")] = 3,
    train: Annotated[int, typer.Option(help="Queries to learn from.")] = 200,
    dev: Annotated[int, typer.Option(help="Queries to measure on.")] = 100,
) -> None:
    """Measure what the presets of the page's Train tab bring (NDCG@10, with 95 % intervals) and take of a CPU."""
    from playground.training import presets
    from playground.training.rows import read_rows

    if set(preset) - set(RECIPES):
        raise typer.BadParameter(f"--preset takes {' or '.join(RECIPES)}.")
    recipes: dict[str, Recipe] = {name: recipe for name, recipe in RECIPES.items() if name in preset}
    presets.measure(read_rows([rows]), base, recipes, n_seeds=seeds, n_train=train, n_dev=dev, say=typer.echo)


@app.command("bi-encoder")
def bi_encoder_command(
    train: Train,
    dev: Dev,
    base: Base,
    out: Out,
    take: Take = [],  # noqa: B006
    layers: Layers = "",
    epochs: int = DEFAULT.epochs,
    lr: float = 2e-5,
    layer_decay: float = DEFAULT.layer_decay,
    max_length: int = DEFAULT.max_length,
    group_size: int = 3,
    rows_per_step: int = 16,
    freeze_embeddings: bool = DEFAULT.freeze_embeddings,
    freeze_layers: int = DEFAULT.freeze_layers,
    dev_rows: int = DEFAULT.dev_rows,
    evaluate_every: int = DEFAULT.evaluate_every,
    patience: int = DEFAULT.patience,
    checkpoint_every: int = DEFAULT.checkpoint_every,
    seed: int = DEFAULT.seed,
    precision: Prec = DEFAULT.precision,
    device: Device = DEFAULT.device,
) -> None:
    """Fine-tune an embedder."""
    settings = _settings(**locals())
    from playground.training import bi_encoder

    typer.echo(f"The model is in {bi_encoder.run(settings, typer.echo)}")


@app.command("evaluate")
def evaluate_command(
    dev: Dev,
    foreign: Annotated[Path, typer.Option(help="JSONL rows of another field, kept out of training.")],
    base: Base,
    write: Annotated[bool, typer.Option("--write", help="Store the figures and write the cards anew.")] = False,
    only: Annotated[
        list[str], typer.Option(help="Run this contestant alone, such as 'Mini reranker'; repeatable.")
    ] = [],  # noqa: B006
) -> None:
    """Remake every figure of the built-in models' cards; says where they differ from the cards."""
    from playground.training import report

    found = report.evaluate_built_ins(dev, foreign, base, typer.echo, only)
    if write:
        report.write_cards(found)
        return
    wrong = report.differences(found)
    typer.echo("\n".join(wrong) if wrong else "All figures are those of the cards.")
    raise typer.Exit(1 if wrong else 0)


@app.command("prose")
def prose_command(
    folder: Annotated[Path, typer.Option(help="Folder whose subfolders are sources of HTML pages or dictd files.")],
    out: Annotated[Path, typer.Option(help="JSONL file of sections: source, title, text.")],
    per_source: Annotated[
        int, typer.Option(help="Sections of one source at most; a dictionary gives four times.")
    ] = 2500,
    seed: int = 0,
) -> None:
    """Read passages of prose out of documentation."""
    from playground.training import prose

    typer.echo(f"{prose.write_sections(prose.read_folder(folder, per_source, seed), out)} sections are in {out}")


@app.command("prune")
def prune_command(
    base: Base,
    train: Train,
    out: Annotated[Path, typer.Option(help="Folder of the pruned model.")],
    prose: Annotated[Path | None, typer.Option(help="Sections, as `prose` writes them.")] = None,
    size: Annotated[int, typer.Option(help="Word pieces to keep.")] = 22_000,
    embedder: Annotated[
        bool, typer.Option("--embedder", help="Write a finished embedder: fp16, mean pooling.")
    ] = False,
) -> None:
    """Drop the word pieces that the given texts do not need."""
    from playground.training import prose as prose_room
    from playground.training import rows, vocabulary

    texts = [text for row in rows.read_rows(train) for text in (row.query, *row.pos, *row.neg)]
    sections = prose_room.read_sections(prose) if prose else []
    texts = list(dict.fromkeys([*texts, *(f"{section.title} {section.text}" for section in sections)]))
    kept = vocabulary.prune(Path(base), texts, size, out, embedder=embedder)
    typer.echo(f"{kept} word pieces are in {out}")


@app.command("gather")
def gather_command(
    labelled: Annotated[Path, typer.Option(help="Folder of train/squad_train, train/nq_train and dev/squad_dev.")],
    out: Annotated[Path, typer.Option(help="Folder of the rows that `recipe` reads.")],
    cache: Annotated[Path, typer.Option(help="Folder for Debian packages and git clones; about 10 GB.")],
    clones: Annotated[Path | None, typer.Option(help="Folder of git clones named owner+name, if elsewhere.")] = None,
    taught: Annotated[int, typer.Option(help="Rows of made queries for the teacher.")] = 120_000,
) -> None:
    """Gather texts of many fields (`sources.toml`) and make rows of them."""
    from playground.training import gather, pools

    found = gather.gather(cache / "debian", clones or cache / "clones", typer.echo)
    squad, nq = (labelled / "train" / f"{name}_train.jsonl.gz" for name in ("squad", "nq"))
    pools.prepare(found, squad, nq, labelled / "dev" / "squad_dev.jsonl.gz", out, taught, typer.echo)


@app.command("score")
def score_command(
    data: Data,
    teacher: Teachers = [str(BUILT_IN_MODELS / "mini-embedder")],  # noqa: B006
    made: Annotated[int, typer.Option(help="Rows to add with queries made of the passages.")] = 0,
    take: Take = [],  # noqa: B006
    device: Device = DEFAULT.device,
) -> None:
    """Let embedders score `gather`'s rows for training: cosine and matched words, weighed on the labelled rows."""
    from playground.training import scoring

    scoring.score_data(data, teacher, made, typer.echo, device, take)


@app.command("recipe")
def recipe_command(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of all stages and checkpoints; start again to go on.")],
    base: Annotated[Path, typer.Option(help="Model that the first stage starts from.")] = BUILT_IN_MODELS
    / "mini-reranker",
    teacher: Teachers = [str(BUILT_IN_MODELS / "mini-embedder")],  # noqa: B006
    against: Annotated[str, typer.Option(help="Embedder that candidates are measured against.")] = str(
        BUILT_IN_MODELS / "mini-embedder"
    ),
    until: Annotated[str, typer.Option(help="Stage after which to choose; empty runs all.")] = "",
) -> None:
    """Train the Mini reranker from data to weights (`recipe.toml`)."""
    from playground.training import recipe

    typer.echo(f"The model is in {recipe.run(data, base, teacher, against, out, typer.echo, until=until)}")


@app.command("merge")
def merge_command(
    model: Annotated[list[Path], typer.Option(help="Model folder; repeatable. One alone is copied.")],
    out: Annotated[Path, typer.Option(help="Folder of the mean.")],
    weight: Annotated[list[float], typer.Option(help="Share of each model, in step; all alike if absent.")] = [],  # noqa: B006
) -> None:
    """Write the weighted mean of models of one shape."""
    from playground.training import merge

    merge.merge(model, weight or [1.0] * len(model), out)
    typer.echo(f"The mean is in {out}")


@app.command("judge")
def judge_command(
    data: Data,
    model: Annotated[list[Path], typer.Option(help="Reranker folder; repeatable.")],
    base: Annotated[str, typer.Option(help="Embedder to measure against.")] = str(BUILT_IN_MODELS / "mini-embedder"),
    rows: Annotated[int, typer.Option(help="Rows of each set at most.")] = 120,
) -> None:
    """Compare rerankers with an embedder on `gather`'s sets to choose on (NDCG@10)."""
    from playground.training import judge

    judge.judge(model, base, judge.dev_sets(data, rows), typer.echo)


def _settings(
    train: list[Path], take: list[int], layers: str, precision: str, taught: Sequence[Path] = (), **same: Any
) -> TrainingSettings:
    """The options of a command as settings."""
    return TrainingSettings(
        train=tuple(train),
        take=tuple(take),
        taught=tuple(taught),
        layers=_layers(layers),
        precision=_precision(precision),
        **same,
    )


def _layers(text: str) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in text.split(",")) if text else None
    except ValueError as error:
        raise typer.BadParameter("--layers takes numbers with commas, as 0,2,5.") from error


def _precision(name: str) -> Precision:
    if name in get_args(Precision):
        return cast(Precision, name)
    raise typer.BadParameter("--precision takes auto, fp32 or bf16.")


def main() -> int:
    """Exit code 1 and one sentence for anything that the user can mend."""
    try:
        app(standalone_mode=True)
    except PlaygroundError as error:
        typer.echo(str(error), err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
