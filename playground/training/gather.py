"""Training text out of public sources (`sources.toml`): sections of prose, questions with answers, questions alone.

Debian packages come through apt; git repositories are cloned at the commit whose licence is on the card, unless a
folder of clones is given.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree, html

from playground.core.errors import InvalidInput
from playground.training.prose import MAX_WORDS, Section, is_prose, read_folder, tidy

SOURCES = Path(__file__).with_name("sources.toml")
CNXML = "{http://cnx.rice.edu/cnxml}"
LONGEST = 1200  # characters of a question or an answer, as in the other training rows
# Markup without a text of its own: mathematics and tables read as letter salad.
DROPPED = ("{http://www.w3.org/1998/Math/MathML}math", f"{CNXML}table", f"{CNXML}figure", f"{CNXML}note")


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the text its source gives as the answer.

    Attributes:
        kind: "answer" (a person asked), "definition" or "exercise".
    """

    source: str
    kind: str
    query: str
    text: str


@dataclass(frozen=True, slots=True)
class Gathered:
    sections: list[Section]
    pairs: list[Pair]
    questions: list[str]


def called(*command: str, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - our own command


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode(errors="replace").strip()[-200:]


def git_folder(repository: str, clones: Path) -> Path:
    """The git directory of a repository under `clones` (as `owner+name`, bare or not), cloned where it is absent.

    Raises:
        InvalidInput: it cannot be cloned.
    """
    home = clones / repository.replace("/", "+")
    for folder in (home / "repo" / ".git", home / "repo", home / ".git", home):
        if (folder / "HEAD").is_file():
            return folder
    address = f"https://github.com/{repository}"
    # What a killed clone leaves has a HEAD, too.
    draft = home.with_name(f"{home.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    done = called("git", "clone", "--bare", "-q", address, str(draft))
    if done.returncode:
        raise InvalidInput("{address} cannot be cloned: {reason}", address=address, reason=last_words(done))
    try:
        return draft.replace(home)
    except OSError as error:
        raise InvalidInput("{address} cannot be cloned: {reason}", address=address, reason=error) from error


def git_files(git: Path, revision: str, path: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files under `path` at a revision.

    Raises:
        InvalidInput: no such revision or path.
    """
    done = called("git", f"--git-dir={git}", "archive", revision, path)
    if done.returncode:
        raise InvalidInput("{git} has no {path} at {revision}.", git=git, path=path, revision=revision)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file:
                yield member.name, file.read()


def words_of(node: Any) -> str:
    return tidy(" ".join(node.itertext()))


def of_cnxml(content: bytes, source: str) -> Iterator[Section | Pair]:
    """A module of an OpenStax book: sections with the title they stand under, glossary entries, solved exercises."""
    root = etree.fromstring(content, etree.XMLParser(recover=True, huge_tree=True))
    if root is None:
        return
    for node in list(root.iter(*DROPPED)):
        parent = node.getparent()
        if parent is not None:
            node.tag, node.text = "dropped", None
            for child in list(node):
                node.remove(child)
    for node in root.iter(f"{CNXML}definition"):
        term, meaning = node.find(f"{CNXML}term"), node.find(f"{CNXML}meaning")
        if term is not None and meaning is not None and len(words_of(meaning).split()) >= 6:
            yield Pair(source, "definition", words_of(term), words_of(meaning)[:LONGEST])
    for node in root.iter(f"{CNXML}exercise"):
        problem, solution = node.find(f"{CNXML}problem"), node.find(f"{CNXML}solution")
        if problem is not None and solution is not None:
            query, text = words_of(problem), words_of(solution)
            if is_prose(text) and 4 <= len(query.split()) <= 120:
                yield Pair(source, "exercise", query[:LONGEST], text[:LONGEST])
    title, held = "", ""
    for node in root.iter(f"{CNXML}title", f"{CNXML}para"):
        if any(True for _ in node.iterancestors(f"{CNXML}exercise", f"{CNXML}glossary")):
            continue
        words = words_of(node)
        joined = f"{held} {words}".strip()
        if node.tag.endswith("title") or len(joined.split()) > MAX_WORDS:
            if is_prose(held):
                yield Section(source, title, held)
            title, held = (words, "") if node.tag.endswith("title") else (title, " ".join(words.split()[:MAX_WORDS]))
            continue
        held = joined
    if is_prose(held):
        yield Section(source, title, held)


def plain(markup: str) -> str:
    """The words of a Stack Exchange post, without its code blocks."""
    if not markup.strip():
        return ""
    tree = html.fromstring(f"<div>{markup}</div>")
    for node in list(tree.iter("pre", "blockquote")):
        node.drop_tree()
    return tidy(tree.text_content())


def of_posts(content: bytes, site: str) -> Iterator[Pair]:
    """Each question of a Stack Exchange dump, as its title and as title with body, with its best answer."""
    posts = [dict(row.attrib) for row in etree.fromstring(content).iter("row")]
    best: dict[str, dict[str, str]] = {}
    for post in posts:
        if post.get("PostTypeId") == "2" and int(post["Score"]) > 0:
            held = best.get(post["ParentId"])
            if held is None or int(post["Score"]) > int(held["Score"]):
                best[post["ParentId"]] = post
    for post in posts:
        if post.get("PostTypeId") == "1" and post["Id"] in best:
            answer = plain(best[post["Id"]]["Body"])
            if len(answer.split()) >= 25:
                yield Pair(site, "answer", tidy(post["Title"]), answer[:LONGEST])
                yield Pair(
                    site, "description", f"{tidy(post['Title'])} {plain(post['Body'])}"[:LONGEST], answer[:LONGEST]
                )


def of_answers(content: bytes, site: str) -> Iterator[Pair]:
    """JSON lines with "question" and "answer"."""
    for line in content.decode().splitlines():
        row = json.loads(line)
        answer = tidy(re.sub(r"https?://\S+", "", row["answer"]))
        if len(answer.split()) >= 25:
            yield Pair(site, "answer", tidy(row["question"]), answer[:LONGEST])


def of_questions(name: str, content: bytes) -> Iterator[str]:
    """Questions of a TSV file (first column), or after "#Q" (Open Trivia QA)."""
    text = content.decode("utf-8", errors="replace")
    if name.endswith(".tsv"):
        yield from (tidy(line.split("\t")[0]) for line in text.splitlines())
    else:
        yield from (tidy(found) for found in re.findall(r"^#Q (.+?)^\^", text, flags=re.M | re.S))


def unpack(packages: Sequence[str], folder: Path) -> None:
    """Downloads Debian packages with apt and unpacks each into its own subfolder; what is there stays.

    Raises:
        InvalidInput: a package that apt does not have.
    """
    draft = folder / "draft"
    for package in packages:
        home = folder / package
        if home.is_dir():
            continue
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        if not list(folder.glob(f"{package}_*.deb")):
            done = called("apt-get", "download", "-q", package, folder=draft)
            if done.returncode:
                raise InvalidInput("apt has no {package}: {reason}", package=package, reason=last_words(done))
            for path in draft.glob(f"{package}_*.deb"):
                path.replace(folder / path.name)
        done = called("dpkg-deb", "-x", str(next(folder.glob(f"{package}_*.deb"))), str(draft))
        if done.returncode:
            raise InvalidInput("{package} cannot be unpacked: {reason}", package=package, reason=last_words(done))
        draft.replace(home)


def gather(folder: Path, clones: Path, say: Callable[[str], None] = print, per_source: int = 3000) -> Gathered:
    """Everything that `sources.toml` names.

    Args:
        folder: where Debian packages are kept.
        clones: where git repositories are kept.
    """
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    sections: list[Section] = []
    pairs: list[Pair] = []
    questions: list[str] = []
    for source in sources.get("debian", []):
        unpack(source["packages"], folder)
        sections += read_folder(folder, per_source)
        say(f"{len(sections)} sections of Debian packages")
    for source in sources.get("openstax", []):
        revision = source["commit"] + ("^" if source.get("before") else "")
        n_sections, n_pairs = len(sections), len(pairs)
        for name, content in git_files(git_folder(source["repository"], clones), revision, "modules"):
            if name.endswith(".cnxml"):
                for found in of_cnxml(content, f"openstax {source['field']}"):
                    (sections if isinstance(found, Section) else pairs).append(found)  # type: ignore[arg-type]
        say(f"{source['repository']}: {len(sections) - n_sections} sections, {len(pairs) - n_pairs} pairs")
    for source in sources.get("stackexchange", []):
        n_pairs = len(pairs)
        for name, content in git_files(git_folder(source["repository"], clones), source["commit"], source["path"]):
            pairs += (of_posts if name.endswith(".xml") else of_answers)(content, f"stackexchange {source['site']}")
        say(f"{source['site']}: {len(pairs) - n_pairs} pairs")
    for source in sources.get("questions", []):
        for name, content in git_files(git_folder(source["repository"], clones), source["commit"], source["path"]):
            questions += [question for question in of_questions(name, content) if 3 <= len(question.split()) <= 40]
    say(f"{len(questions)} questions")
    return Gathered(list({s.text: s for s in sections}.values()), pairs, list(dict.fromkeys(questions)))
