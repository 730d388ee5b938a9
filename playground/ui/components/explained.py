"""An explanation becomes what the page draws: words with their weights, matches and parts, in bounded numbers."""

from __future__ import annotations

import logging
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

from playground.core.errors import PlaygroundError
from playground.core.explanations import Explanation, Part, ReadText, Term, Token
from playground.ui.components.model_choices import model_name
from playground.ui.services import Services
from playground.ui.texts import of_error, phrase
from playground.ui.wiring import Caller

SECONDS_BETWEEN_STEPS = 0.25

# Of one text; of a longer one its beginning is drawn, and the surroundings of what counts.
MOST_TOKENS = 400
BEGINNING = 60
AROUND = 8
MOST_TERMS = 60
MOST_BEYOND = 30
DIGITS = 6
# First and last character of scripts that write no spaces between words: their tokens stay apart.
UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF), (0xF900, 0xFAFF), (0xFF66, 0xFF9D)),
    (0x20000, 0x3FFFF),
)

Item = dict[str, object]

log = logging.getLogger("playground.ui")


def payload(explanation: Explanation) -> dict[str, object]:
    """Everything that is drawn of one score."""
    query, passage = explanation.query, explanation.passage
    terms = [term for part in explanation.parts if part.mode == "sparse" for term in explanation.terms(part)]
    shared = [term for term in terms if term.product > 0]
    matches = [match for part in explanation.parts for match in part.matches]
    asked = _shown(query, shared, [match.query_place for match in matches])
    read = _shown(passage, shared, [match.passage_place for match in matches])
    return {
        "model": model_name(explanation.spec.model_id),
        "device": explanation.spec.device,
        "precision": explanation.spec.precision,
        "score": explanation.score,
        "query": _text(query, asked),
        "passage": _text(passage, read),
        "parts": [_part(explanation, part, terms, asked, read) for part in explanation.parts],
    }


def _part(
    explanation: Explanation, part: Part, terms: Sequence[Term], asked: Set[int], read: Set[int]
) -> dict[str, object]:
    found: dict[str, object] = {"mode": part.mode, "share": part.share, "score": part.score, "adds": part.adds}
    if part.mode == "sparse":
        return found | _sparse(explanation, part, terms, asked, read)
    if part.mode == "colbert":
        return found | _colbert(explanation, part, asked)
    return found


def _sparse(
    explanation: Explanation, part: Part, terms: Sequence[Term], asked: Set[int], read: Set[int]
) -> dict[str, object]:
    shared = [term for term in terms if term.product > 0]
    sides = (("query", explanation.query, part.query, asked), ("passage", explanation.passage, part.passage, read))
    # What is drawn in a text has its row, however little it adds.
    drawn = {token.id for _, text, _, shown in sides for _, token in _drawn(text, shown)}
    listed = [term for at, term in enumerate(shared) if at < MOST_TERMS or term.id in drawn]
    row_of = {term.id: at for at, term in enumerate(listed)}
    return {
        "shared": [
            [term.name, _round(term.query), _round(term.passage), _round(term.product), term.in_query, term.in_passage]
            for term in listed
        ],
        "n_shared": len(shared),
        "rest": sum(term.product for term in shared if term.id not in row_of),
        # The weight of each token that is drawn, and its row in the table.
        "weights": {side: _weights(text, weights, shown) for side, text, weights, shown in sides},
        "rows": {
            side: {place: row_of[token.id] for place, token in _drawn(text, shown) if token.id in row_of}
            for side, text, _, shown in sides
        },
        "beyond": {
            "query": _beyond((term.name, term.query) for term in terms if not term.in_query),
            "passage": _beyond((term.name, term.passage) for term in terms if not term.in_passage),
        },
    }


def _colbert(explanation: Explanation, part: Part, asked: Set[int]) -> dict[str, object]:
    own = [match for match in part.matches if not _has_text(explanation.query.tokens[match.query_place])]
    return {
        "averaged": part.averaged,
        "matches": [[*match[:2], _round(match.cosine)] for match in part.matches if match.query_place in asked],
        "n_matches": len(part.matches),
        # Tokens that are no words of the query: special ones, marks and fillers.
        "n_added": len(own),
        "added": sum(match.cosine for match in own),
        "total": sum(match.cosine for match in part.matches),
    }


def _weights(text: ReadText, weights: Mapping[int, float], shown: Set[int]) -> dict[int, float]:
    return {place: _round(weights[token.id]) for place, token in _drawn(text, shown) if token.id in weights}


