"""What a replay found: the same run then and now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from playground.core.types import ModelChoice, RerankResult
from playground.engine.manifest import versions
from playground.ui import texts
from playground.ui.components.readings import reading
from playground.ui.texts import Phrase, phrase

# Two runs of the same weights may differ by this much where threads or batches fall otherwise (fp32).
SAME_LOGIT = 1e-5
_SPEC_FIELDS = ("model_id", "revision", "device", "precision", "max_length", "truncation")
_CHOICE_FIELDS = ("batch_tokens",)
# What stands where a server does not say it.
_NOT_SAID = {"max_length": 0, "precision": "unknown"}


def changes(
    before: tuple[RerankResult, ModelChoice], after: tuple[RerankResult, ModelChoice], record: Mapping[str, object]
) -> list[Phrase]:
    """Every difference worth knowing, the gravest first; one sentence where there is none.

    Args:
        record: the manifest of the earlier run, for its versions.
    """
    (old, old_choice), (new, new_choice) = before, after
    said = _input_changes(old, new)
    if old.spec.fingerprint != new.spec.fingerprint:
        said.append(phrase("replay.model", "warn"))
    said += [
        _changed(name, getattr(old.spec, name), getattr(new.spec, name))
        for name in _SPEC_FIELDS
        if getattr(old.spec, name) != getattr(new.spec, name)
    ]
    if old.spec.windows != new.spec.windows:
        before_after = (partial(reading, each.spec.windows) for each in (old, new))
        said.append(_changed("windows", *before_after))
    said += [
        _changed(name, getattr(old_choice, name), getattr(new_choice, name))
        for name in _CHOICE_FIELDS
        if getattr(old_choice, name) != getattr(new_choice, name)
    ]
    said += _version_changes(record)
    numbers = _number_changes(old, new)
    if not said and numbers == [phrase("replay.same_logits", "good"), phrase("replay.same_order", "good")]:
        return [phrase("replay.nothing", "good")]
    return [*said, *numbers]


def _input_changes(old: RerankResult, new: RerankResult) -> list[Phrase]:
    said = []
    if old.request.query != new.request.query:
        said.append(_changed("query", old.request.query[:80], new.request.query[:80]))
    if old.request.instruction != new.request.instruction:
        said.append(_changed("instruction", old.request.instruction, new.request.instruction))
    if _texts(old) != _texts(new):
        said.append(phrase("replay.input", "warn", before=len(old.scored), after=len(new.scored)))
    return said


def _texts(result: RerankResult) -> list[str]:
    return [scored.passage.text for scored in sorted(result.scored, key=lambda scored: scored.index)]


def _number_changes(old: RerankResult, new: RerankResult) -> list[Phrase]:
    then = {scored.index: scored for scored in old.scored if scored.index < len(new.request.passages)}
    pairs = [(then[scored.index], scored) for scored in new.scored if scored.index in then]
    if not pairs:
        return []
    largest = max(abs(one.logit - other.logit) for one, other in pairs)
    n_moved = sum(one.rank != other.rank for one, other in pairs)
    same = largest <= SAME_LOGIT
    return [
        phrase("replay.same_logits", "good")
        if same
        else phrase("replay.logits", difference=f"{largest:.2g}", scale=new.scale.name),
        phrase("replay.order", "warn", n=n_moved) if n_moved else phrase("replay.same_order", "good"),
    ]


def _version_changes(record: Mapping[str, object]) -> list[Phrase]:
    then = record.get("versions")
    if not isinstance(then, dict):
        return []
    now = versions()
    return [_changed(name, then[name], now[name]) for name in now if name in then and then[name] != now[name]]


def _changed(name: str, before: object, after: object) -> Phrase:
    label = name.replace("_", " ")
    said: Phrase = {"tone": "plain"}
    for language in texts.LANGUAGES:
        what = texts.texts().get(f"replay.what_{name}", {}).get(language, label)
        said[language] = texts.say(
            "replay.changed",
            language,
            what=what,
            before=_shown(name, before, language),
            after=_shown(name, after, language),
        )
    return said


def _shown(name: str, value: object, language: texts.Language) -> str:
    if callable(value):
        return str(value(language))
    return "–" if value in (None, "", _NOT_SAID.get(name)) else str(value)
