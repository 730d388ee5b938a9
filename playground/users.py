"""Who may sign in: names and hashed passwords in a file. `python -m playground.users FILE NAME` adds one."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"[\w.@+-]{1,64}")
SHORTEST_PASSWORD: Final = 8
# 16 MiB and some 50 ms for a password. Source: OWASP Password Storage Cheat Sheet, scrypt.
COST, BLOCK, LANES = 2**14, 8, 1
HASH: Final = re.compile(r"scrypt\$[0-9a-f]{32}\$[0-9a-f]{64}")


class UsersError(Exception):
    """One sentence for the terminal on a users file that cannot be used."""


class Users:
    """The names of a file and the hashes of their passwords."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = dict(hashes)
        # For a name that is not there as much is computed as for one that is.
        self._nobody = hashed(secrets.token_hex(16))

    def check(self, name: str, password: str) -> bool:
        """Whether this is the password of this name."""
        known = self._hashes.get(name, self._nobody)
        salt = known.split("$")[1]
        return hmac.compare_digest(hashed(password, salt), known) and name in self._hashes


def hashed(password: str, salt: str = "") -> str:
    """`scrypt$salt$hash`, both in hex. Without a salt a new one is drawn."""
    salt = salt or secrets.token_hex(16)
    key = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=COST, r=BLOCK, p=LANES, dklen=32)
    return f"scrypt${salt}${key.hex()}"


def read(path: Path) -> dict[str, str]:
    """Hashes by name, from lines `name:scrypt$salt$hash`; blank lines and those that begin with # say nothing.

    Raises:
        UsersError: the file cannot be read, holds nobody, or a line is none of these. No hash is in the sentence.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsersError(f"the users file {path} cannot be read") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, known = line.strip().partition(":")
        if not NAME.fullmatch(name) or not HASH.fullmatch(known) or name in found:
            raise UsersError(
                f"line {number} of {path} is no user; add users with `python -m playground.users {path} NAME`"
            )
        found[name] = known
    if not found:
        raise UsersError(f"{path} holds no user; add one with `python -m playground.users {path} NAME`")
    return found


def add(path: Path, name: str, password: str) -> None:
    """Writes the user into the file, in place of an earlier one of the name. Only its owner may read it.

    Raises:
        UsersError: a name or a password that cannot be used, or a file that is none of users.
    """
    if not NAME.fullmatch(name):
        raise UsersError("a name has 1 to 64 letters, digits or any of . @ + - _")
    if len(password) < SHORTEST_PASSWORD:
        raise UsersError(f"a password has at least {SHORTEST_PASSWORD} characters")
    kept = read(path) if path.exists() and path.stat().st_size else {}
    lines = "".join(f"{each}:{known}\n" for each, known in (kept | {name: hashed(password)}).items())
    # A file of mkstemp can be read by its owner only.
    handle, draft = tempfile.mkstemp(dir=path.absolute().parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(lines)
    Path(draft).replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Asks for the password, or takes a line of stdin where that is no terminal."""
    given = list(sys.argv[1:] if argv is None else argv)
    if len(given) != 2:
        sys.stderr.write("Usage: python -m playground.users FILE NAME\n")
        return 2
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    try:
        add(Path(given[0]), given[1], password)
    except (UsersError, OSError) as error:
        sys.stderr.write(f"playground.users: {error}.\n")
        return 2
    print(f"{given[1]} may sign in: python launch.py --auth {given[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
