"""Around the page: environment, log, address, browser and a clean end. Needs neither torch nor gradio."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import NoReturn

from playground.settings import FIRST_PORT, Settings, is_loopback, on_space

log = logging.getLogger("playground")

N_PORTS = 100
QUIET = ("httpx", "httpcore", "urllib3", "huggingface_hub", "transformers", "asyncio", "uvicorn", "PIL", "filelock")

# Gradio tests for the exact word "True"; anything else is off. With it on, a start asks three servers.
# The page shows a download's progress itself, and one tokenizer per worker thread needs no threads of its own.
ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
# Who may say from which address a request came: uvicorn takes the last one that is not of these.
SPACE_PROXIES = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
# What would let strangers change code, or keep what they typed in their browser or in a bucket.
NEVER = ("GRADIO_VIBE_MODE", "GRADIO_HISTORY_BUCKET", "GRADIO_SHARE")


class StartError(Exception):
    """One sentence for the terminal on why there is no page. It never reaches the page, so it has no translation."""


class PortTakenError(StartError):
    """Another program listens there."""


def prepare_environment(settings: Settings, environ: MutableMapping[str, str] = os.environ) -> None:
    """Sets what gradio, torch and the Hugging Face libraries read at import: call it before any of them is imported."""
    environ.update(ENVIRONMENT)
    # Every number of tokens has kernels of its own. A thousand, oneDNN's own bound, take gigabytes on a CPU with AMX.
    environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    if settings.offline:
        environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    for name in NEVER:
        environ.pop(name, None)
    if on_space():
        environ.setdefault("FORWARDED_ALLOW_IPS", SPACE_PROXIES)
    _spare_loopback_the_proxy(settings.host, environ)


def _spare_loopback_the_proxy(host: str, environ: MutableMapping[str, str]) -> None:
    """Adds the page's own address to `NO_PROXY`: gradio asks itself once, and a proxy cannot answer that."""
    known = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = [name.strip() for name in known.split(",") if name.strip()]
    wanted = dict.fromkeys([*names, "localhost", "127.0.0.1", host])
    environ["no_proxy"] = environ["NO_PROXY"] = ",".join(wanted)


class _WithoutHints(MetaPathFinder):
    """Finds gradio's maker of editor hints and leaves it nothing to do; everything else is left to the others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gradio.component_meta":
            return None
        sys.meta_path.remove(self)
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or found.loader is None:
            return None
        execute = found.loader.exec_module

        def execute_without_hints(module: ModuleType) -> None:
            execute(module)
            module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]

        found.loader.exec_module = execute_without_hints  # type: ignore[method-assign]
        return found


def spare_editor_hints() -> None:
    """Makes the import of gradio, which must be still to come, shorter by two fifths.

    For every component it parses its own source, to write a .pyi file beside it: of use to who writes components.
    """
    if "gradio" not in sys.modules:
        sys.meta_path.insert(0, _WithoutHints())


def start_log() -> None:
    """Our warnings from INFO on, those of libraries from WARNING on, all to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    # bm25s sets its own level to DEBUG when it is imported.
    handler.setLevel(logging.INFO)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def warn_about_reach(settings: Settings) -> None:
    """Says who else can reach the page, where anyone can."""
    if settings.share:
        log.warning(
            "--share: queries and passages pass through a server of a third party, and whoever has the link can use "
            "the page. Do not paste private text."
        )
    if not is_loopback(settings.host) and not settings.public:
        log.warning(
            "--host %s: every machine that reaches this address can use the page and open models from folders of "
            "this machine. Add --public where visitors are strangers.",
            settings.host,
        )
    if settings.api and settings.api_key is None and not settings.local:
        log.warning(
            "--api without a key: every program that reaches this address can use it. Set PLAYGROUND_API_KEY to ask "
            "for one."
        )


def free_port(host: str, port: int | None, *, after: int = FIRST_PORT - 1) -> int:
    """`port` if it can be had, or the first free one from 7860 where none was asked for.

    Args:
        after: one that was tried; the search goes on behind it.

    Raises:
        StartError: the port is taken or not allowed, or `host` is no address of this machine.
    """
    if port is not None:
        _try_port(host, port)
        return port
    for candidate in range(after + 1, after + 1 + N_PORTS):
        try:
            _try_port(host, candidate)
        except PortTakenError:
            continue
        return candidate
    raise StartError(f"Every port from {after + 1} to {after + N_PORTS} is taken. Choose another with --port.")


def _try_port(host: str, port: int) -> None:
    """Binds and lets go again.

    Raises:
        PortTakenError: another program listens on the port.
        StartError: the host is no address of this machine, or the port needs more rights.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise StartError(f"--host {host} is not known. Give an address of this machine.") from error
    with socket.socket(family, kind, protocol) as probe:
        if os.name == "posix":
            # Elsewhere this option would let the probe bind a port that is in use.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise StartError(f"Port {port} needs more rights. Choose one from 1024 up.") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(f"Port {port} is taken. Choose another, or leave --port out.") from error
            raise StartError(f"--host {host} is no address of this machine.") from error


def page_url(host: str, port: int) -> str:
    """Where a browser on this machine finds the page."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def open_browser(url: str) -> None:
    """Opens a browser window in the background, where there is a screen to show it.

    Without a screen `webbrowser` would start lynx or w3m in this very terminal.
    """
    has_screen = sys.platform in {"win32", "darwin"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if has_screen or shutil.which("wslview"):
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one ends the program at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(status: int) -> NoReturn:
    """Ends the program at once. Everything that must be kept is on the disk by now.

    A worker thread that is inside torch when the interpreter takes itself down aborts the process ("terminate called
    without an active exception"), so the interpreter is left standing.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def wait(stop: threading.Event) -> None:
    """Returns when `stop` is set."""
    # On Windows a wait without a limit cannot be interrupted by Ctrl+C.
    while not stop.wait(0.5):
        pass
