"""`playground` in a terminal; `python -m playground` is the same."""

from __future__ import annotations

from playground import start, terminal
from playground.commands.app import app


def main() -> None:
    """Runs the command that was given, and ends the program."""
    start.leave(terminal.run(app, "playground"))


if __name__ == "__main__":
    main()
