"""Teachers' scores for gathered rows: what `recipe` trains on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from playground.core.errors import InvalidInput
from playground.training.evaluate import figures_of
from playground.training.judge import dev_sets
from playground.training.loop import settle_device
from playground.training.output import TEACHERS
from playground.training.prose import Section
from playground.training.queries import query_of
from playground.training.rows import WRONG_TAKE, Row, read_rows, write_rows
from playground.training.teacher import Fit, Readers, Teacher, fit, texts_of

LABELLED, TAUGHT = ("squad", "nq", "pairs"), "taught"
FITTED_ON = 400  # rows of each labelled file
WATCHED = 20  # dev rows of each kind that are read where few rows are scored
NEAREST, DRAWN = 30, 4  # of the passages nearest to a made query, how many join its row
MAX_LENGTH = 224


def path_of(data: Path, name: str) -> Path:
    return data / f"scored_{name}.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Made:
    """A query made of a passage, and the passage left for it."""

    query: str
    own: str


def made_of(rows: Sequence[Row], n: int, rng: random.Random) -> list[Made]:
    pool = pool_of(rows)
    made = (Made(*query_of(Section("", "", rng.choice(pool)), rng)) for _ in range(n))
    return [each for each in made if each.query.strip() and each.own.strip()]


def pool_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(text for row in rows for text in (*row.pos, *row.neg)))


def with_nearest(rows: Sequence[Row], made: Sequence[Made], readers: Readers, rng: random.Random) -> Iterator[Row]:
    """Rows beside what the teacher finds nearest to their queries, which BM25 alone never meets.

    Each row gets `DRAWN` such passages; each made query becomes a row of such passages and two strangers.
    """
    pool = pool_of(rows)
    asked = [*(row.query for row in rows), *(each.query for each in made)]
    for number, places in enumerate(readers.nearest(asked, pool, NEAREST)):
        row = rows[number] if number < len(rows) else None
        one = None if row else made[number - len(rows)]
        held = {*row.pos, *row.neg} if row else set()
        # The passage that a sentence was taken out of for the query still holds it.
        others = [text for place in places if (text := pool[place]) not in held and (row or one.query not in text)]  # type: ignore[union-attr]
        if row:
            yield replace(row, neg=(*row.neg, *rng.sample(others, min(DRAWN, len(others)))))
        elif one:
            near = rng.sample(others, min(2 * DRAWN - 1, len(others)))
            drawn = dict.fromkeys((*near, rng.choice(pool), rng.choice(pool)))
            yield Row(one.query, (one.own,), tuple(text for text in drawn if text != one.own))


def score_data(
    data: Path,
    folders: Sequence[str],
    n_made: int,
    say: Callable[[str], None] = print,
    device: str = "auto",
    take: Sequence[int] = (),
) -> Fit:
    """Writes `scored_*.jsonl.gz` and `teacher.json` beside the rows of `gather`; what these teachers wrote stays.

    Args:
        n_made: rows to add whose queries are made here (see `with_nearest`).
        take: rows drawn of each file, in the order of `LABELLED` and then `TAUGHT`; empty takes all (a day on a CPU).
    Raises:
        InvalidInput: rows or teachers that cannot be read; numbers to take that are not one for each file.
    """
    names = (*LABELLED, TAUGHT)
    if len(take) not in (0, len(names)):
        raise InvalidInput(WRONG_TAKE, n=len(take), files=len(names))
    device = settle_device(device)
    teachers = [Teacher(folder, MAX_LENGTH, device) for folder in folders]
    marks = [*(teacher.fingerprint for teacher in teachers), str(n_made), *map(str, take)]
    record = data / TEACHERS
    held = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if held.get("made_by") == marks and all(path_of(data, name).is_file() for name in names):
        return Fit(tuple(held["weights"]), held["offset"])
    record.unlink(missing_ok=True)
    kinds = {name: read_rows([data / f"{name}.jsonl.gz"], take[place : place + 1]) for place, name in enumerate(names)}
    taught = kinds.pop(TAUGHT)
    made = made_of(taught, n_made, random.Random(0))
    dev = dev_sets(data, WATCHED if take else FITTED_ON)
    every = [row for rows in (*kinds.values(), *dev.values(), taught) for row in rows]
    texts = [*texts_of(every), *(text for each in made for text in (each.query, each.own))]
    readers = Readers(teachers, texts)
    parts = [random.Random(0).sample(rows, min(FITTED_ON, len(rows))) for rows in kinds.values()]
    fitted = fit(parts, [list(readers.features(part)) for part in parts])
    say(f"teacher: {', '.join(f'{weight:.2f}' for weight in fitted.weights)}, {fitted.offset:+.2f}")
    for name, rows in dev.items():
        figures = figures_of(rows, [fitted.logits(each) for each in readers.features(rows)])
        say(f"the teacher on dev_{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures.items()))
    wide = list(with_nearest(taught, made, readers, random.Random(0)))
    for name, rows in (*kinds.items(), (TAUGHT, wide)):
        n = write_rows(readers.with_scores(fitted, rows), path_of(data, name))
        say(f"{n} rows are in {path_of(data, name).name}")
    text = json.dumps(
        {"teachers": [Path(folder).name for folder in folders], "made_by": marks, **asdict(fitted)}, indent=2
    )
    record.write_text(text + "\n", encoding="utf-8")
    return fitted
