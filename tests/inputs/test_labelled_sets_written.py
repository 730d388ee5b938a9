"""Label files that are written: read back as they were, and accepted by the libraries whose formats they are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import ir_measures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.bench.environments import Interpreter
from playground.core.errors import InvalidInput
from playground.core.labels import UNSURE, LabelledQuery, LabelledSet
from playground.core.limits import clean
from playground.core.spreadsheet_cells import FORMULA_STARTS
from playground.inputs import ready_sets
from playground.inputs.keyed_items import is_blank
from playground.inputs.labelled_sets import KINDS, Kind, LabelFile, losses, read, write
from playground.inputs.labelled_sets.columns import escaped, unescaped
from tests.inputs.label_sets import Pairs, ids, labelled, put, said, scored

# Everything that a careless writer of CSV, JSON or TREC trips over.
NASTY: Pairs = [
    ('=HYPERLINK("http://x")', 1),
    ("'=already with an apostrophe", 0),
    ("''", 0),
    ("-1", 2),
    ("line one\nline two\r\n\ttabbed", 1),
    ("a lone\rreturn", 0),
    ('"quoted", comma; semicolon', 0),
    ("大熊猫 🐼 \u2028 \u202eright to left\u0085", 3),
    ("  spaces around  ", 0),
    ("＝full width", 0),
]
# Held by every format: two grades, no ids, a relevant and a not relevant passage for each query.
PLAIN = labelled(
    {
        "=1+1": [(text, int(bool(grade))) for text, grade in NASTY],
        "second\nquestion": [("yes", 1), ("no", 0), ("'=already with an apostrophe", 0)],
    }
)
RICH = labelled(
    {
        "graded": [("three", 3), ("two", 2), ("zero", 0), ("unsure", UNSURE), ("nobody knows", None)],
        "no answer": [("zero", 0), ("also zero", 0)],
        "alone": [("only one", 1)],
    }
)
SCORES = scored(RICH, [[1.5, 1e-300, -3.0, 0.1 + 0.2, 7.0], [None, 2.0], [None]])


def written(folder: Path, of: LabelledSet, kind: Kind, **more: object) -> LabelFile:
    return read(put(folder, write(of, kind, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_format_holds_comes_back_as_it_was(tmp_path: Path, kind: Kind) -> None:
    file = written(tmp_path, PLAIN, kind)
    relevant_first = {query: sorted(pairs, key=lambda pair: -(pair[1] or 0)) for query, pairs in said(PLAIN).items()}
    expected = said(PLAIN) if kind in ("csv", "trec") else relevant_first
    assert (file.kind, said(file.labelled)) == (kind, expected)
    assert (file.notes, file.scores) == ((), None)


def test_csv_holds_everything(tmp_path: Path) -> None:
    file = written(tmp_path, RICH, "csv", scores=SCORES)
    assert (said(file.labelled), ids(file.labelled), file.scores) == (said(RICH), ids(RICH), SCORES.logits)
    assert losses(RICH, "csv", SCORES) == ()


def test_trec_holds_grades_ids_and_what_is_scored(tmp_path: Path) -> None:
    queries = {query: pairs for query, pairs in said(RICH).items() if query != "no answer"}
    of = labelled(queries, "d")
    scores = scored(of, [list(SCORES.logits[0]), [4.0]])
    file = written(tmp_path, of, "trec", scores=scores)
    assert (said(file.labelled), ids(file.labelled)) == (said(of), ids(of))
    assert file.scores == (SCORES.logits[0], (4.0,))
    assert losses(of, "trec", scores) == ()


def test_trec_says_what_it_cannot_hold(tmp_path: Path) -> None:
    assert losses(RICH, "trec") == (
        "Pairs with neither a label nor a score, left out: 1.",
        "Ids of passages are not unique over the queries or hold spaces, so the passages were numbered.",
    )
    file = written(tmp_path, RICH, "trec")
    assert said(file.labelled) == said(RICH) | {"graded": said(RICH)["graded"][:4]}
    assert ids(file.labelled)["2"] == ["p3", "p6"]
    spaced = LabelledSet("s", "s", (LabelledQuery("t 1", "q", *_parts(RICH.queries[2])),))
    assert "Ids of queries hold spaces, so the queries were numbered." in losses(spaced, "trec")
    assert list(ids(written(tmp_path / "other", spaced, "trec").labelled)) == ["q1"]


def test_flagembedding_says_what_it_cannot_hold(tmp_path: Path) -> None:
    assert losses(RICH, "flagembedding", SCORES) == (
        "Pairs labelled unsure, left out: 1.",
        "Pairs without a label, left out: 1.",
        "Pairs of grade 2 or 3, written as plain relevant: 2.",
        "Queries without a relevant or without a not relevant passage, left out: 2.",
    )
    file = written(tmp_path, RICH, "flagembedding", scores=SCORES)
    assert said(file.labelled) == {"graded": [("three", 1), ("two", 1), ("zero", 0)]}
    assert file.scores == ((1.5, 1e-300, -3.0),)


def test_flagembedding_gets_all_scores_or_none(tmp_path: Path) -> None:
    partly = scored(RICH, [[1.5, None, -3.0, 0.0, 7.0], [None, 2.0], [None]])
    assert losses(RICH, "flagembedding", partly)[-1] == "Some pairs have no score, so no scores were written."
    assert written(tmp_path, RICH, "flagembedding", scores=partly).scores is None


def test_sentence_transformers_says_what_it_cannot_hold(tmp_path: Path) -> None:
    assert losses(RICH, "sentence-transformers", SCORES)[-2:] == (
        "Queries with fewer than two judged passages, left out: 1.",
        "This format holds no scores.",
    )
    file = written(tmp_path, RICH, "sentence-transformers", scores=SCORES)
    assert said(file.labelled) == {
        "graded": [("three", 1), ("two", 1), ("zero", 0)],
        "no answer": [("zero", 0), ("also zero", 0)],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_passage_is_written_as_both_positive_and_negative(kind: Kind) -> None:
    same = RICH.queries[2]
    other = LabelledQuery("9", same.query, same.passages, RICH.queries[1].labels[:1])
    with pytest.raises(InvalidInput, match="'only one' is both relevant and not relevant to 'alone'"):
        write(LabelledSet("s", "s", (same, other)), kind)
    graded = LabelledQuery("9", same.query, same.passages, RICH.queries[0].labels[:1])
    with pytest.raises(InvalidInput, match="'only one' has two different labels for 'alone'"):
        write(LabelledSet("s", "s", (same, graded)), kind)


def test_a_query_that_stands_there_twice_is_written_once() -> None:
    twin = LabelledQuery("9", "alone", *_parts(labelled({"alone": [("only one", None), ("another", 0)]}).queries[0]))
    text = write(LabelledSet("s", "s", (RICH.queries[2], twin)), "flagembedding")["flagembedding.jsonl"]
    assert json.loads(text) == {"query": "alone", "pos": ["only one"], "neg": ["another"]}


@pytest.mark.parametrize("kind", ["flagembedding", "sentence-transformers", "trec"])
def test_a_set_of_which_nothing_is_left_is_not_written(kind: Kind) -> None:
    with pytest.raises(InvalidInput, match="Choose CSV, which holds everything"):
        write(labelled({"q": [("a", None), ("b", None)]}), kind)


def test_no_cell_of_a_csv_can_become_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(write(PLAIN, "csv")["labels.csv"], newline="")))
    assert rows[0] == ["query_id", "query", "passage_id", "passage", "label"]
    assert not any(cell.startswith(FORMULA_STARTS) for row in rows for cell in row)
    assert rows[1][3] == '\'=HYPERLINK("http://x")'
    assert rows[2][3] == "''=already with an apostrophe"


@given(st.text(st.sampled_from("'=+-@\t\r\n＝a"), max_size=6))
def test_an_escaped_cell_is_safe_and_gives_its_text_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(FORMULA_STARTS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_text_comes_back(tmp_path: Path, kind: Kind, data: st.DataObject) -> None:
    # A file with many control characters is taken for no text at all.
    characters = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r\x85")
    text = st.text(characters, max_size=30).map(clean).filter(lambda text: not is_blank(text))
    texts = data.draw(st.lists(text, min_size=3, max_size=3, unique=True))
    of = labelled({texts[0]: [(texts[1], 1), (texts[2], 0)]})
    assert said(written(tmp_path, of, kind).labelled) == said(of)


def test_the_example_goes_through_all_formats(tmp_path: Path) -> None:
    example = ready_sets.load()
    for kind in ("csv", "trec"):
        file = written(tmp_path / kind, example, kind)
        assert (said(file.labelled), ids(file.labelled)) == (said(example), ids(example))


# The libraries whose formats these are


def test_our_samples_run_in_the_evaluator_of_sentence_transformers(tmp_path: Path) -> None:
    evaluation = pytest.importorskip("sentence_transformers.cross_encoder.evaluation")
    text = write(RICH, "sentence-transformers")["sentence-transformers.jsonl"]
    evaluator = evaluation.CrossEncoderRerankingEvaluator([json.loads(line) for line in text.splitlines()])
    found = evaluator(_ByLength(), output_path=str(tmp_path))
    # "three", "zero", "two" by length: precision 1 at rank 1, 2/3 at rank 3; the query without an answer counts 0.
    assert found["map"] == pytest.approx((1 + 2 / 3) / 2 / 2)
    assert found["mrr@10"] == pytest.approx(1 / 2)


def test_our_qrels_and_run_are_read_by_ir_measures(tmp_path: Path) -> None:
    of = labelled({"q": [("a", 3), ("b", 0), ("c", 1)]}, "d")
    files = write(of, "trec", scored(of, [[1.0, 2.0, 0.5]]))
    qrels = list(ir_measures.read_trec_qrels(files["qrels.txt"]))
    run = list(ir_measures.read_trec_run(files["run.txt"]))
    assert [(line.query_id, line.doc_id, line.relevance) for line in qrels] == [
        ("1", "d1", 3),
        ("1", "d2", 0),
        ("1", "d3", 1),
    ]
    assert [(line.doc_id, line.score) for line in run] == [("d2", 2.0), ("d1", 1.0), ("d3", 0.5)]
    assert ir_measures.calc_aggregate([ir_measures.RR], qrels, run) == {ir_measures.RR: 0.5}


def test_our_rows_are_read_by_the_trainer_of_flagembedding(tmp_path: Path, beside_flag_embedding: Interpreter) -> None:
    path = put(tmp_path, write(RICH, "flagembedding", SCORES))[0]
    n_rows, pairs, teacher = beside_flag_embedding.run(TRAINER, "read", path, tmp_path / "cache")
    assert (n_rows, pairs) == (1, [5, 5, 5])
    assert teacher[0] in (1.5, 1e-300)
    assert teacher[1:] == [-3.0, -3.0]


# A word-level tokenizer that needs no download: [CLS] query [SEP] passage [SEP].
TRAINER = """
import tokenizers, transformers
from FlagEmbedding.abc.finetune.reranker.AbsArguments import AbsRerankerDataArguments
from FlagEmbedding.abc.finetune.reranker.AbsDataset import AbsRerankerTrainDataset

words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "graded", "three", "two", "zero"]
raw = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
raw.normalizer = tokenizers.normalizers.BertNormalizer()
raw.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
raw.post_processor = tokenizers.processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
)
tokenizer = transformers.BertTokenizerFast(
    tokenizer_object=raw, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
)
args = AbsRerankerDataArguments(
    train_data=[argv[0]], train_group_size=3, knowledge_distillation=True, cache_path=argv[1]
)
rows = AbsRerankerTrainDataset(args, tokenizer=tokenizer)
pairs, teacher = rows[0]
read = [len(rows), [len(pair["input_ids"]) for pair in pairs], teacher]
"""


def _parts(query: LabelledQuery) -> tuple[object, object]:
    return query.passages, query.labels


class _ByLength:
    """A stand-in for a cross-encoder: the longer the passage, the higher."""

    class model_card_data:  # noqa: N801
        @staticmethod
        def set_evaluation_metrics(*_: object, **__: object) -> None: ...

    def predict(self, pairs: list[list[str]], **_: object) -> object:
        import numpy as np

        return np.array([float(len(passage)) for _, passage in pairs])
