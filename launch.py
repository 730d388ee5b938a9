"""Opens the playground: flags -> Settings -> build_app() -> launch()."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playground import start
from playground.cli import fail, read_settings
from playground.core.errors import PlaygroundError
from playground.settings import Settings

if TYPE_CHECKING:
    import gradio as gr

    from playground.ui.services import Services


def main(argv: Sequence[str] | None = None, serve: Callable[[Settings], None] | None = None) -> int:
    """Serves the page until Ctrl+C or SIGTERM.

    Args:
        serve: what is served in place of the page.

    Returns:
        The exit status: 0. A flag that cannot be used ends with 2 and one sentence on stderr.
    """
    settings = read_settings(argv)
    start.prepare_environment(settings)
    start.start_log()
    start.warn_about_reach(settings)
    try:
        (serve or serve_page)(settings)
    except (start.StartError, PlaygroundError) as error:
        fail(str(error))
    return 0


def serve_page(settings: Settings) -> None:
    """Builds the page, serves it until a signal asks for the end, and closes what it opened.

    Raises:
        StartError: the address cannot be had.
    """
    with start.stop_signals() as stop:
        port = start.free_port(settings.host, settings.port)
        start.spare_editor_hints()
        # Only now: gradio reads its environment at import, and a taken port is said without waiting for gradio.
        from playground.ui.app import build_app
        from playground.ui.services import Services

        services = Services.from_settings(settings)
        app = build_app(services)
        try:
            launch(app, services, port)
            start.wait(stop)
        finally:
            app.close(verbose=False)
            services.close()


def launch(app: gr.Blocks, services: Services, port: int) -> None:
    """Starts the server in the background, says where, and opens the browser.

    Raises:
        StartError: another program took the port in the meantime.
    """
    from playground.ui.app import launch_options

    settings = services.settings
    options = launch_options(settings)
    if settings.api:
        from playground.serve.beside import with_api
        from playground.serve.served import Served

        options = with_api(options, Served(settings, services.engine, services.history))
    address = {"server_name": settings.host, "server_port": port, "share": settings.share}
    try:
        app.launch(**options | address, inbrowser=False, prevent_thread_lock=True, quiet=True)
    except OSError as error:
        if settings.port is not None:
            raise start.StartError(f"Port {port} was taken in the meantime. Start again.") from error
        # Two that start together both saw this port free.
        return launch(app, services, start.free_port(settings.host, None, after=port))
    url = start.page_url(settings.host, port)
    api = f"  API: {url}/docs" if settings.api else ""
    print(f"Rerank playground: {url}  History: {settings.db}{api}  Ctrl+C ends it.", flush=True)
    if settings.browser:
        start.open_browser(url)


if __name__ == "__main__":
    start.leave(main())