def _drawn(text: ReadText, shown: Set[int]) -> Iterator[tuple[int, Token]]:
    return ((place, text.tokens[place]) for place in sorted(shown))


def _beyond(found: Iterable[tuple[str, float]]) -> dict[str, object]:
    weighed = sorted(((name, weight) for name, weight in found if weight > 0), key=lambda each: -each[1])
    return {"n": len(weighed), "words": [[name, _round(weight)] for name, weight in weighed[:MOST_BEYOND]]}


def _shown(text: ReadText, shared: Sequence[Term], matched: Sequence[int]) -> set[int]:
    """Places of the tokens that are drawn: all, or as many as `MOST_TOKENS` allows."""
    n = len(text.tokens)
    if n <= MOST_TOKENS:
        return set(range(n))
    # The first place of each word that counts, then the second of each, so that no frequent one takes all the room.
    order = {term.id: at for at, term in enumerate(shared)}
    seen: Counter[int] = Counter()
    wanted = [(0, at, place) for at, place in enumerate(matched)]
    for place, token in enumerate(text.tokens):
        if token.id in order:
            wanted.append((seen[token.id], order[token.id], place))
            seen[token.id] += 1
    shown = set(range(BEGINNING))
    for _, _, place in sorted(wanted):
        around = set(range(max(0, place - AROUND), min(n, place + AROUND + 1)))
        if len(shown | around) > MOST_TOKENS:
            break
        shown |= around
    return shown


def _text(text: ReadText, shown: Set[int]) -> dict[str, object]:
    return {
        "items": _items(text, shown),
        "n_tokens": len(text.tokens),
        "n_left_out": len(text.tokens) - len(shown),
        "n_cut": text.n_cut,
    }


def _items(text: ReadText, shown: Set[int]) -> list[Item]:
    """Words as pieces of one token or more each, what stands between them, special tokens, and how many are left out.

    The page counts half of some characters, so texts are sent in place of their ends.
    """
    items: list[Item] = []
    end = left_out = 0
    for place, token in enumerate(text.tokens):
        if place not in shown:
            left_out += 1
            continue
        if left_out:
            items.append({"out": left_out})
            left_out, end = 0, max(end, token.start)
        if not _has_text(token):
            items.append({"special": token.name, "at": [place]})
            continue
        last = items[-1].get("pieces") if items else None
        if token.start < end and isinstance(last, list):
            # Tokens that share a character, each with some of its bytes.
            last[-1]["at"].append(place)
            last[-1]["text"] += text.text[end : token.end]
        else:
            between = text.text[end : token.start]
            if between:
                items.append({"plain": between})
            piece = {"at": [place], "text": text.text[token.start : token.end]}
            before = token.start < text.n_instruction
            if isinstance(last, list) and not between and _join(text.text[token.start - 1], text.text[token.start]):
                last.append(piece)
            else:
                items.append({"pieces": [piece]} | ({"instruction": True} if before else {}))
        end = max(end, token.end)
    return [*items, {"out": left_out}] if left_out else items


def _has_text(token: Token) -> bool:
    return token.start < token.end


def _join(one: str, other: str) -> bool:
    """Whether two neighbouring characters belong to one word."""
    return all(unicodedata.category(each)[0] in "LMN" and not _unspaced(each) for each in (one, other))


def _unspaced(char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in UNSPACED)


def _round(value: float) -> float:
    return round(value, DIGITS)


def in_steps(
    services: Services,
    caller: Caller,
    key: str,
    about: dict[str, object],
    answers: Callable[[threading.Event], Iterator[dict[str, object]]],
) -> Iterator[dict[str, object]]:
    """Each answer with what it is about; of steps `said` one every `SECONDS_BETWEEN_STEPS`, and an error as `failed`.

    Args:
        caller: whose run it counts as.
        key: under which `services.stops` ends it.
    """
    stop = services.stops.start(key)
    said_at = 0.0
    try:
        services.admit(caller)
        with services.visitors.run(caller.owner, caller.address):
            for answer in answers(stop):
                if "said" not in answer or time.monotonic() - said_at >= SECONDS_BETWEEN_STEPS:
                    said_at = time.monotonic()
                    yield about | answer
    except PlaygroundError as error:
        yield about | {"failed": of_error(error)}
    except Exception:  # the page would say for ever that it is at work
        log.exception("a score could not be taken apart")
        yield about | {"failed": phrase("app.unexpected", "bad")}
    finally:
        services.stops.end(key, stop)
