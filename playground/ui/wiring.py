"""From an event of the page to a handler and back. The only place that turns an error into a toast."""

from __future__ import annotations

import html
import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import gradio as gr

from playground.core.errors import PlaygroundError
from playground.ui import texts
from playground.ui.texts import Language

log = logging.getLogger("playground.ui")

NO_EVENT: Mapping[str, object] = MappingProxyType({})
TOAST_SECONDS = 12
# Before the name of who signed in. No browser's own id begins so, and one that claims to is not believed.
USER = "user:"
# At the same time, of all visitors together. The engine is fair between them; in a queue before it, ten passages would
# wait for the thousands of others.
MAX_RUNS = 32

Handler = Callable[..., Any]
Fallback = Callable[[texts.Phrase], Any]


@dataclass(frozen=True)
class Caller:
    """Who asks: the open page, the browser it is in, its language, and what a drawn part sent along.

    Attributes:
        session: of this open page; gone after a reload.
        language: the one last chosen in this browser, else the first of ours that it asks for.
        owner: whose history it is: who signed in, else the random id that the browser keeps.
        event: what `trigger` sent. Anything may be in it: it comes from the browser.
        link: the run that the page's address names.
        user: who signed in; empty where nobody did.
        address: from which the request came.
    """

    session: str
    owner: str
    language: Language = "en"
    event: Mapping[str, object] = field(default_factory=lambda: NO_EVENT)
    link: str = ""
    user: str = ""
    address: str = ""

    def text(self, name: str) -> str:
        """A text of the event, empty where there is none."""
        value = self.event.get(name)
        return value if isinstance(value, str) else ""


def listen(
    event: Callable[..., Any],
    handler: Handler,
    *,
    me: gr.BrowserState,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    on_error: Fallback | None = None,
    **options: Any,
) -> Any:
    """Let `handler(caller, *values)` answer an event.

    It returns (or yields) a NamedTuple with one field per output, or one value for one output. A `PlaygroundError`
    becomes a toast; any other exception becomes one polite sentence and a traceback in the log. Outputs then stay as
    they are, unless `on_error` says what they become.
    """
    answer = _streaming if inspect.isgeneratorfunction(_unwrapped(handler)) else _single
    # Nothing is shown on the outputs, so gradio's scripts need not visit them at every step of every event: that walks
    # the whole tree of components for each, and took most of a page load and of a run whose scores are all known.
    quiet: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
    settings: dict[str, Any] = {"api_visibility": "private"} | quiet | options
    call = answer(handler, len(outputs), on_error)
    return event(call, [me, *inputs], list(outputs), **settings)


def caller_of(me: object, request: gr.Request, event: object = None) -> Caller:
    """The caller behind a request, whatever the browser claims to be."""
    kept = me if isinstance(me, dict) else {}
    owner, language = kept.get("id"), kept.get("lang")
    data = getattr(event, "_data", None)
    accepted = str(request.headers.get("accept-language") or "")
    user = user_of(request)
    if user:
        owner = USER + user
    elif not isinstance(owner, str) or owner.startswith(USER):
        owner = ""
    return Caller(
        session=str(request.session_hash or ""),
        owner=owner,
        language=language if language in texts.LANGUAGES else texts.language_of(accepted),
        event=MappingProxyType(dict(data)) if isinstance(data, dict) else NO_EVENT,
        link=str(request.query_params.get("run") or ""),
        user=user,
        address=request.client.host if request.client else "",
    )


def user_of(request: gr.Request) -> str:
    """Who signed in, with a password or at Hugging Face; empty where nobody did, or too long ago."""
    if request.username:
        return str(request.username)
    scope = getattr(request.request, "scope", None) or {}
    info = scope.get("session", {}).get("oauth_info") or {}
    if float(info.get("expires_at") or 0) < time.time():
        return ""
    return str(info.get("userinfo", {}).get("preferred_username") or "")


def _single(handler: Handler, n: int, on_error: Fallback | None) -> Handler:
    def call(request: gr.Request, event: gr.EventData, me: object, *values: object) -> Any:
        caller = caller_of(me, request, event)
        try:
            return _outputs(handler(caller, *values), n)
        except Exception as error:  # noqa: BLE001 - the last guard before the visitor
            return _outputs(_told(error, caller, on_error), n)

    return call


def _streaming(handler: Handler, n: int, on_error: Fallback | None) -> Handler:
    def call(request: gr.Request, event: gr.EventData, me: object, *values: object) -> Iterator[Any]:
        caller = caller_of(me, request, event)
        try:
            for result in handler(caller, *values):
                yield _outputs(result, n)
        except Exception as error:  # noqa: BLE001 - the last guard before the visitor
            yield _outputs(_told(error, caller, on_error), n)

    return call


def _told(error: Exception, caller: Caller, on_error: Fallback | None) -> Any:
    """Tell the visitor, and what the outputs become."""
    said = texts.of_error(error) if isinstance(error, PlaygroundError) else texts.phrase("app.unexpected", "bad")
    if not isinstance(error, PlaygroundError):
        log.error("unexpected error", exc_info=error)
    toast(_in_words(said, caller.language), caller.language)
    return on_error(said) if on_error else None


def toast(message: str, language: Language) -> None:
    """A short-lived message. Escaped: a toast is drawn as HTML, and a message may hold text of a user."""
    # A warning, not gr.Error: raising one leaves "Error" badges on every output.
    gr.Warning(html.escape(message), duration=TOAST_SECONDS, title=texts.say("app.error_title", language))


def tell(caller: Caller, message: str) -> None:
    """A short-lived message that something went well."""
    gr.Info(html.escape(message), duration=TOAST_SECONDS / 2, title=texts.say("app.done_title", caller.language))


def _in_words(said: texts.Phrase, language: Language) -> str:
    return texts.say(str(said["key"]), language) if "key" in said else str(said[language])


def _outputs(result: Any, n: int) -> Any:
    """As gradio wants it: nothing, one value, or a flat tuple."""
    if result is None:
        return tuple(gr.skip() for _ in range(n)) if n > 1 else gr.skip() if n else None
    if n == 1 or not isinstance(result, tuple):
        return result
    return tuple(_flat(result))


def _flat(result: tuple[Any, ...]) -> Iterator[Any]:
    """The fields of a NamedTuple, those of NamedTuples inside it in their place."""
    for value in result:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            yield from _flat(value)
        else:
            yield value


def _unwrapped(handler: Handler) -> Handler:
    return cast("Handler", getattr(handler, "func", handler))
