"""Teachers' scores for gathered rows: what `recipe` trains on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from playground.training.evaluate import figures_of
from playground.training.judge import dev_sets
from playground.training.loop import settle_device
from playground.training.prose import Section
from playground.training.queries import query_of
from playground.training.rows import Row, read_rows, write_rows
from playground.training.teacher import Fit, Teacher, features, fit, nearest, score

LABELLED, TAUGHT = ("squad", "nq", "pairs"), "taught"
RECORD = "teacher.json"
FITTED_ON = 400  # rows of each labelled file
NEAREST, DRAWN = 30, 4  # of the passages nearest to a made query, how many join its row
MAX_LENGTH = 224


def path_of(data: Path, name: str) -> Path:
    return data / f"scored_{name}.jsonl.gz"


def with_nearest(rows: Sequence[Row], n_made: int, teacher: Teacher, rng: random.Random) -> list[Row]:
    """Rows beside what the teacher finds nearest to their queries, which BM25 alone never meets.

    Each row gets `DRAWN` such passages; `n_made` more rows have a query made of a passage, and such passages alone.
    """
    pool = list(dict.fromkeys(text for row in rows for text in (*row.pos, *row.neg)))
    made = [query_of(Section("", "", rng.choice(pool)), rng) for _ in range(n_made)]
    asked = [*(row.query for row in rows), *(query for query, _ in made)]
    found = []
    for number, places in enumerate(nearest(teacher, asked, pool, NEAREST)):
        row = rows[number] if number < len(rows) else Row(asked[number], (made[number - len(rows)][1],), ())
        # What a sentence was taken out of for the query is the passage itself.
        others = [pool[place] for place in places if not set(row.pos + row.neg) & {pool[place]}]
        others = [text for text in others if row.query not in text or row.neg]
        drawn = rng.sample(others, min(DRAWN if row.neg else 2 * DRAWN - 1, len(others)))
        strangers = () if row.neg else tuple({rng.choice(pool), rng.choice(pool)} - {*row.pos, *drawn})
        found.append(replace(row, neg=(*row.neg, *drawn, *strangers)))
    return [row for row in found if row.neg and all(text.strip() for text in row.pos)]


def score_data(
    data: Path, folders: Sequence[str], n_made: int, say: Callable[[str], None] = print, device: str = "auto"
) -> Fit:
    """Writes `scored_*.jsonl.gz` and `teacher.json` beside the rows of `gather`; what these teachers wrote stays.

    Args:
        n_made: rows to add whose queries are made here (see `with_nearest`).
    Raises:
        InvalidInput: rows or teachers that cannot be read.
    """
    device = settle_device(device)
    teachers = [Teacher(folder, MAX_LENGTH, device) for folder in folders]
    marks = [*(teacher.fingerprint for teacher in teachers), str(n_made)]
    record = data / RECORD
    held = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if held.get("made_by") == marks and all(path_of(data, name).is_file() for name in (*LABELLED, TAUGHT)):
        return Fit(tuple(held["weights"]), held["offset"])
    record.unlink(missing_ok=True)
    kinds = {name: read_rows([data / f"{name}.jsonl.gz"]) for name in LABELLED}
    parts = [random.Random(0).sample(rows, min(FITTED_ON, len(rows))) for rows in kinds.values()]
    made = [features(teachers, [(row.query, (*row.pos, *row.neg)) for row in part]) for part in parts]
    fitted = fit(parts, made)
    say(f"teacher: {', '.join(f'{weight:.2f}' for weight in fitted.weights)}, {fitted.offset:+.2f}")
    for name, rows in dev_sets(data, FITTED_ON).items():
        found = features(teachers, [(row.query, (*row.pos, *row.neg)) for row in rows])
        figures = figures_of(rows, [fitted.logits(each) for each in found])
        say(f"the teacher on dev_{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures.items()))
    taught = with_nearest(read_rows([data / f"{TAUGHT}.jsonl.gz"]), n_made, teachers[0], random.Random(0))
    for name, rows in (*kinds.items(), (TAUGHT, taught)):
        n = write_rows(score(teachers, fitted, rows, device), path_of(data, name))
        say(f"{n} rows are in {path_of(data, name).name}")
    names = [Path(folder).name for folder in folders]
    text = json.dumps({"teachers": names, "made_by": marks, **asdict(fitted)}, indent=2)
    record.write_text(text + "\n", encoding="utf-8")
    return fitted
