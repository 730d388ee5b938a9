"""What names a model that runs elsewhere: `tei://host:8080`, `vllm+https://host/owner/model`, `cohere:rerank-v3.5`;
`tei://one:8080+two:8080` is one model at two addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from playground.core.errors import InvalidInput, ModelUnsuitable
from playground.remote import BACKENDS

_ID = re.compile(
    rf"(?P<kind>{'|'.join(BACKENDS)})(?:(?P<tls>\+https)?://(?P<hosts>[^/]*)(?:/(?P<served>.*))?|:(?!//)(?P<model>.*))",
    re.DOTALL | re.IGNORECASE,
)
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model runs.

    Attributes:
        kind: a key of `BACKENDS`.
        servers: URLs without a path, each once; none for the service's own.
        model: by the name that the servers know; empty takes the one that they serve.
    """

    kind: str
    servers: tuple[str, ...]
    model: str

    @property
    def at(self) -> str:
        """The hosts, for people."""
        return " + ".join(server.partition("://")[2] for server in self.servers)


def is_remote(model_id: str) -> bool:
    """Whether an id names a model that runs elsewhere, well or badly."""
    return ":" in model_id and kind_of(model_id) in BACKENDS


def kind_of(model_id: str) -> str:
    """The key of `BACKENDS` of an id that `is_remote`."""
    return model_id.strip().partition(":")[0].lower().removesuffix("+https")


def refuse_remote(model_id: str) -> None:
    """Nothing, where `model_id` names a model of this machine.

    Raises:
        ModelUnsuitable: it runs elsewhere.
    """
    if is_remote(model_id):
        raise ModelUnsuitable(
            "{model} runs on another machine and gives scores only. Choose a model that runs here.", model=model_id
        )


def parse(model_id: str) -> Address:
    """The parts of an id that `is_remote`.

    Raises:
        InvalidInput: it is no address, or holds a password.
    """
    found = _ID.fullmatch(model_id.strip())
    if found is None or (found["hosts"] is None and not (found["model"] or "").strip()):
        raise _unreadable(model_id)
    model = (found["model"] or found["served"] or "").strip().strip("/")
    if found["hosts"] is None:
        return Address(found["kind"].lower(), (), model)
    if "@" in found["hosts"]:
        raise InvalidInput("An address holds no password. Put the key into its box, or into the environment.")
    hosts = [host.strip() for host in found["hosts"].split("+")]
    if not all(map(_is_host, hosts)):
        raise _unreadable(model_id)
    scheme = "https" if found["tls"] else "http"
    return Address(found["kind"].lower(), tuple(dict.fromkeys(f"{scheme}://{host}" for host in hosts)), model)


def _is_host(host: str) -> bool:
    try:
        return _HOST.fullmatch(host) is not None and urlsplit(f"http://{host}").port != 0
    except ValueError:
        return False


def _unreadable(model_id: str) -> InvalidInput:
    return InvalidInput(
        "{model} is no address of a model. Write it as tei://host:8080, vllm+https://host/model or cohere:rerank-v3.5; "
        "put + between several hosts.",
        model=model_id[:200],
    )
