"""Corpora are each visitor's own, come out as they went in, and go with their indexes."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from playground.core.errors import HistoryError, InvalidInput
from playground.core.limits import PUBLIC, Limits
from playground.corpus import corpora as module
from playground.corpus import ready
from playground.corpus.corpora import Corpora, Corpus
from playground.corpus.reading import read
from playground.corpus.types import WHOLE, Chunking, Document
from playground.history.corpora import CorpusStore
from playground.history.records import stamp
from playground.history.store import HistoryStore
from tests.corpus.conftest import ANIMALS

TEXT = "One sentence is here and it has ten words in all. " * 30


def test_passages_and_documents_come_out_as_they_went_in(corpora: Corpora) -> None:
    documents = [Document("a", "Title", TEXT), *ANIMALS]
    info = corpora.create("  Mixed\0 ", documents, Chunking(words=50, overlap=10), "ann")
    corpus = corpora.open(info.id, "ann")

    passages = [each for block in corpus.blocks() for each in block]

    assert (info.name, info.n_documents, info.n_passages) == ("Mixed", 5, len(passages))
    assert info.n_bytes == sum(len(each.text.encode()) for each in documents)
    assert corpus.document("a") == documents[0]
    assert corpus.passages(["owl", "a#2"]) == [passages[-1], passages[1]]
    assert corpus.at([2, 0]) == [passages[2], passages[0]]
    assert all(TEXT[each.start : each.end] == each.text for each in passages[:-4])
    with pytest.raises(InvalidInput, match="no passage 'a#99'"):
        corpus.passages(["owl", "a#99"])
    with pytest.raises(InvalidInput, match="no document 'b'"):
        corpus.document("b")


def test_a_visitor_sees_their_own_and_those_of_the_project(corpora: Corpora, animals: Corpus) -> None:
    mine, others = corpora.list("ann"), corpora.list("bob")

    assert [info.name for info in mine if info.owner] == ["Animals"]
    assert [info.owner for info in others] == [""] * len(ready.abouts())
    with pytest.raises(HistoryError, match="not there any more"):
        corpora.open(animals.info.id, "bob")
    with pytest.raises(HistoryError, match="not there any more"):
        corpora.delete(animals.info.id, "bob")
    with pytest.raises(HistoryError, match="comes with the playground"):
        corpora.delete(others[0].id, "bob")


@pytest.mark.parametrize("nobody", ["", " ", "\t"])
def test_who_has_no_id_makes_no_corpus_for_everybody(corpora: Corpora, nobody: str) -> None:
    with pytest.raises(HistoryError, match="no id yet"):
        corpora.create("Mine", ANIMALS, WHOLE, nobody)
    assert [info.owner for info in corpora.list("bob")] == [""] * len(ready.abouts())


def test_what_is_deleted_goes_with_its_indexes_unless_another_holds_the_same(corpora: Corpora, animals: Corpus) -> None:
    list(animals.build_bm25())
    twin = corpora.open(corpora.create("Twin", ANIMALS, WHOLE, "bob").id, "bob")
    assert [state.kind for state in twin.indexes()] == ["bm25"]

    corpora.delete(animals.info.id, "ann")
    assert twin.retriever("bm25").search("panda", 1)
    corpora.delete(twin.info.id, "bob")

    assert not animals.folder.exists()
    with Database(animals.store.folder / "corpora.db") as db:
        assert [db.table(name).count for name in ("corpora", "documents", "passages", "texts")] == [0, 0, 0, 0]


def test_two_corpora_hold_a_text_once(corpora: Corpora, animals: Corpus) -> None:
    corpora.create("Again", [replace(each, id=f"x{each.id}") for each in ANIMALS], WHOLE, "bob")

    with Database(animals.store.folder / "corpora.db") as db:
        assert db.table("texts").count == len(ANIMALS)


def test_an_export_is_read_again(animals: Corpus, corpora: Corpora, tmp_path: Path) -> None:
    animals.export(tmp_path / "corpus.jsonl")
    animals.export(tmp_path / "corpus.jsonl.gz")

    assert gzip.decompress((tmp_path / "corpus.jsonl.gz").read_bytes()) == (tmp_path / "corpus.jsonl").read_bytes()
    again = corpora.create("Again", read([tmp_path / "corpus.jsonl"]).documents, WHOLE, "bob")
    assert again.digest == animals.info.digest


def test_limits_of_a_visitor_are_said_and_nothing_is_kept(corpora: Corpora) -> None:
    small = Corpora(corpora._store, Limits(corpora=1, corpus_passages=3, corpus_bytes=10_000))

    with pytest.raises(InvalidInput, match="more than 3 passages"):
        small.create("Animals", ANIMALS, WHOLE, "ann")
    small.create("One", ANIMALS[:1], WHOLE, "ann")
    with pytest.raises(InvalidInput, match="You keep 1 corpora"):
        small.create("Two", ANIMALS[:1], WHOLE, "ann")
    small.create("One", ANIMALS[:1], WHOLE, "bob")
    assert (PUBLIC.corpora, PUBLIC.corpus_passages) == (3, 5_000)


def test_a_passage_that_no_model_would_be_given_is_refused_by_its_document(corpora: Corpora) -> None:
    small = Corpora(corpora._store, Limits(passage_chars=1_000))

    with pytest.raises(InvalidInput, match="document 'a' has a passage of 1,504 characters; the limit is 1,000"):
        small.create("Long", [Document("a", "Long", TEXT)], WHOLE, "ann")
    assert small.create("Long", [Document("a", "Long", TEXT)], Chunking(), "ann").n_passages > 1


def test_what_a_killed_process_left_takes_nobody_else_a_corpus(corpora: Corpora) -> None:
    small = Corpora(corpora._store, Limits(corpora=1))
    ids = {owner: small.create("One", ANIMALS[:1], WHOLE, owner).id for owner in ("ann", "bob", "cid", "dan")}
    ages = {"ann": timedelta(0), "bob": timedelta(minutes=30), "cid": timedelta(days=2)}
    with Database(corpora._store.folder / "corpora.db") as db:
        for owner, age in ages.items():
            row = {"digest": None, "created_at": stamp(datetime.now(UTC) - age)}
            db.conn.execute(
                "UPDATE corpora SET digest = :digest, created_at = :created_at WHERE owner = :owner",
                row | {"owner": owner},
            )
        db.conn.commit()

    for owner in ("ann", "dan"):
        with pytest.raises(InvalidInput, match="You keep 1 corpora"):
            small.create("Two", ANIMALS[:1], WHOLE, owner)
    for owner in ("bob", "cid"):
        assert small.create("Two", ANIMALS[:1], WHOLE, owner).id != ids[owner]


def test_what_stands_around_a_place_is_read_without_its_document(corpora: Corpora) -> None:
    text = "前文。" * 100 + "panda" + " after" * 50
    corpus = corpora.open(corpora.create("Long", [Document("a", "", text)], WHOLE, "ann").id, "ann")

    assert corpus.around("a", 300, 305, 6) == ("前文。前文。", " after", 605)
    assert corpus.around("a", 2, 605, 6) == ("前文", "", 605)
    with pytest.raises(InvalidInput, match="no document 'b'"):
        corpus.around("b", 0, 1, 6)
    assert [each.id for each in corpus.known(["gone", "a"])] == ["a"]


def test_a_file_that_breaks_on_the_way_leaves_nothing(corpora: Corpora) -> None:
    def documents() -> Iterator[Document]:
        yield from (Document(str(place), "", TEXT) for place in range(6_000))
        raise InvalidInput("The rest cannot be read.")

    with pytest.raises(InvalidInput, match="The rest"):
        corpora.create("Broken", documents(), WHOLE, "ann")

    with Database(corpora._store.folder / "corpora.db") as db:
        assert [db.table(name).count for name in ("corpora", "documents", "texts")] == [0, 0, 0]


def test_forgetting_everything_forgets_corpora(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    corpora = Corpora(store.corpora)
    corpora.create("Animals", ANIMALS, WHOLE, "ann")
    kept = corpora.create("Animals", ANIMALS, WHOLE, "bob")

    store.forget("ann")

    assert [info.name for info in corpora.list("ann") if info.owner] == []
    assert corpora.open(kept.id, "bob").passages(["cat"])[0].text == ANIMALS[1].text


def test_the_ready_corpus_is_there_at_once_and_renewed_where_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CorpusStore(tmp_path / "history.db", 5.0)
    (info,) = Corpora(store).list("ann")
    assert (info.digest, info.n_passages) == (ready.abouts()[0].digest, 2025)
    assert [each.id for each in Corpora(store).list("bob")] == [info.id]

    about = ready.abouts()[0]
    monkeypatch.setattr(module.ready, "abouts", lambda: (replace(about, digest="another"),))
    (fresh,) = Corpora(store).list("ann")

    assert fresh.id != info.id
    assert fresh.digest == about.digest


def test_the_ready_corpus_holds_questions_whose_answers_are_in_it() -> None:
    (about,) = ready.abouts()
    passages = [each for _, cut in ready.cut(about) for each in cut]
    said = hashlib.sha256()
    for each in passages:
        said.update(f"{each.id}\0{each.title}\0{each.text}\0".encode())
    assert said.hexdigest() == about.digest
    ids = {each.id for each in passages}
    questions = [json.loads(line) for line in (about.folder / ready.QUERIES).read_text("utf-8").splitlines()]
    rows = [line.split("\t") for line in (about.folder / ready.QRELS).read_text("utf-8").splitlines()[1:]]

    assert len({question["_id"] for question in questions}) == 60
    assert {row[1] for row in rows} <= ids
    assert {row[2] for row in rows} == {"0", "1", "2"}
    assert {row[0] for row in rows if row[2] == "2"} == {question["_id"] for question in questions}
    assert sum(path.stat().st_size for path in about.folder.rglob("*") if path.is_file()) < 1_500_000
