"""An index is made in blocks, goes on after a stop, a kill and a full disk, and is never mixed with another's."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from playground.core.errors import CorpusError, InvalidInput, PlaygroundError
from playground.corpus import indexing
from playground.corpus.corpora import Corpora, Corpus
from playground.corpus.types import WHOLE, Document, Role
from tests.corpus.embedders import DIM, HashedEmbedder, Vectors
from tests.history.processes import rest_of, run_python


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "FIRST_BLOCK", 8)
    monkeypatch.setattr(indexing, "LAST_BLOCK", 8)


def many(corpora: Corpora, n: int = 100, owner: str = "ann") -> Corpus:
    documents = (Document(f"d{place}", "", f"text number {place} about thing {place % 7}") for place in range(n))
    return corpora.open(corpora.create("Many", documents, WHOLE, owner).id, owner)


def vectors_of(corpus: Corpus) -> np.ndarray:
    (state,) = [each for each in corpus.indexes() if each.kind == "vectors" and each.ready]
    return np.load(corpus.folder / state.key / indexing.VECTORS)


def expected(corpus: Corpus) -> np.ndarray:
    embed = HashedEmbedder()
    return np.stack([embed.vector(each.indexed) for block in corpus.blocks() for each in block])


def test_what_was_stopped_goes_on_and_is_what_one_run_makes(corpora: Corpora) -> None:
    corpus = many(corpora)
    steps = list(corpus.build_vectors(HashedEmbedder(most=50)))
    assert (steps[-1].phase, steps[-1].done) == ("stopped", 48)
    (state,) = corpus.indexes()
    assert (state.done, state.total, state.ready) == (48, 100, False)

    later = HashedEmbedder()
    steps = list(corpus.build_vectors(later))

    assert (steps[0].done, steps[-1].phase) == (40, "done")
    assert len(later.seen) == 1 + 60
    np.testing.assert_array_equal(vectors_of(corpus), expected(corpus))
    again = HashedEmbedder()
    assert [step.phase for step in corpus.build_vectors(again)] == ["done"]
    assert again.seen == ["-"]


def test_blocks_are_bounded_by_their_characters(corpora: Corpora, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BLOCK_CHARS", 60)
    embed, blocks = HashedEmbedder(), list[int]()

    def counted(texts: Sequence[str], role: Role) -> Vectors | None:
        blocks.append(sum(map(len, texts)))
        return embed(texts, role)

    assert list(many(corpora, 10).build_vectors(counted))[-1].phase == "done"
    assert len(blocks) == 1 + 4
    assert max(blocks) < 60 + 30


def test_stop_ends_it_between_blocks(corpora: Corpora) -> None:
    corpus, stop = many(corpora), threading.Event()
    phases = []
    for step in corpus.build_vectors(HashedEmbedder(), stop):
        phases.append(step.phase)
        if step.done >= 16:
            stop.set()

    assert phases[-1] == "stopped"
    assert corpus.indexes()[0].done == 16
    assert [step.phase for step in corpus.build_bm25(stop)] == ["stopped"]
    assert [each.kind for each in corpus.indexes()] == ["vectors"]


def test_vectors_of_another_embedder_are_never_mixed_with_these(corpora: Corpora) -> None:
    corpus = many(corpora, 20)
    list(corpus.build_vectors(HashedEmbedder(most=10)))
    changed = HashedEmbedder("b" * 64, dim=DIM + 8)

    list(corpus.build_vectors(changed))

    first, second = sorted(corpus.indexes(), key=lambda each: each.done)
    assert (first.done, first.ready, second.done, second.ready) == (8, False, 20, True)
    assert vectors_of(corpus).shape == (20, DIM + 8)
    assert corpus.retriever("vectors", changed).search("thing 3", 3)
    with pytest.raises(CorpusError, match="no vectors of hashed as it runs now"):
        corpus.retriever("vectors", HashedEmbedder()).search("thing 3", 3)


def test_an_embedder_that_changes_on_the_way_is_refused(corpora: Corpora) -> None:
    class Turning(HashedEmbedder):
        def __call__(self, texts, role):  # type: ignore[no-untyped-def]
            made = super().__call__(texts, role)
            if len(self.seen) > 10:
                self.spec = HashedEmbedder("c" * 64).spec
            return made

    corpus = many(corpora)
    with pytest.raises(CorpusError, match="became another model"):
        list(corpus.build_vectors(Turning()))

    list(corpus.build_vectors(HashedEmbedder()))
    np.testing.assert_array_equal(vectors_of(corpus), expected(corpus))


INDEX = """
    import sys, time
    from pathlib import Path
    from playground.core.errors import PlaygroundError
    from playground.corpus import indexing
    from playground.corpus.corpora import Corpora
    from playground.history.corpora import CorpusStore
    from tests.corpus.embedders import HashedEmbedder

    indexing.FIRST_BLOCK = indexing.LAST_BLOCK = 8
    corpus = Corpora(CorpusStore(Path(sys.argv[1]), 5.0)).open(sys.argv[2], "ann")
    try:
        for step in corpus.build_vectors(HashedEmbedder()):
            print(step.phase, step.done, flush=True)
            time.sleep(float(sys.argv[3]))
    except PlaygroundError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_after_kill_9_it_goes_on_where_it_was(corpora: Corpora, tmp_path: Path) -> None:
    corpus = many(corpora)
    process = run_python(INDEX, tmp_path / "history.db", corpus.info.id, 0.02)
    assert process.stdout is not None
    while int(process.stdout.readline().split()[1]) < 48:
        pass
    process.kill()
    rest_of(process)
    (state,) = corpus.indexes()
    assert 48 <= state.done < 100
    # As if the power had gone while a row was on its way.
    with (corpus.folder / state.key / indexing.PART).open("ab") as file:
        file.write(b"\0" * 10)

    later = HashedEmbedder()
    steps = list(corpus.build_vectors(later))

    assert steps[0].done >= 40
    assert steps[-1].phase == "done"
    np.testing.assert_array_equal(vectors_of(corpus), expected(corpus))


def test_two_that_make_the_same_index_at_once_share_it(corpora: Corpora, tmp_path: Path) -> None:
    corpus = many(corpora, 60)
    process = run_python(INDEX, tmp_path / "history.db", corpus.info.id, 0.05)
    assert process.stdout is not None
    while int(process.stdout.readline().split()[1]) < 8:
        pass
    other = corpora.open(many(corpora, 60, "bob").info.id, "bob")
    second = HashedEmbedder()

    steps = list(other.build_vectors(second))

    assert rest_of(process).splitlines()[-1] == "done 60"
    assert {step.phase for step in steps} == {"wait", "done"}
    assert second.seen == ["-"]
    np.testing.assert_array_equal(vectors_of(other), expected(corpus))


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is mounted")
def test_a_full_disk_is_one_sentence_and_what_was_made_is_kept(
    corpora: Corpora, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = many(corpora, 3_000)
    corpus.folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(corpus.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        with pytest.raises(CorpusError, match=r"The vectors need 1 MB, and the disk .* has 0 MB free"):
            list(corpus.build_vectors(HashedEmbedder()))
        monkeypatch.setattr(indexing, "_check_room", lambda *_: None)
        with pytest.raises(CorpusError, match=r"The disk that holds .* is full. What was indexed is kept"):
            list(corpus.build_vectors(HashedEmbedder()))
        done = corpus.indexes()[0].done
        assert 500 < done < 1_400
        with pytest.raises(CorpusError, match="is full"):
            list(corpus.build_bm25())
        subprocess.run(["mount", "-o", "remount,size=4m", str(corpus.folder)], check=True)
        steps = list(corpus.build_vectors(HashedEmbedder()))
        assert steps[0].done > 500
        assert np.array_equal(vectors_of(corpus), expected(corpus))
    finally:
        subprocess.run(["umount", str(corpus.folder)], check=True)


def test_one_passage_can_be_indexed_and_an_empty_corpus_cannot_be_made(corpora: Corpora) -> None:
    corpus = many(corpora, 1)
    assert [step.phase for step in corpus.build_bm25()][-1] == "done"
    list(corpus.build_vectors(HashedEmbedder()))
    assert corpus.retriever("both", HashedEmbedder()).search("text", 10)[0].passage_id == "d0"

    for documents in ([], [Document("a", "", " \n")]):
        with pytest.raises(InvalidInput, match="There is no text in it"):
            corpora.create("Empty", documents, WHOLE, "ann")
    assert [info.name for info in corpora.list("ann") if info.owner] == ["Many"]


def test_passages_without_a_word_have_no_keyword_index(corpora: Corpora) -> None:
    corpus = corpora.open(corpora.create("Signs", [Document("a", "", "!!! ???")], WHOLE, "ann").id, "ann")

    with pytest.raises(CorpusError, match="nothing that keywords could find"):
        list(corpus.build_bm25())


def test_a_damaged_index_is_said_in_one_sentence(corpora: Corpora) -> None:
    corpus = many(corpora, 5)
    list(corpus.build_bm25())
    list(corpus.build_vectors(HashedEmbedder()))
    for state in corpus.indexes():
        for path in (corpus.folder / state.key).iterdir():
            if path.name != indexing.ABOUT:
                path.write_bytes(b"no")

    with pytest.raises(PlaygroundError, match="is damaged"):
        corpus.retriever("bm25")
    with pytest.raises(PlaygroundError, match="is damaged"):
        corpus.retriever("vectors", HashedEmbedder()).search("x", 1)


def test_passages_that_repeat_another_are_all_found_with_the_same_score(corpora: Corpora) -> None:
    documents = [Document(id, "", text) for id, text in (("a", "red panda"), ("b", "blue sky"), ("c", "red panda"))]
    corpus = corpora.open(corpora.create("Twice", documents, WHOLE, "ann").id, "ann")
    list(corpus.build_bm25())
    list(corpus.build_vectors(HashedEmbedder()))

    for retriever in (corpus.retriever("bm25"), corpus.retriever("vectors", HashedEmbedder())):
        first, second = retriever.search("red panda", 2)
        assert (first.passage_id, second.passage_id) == ("a", "c")
        assert first.score == second.score


def test_two_visitors_index_corpora_of_their_own_at_once(corpora: Corpora) -> None:
    mine, other = many(corpora, 60), many(corpora, 48, "bob")
    both, done = threading.Barrier(2, timeout=30), dict[str, list[int]]()

    def index(corpus: Corpus) -> None:
        list(corpus.build_bm25())
        done[corpus.visitor] = []
        for step in corpus.build_vectors(HashedEmbedder()):
            # Each makes its next block only once the other has made one.
            if step.phase == "embed" and 0 < step.done < 48:
                both.wait()
            done[corpus.visitor].append(step.done)

    threads = [threading.Thread(target=index, args=(corpus,)) for corpus in (mine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {visitor: steps[-1] for visitor, steps in done.items()} == {"ann": 60, "bob": 48}
    for corpus in (mine, other):
        np.testing.assert_array_equal(vectors_of(corpus), expected(corpus))
        assert corpus.retriever("both", HashedEmbedder()).search("number 3", 1)[0].passage_id == "d3"
