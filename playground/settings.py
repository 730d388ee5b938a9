"""What the user chose at the start: a flag wins over a `PLAYGROUND_*` environment variable, that over the default."""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from playground import users
from playground.core.errors import InvalidInput
from playground.core.limits import PUBLIC_MAX_KEPT_BYTES, PUBLIC_RUNS_AT_ONCE, PUBLIC_RUNS_PER_MINUTE
from playground.core.types import DeviceName, PrecisionName
from playground.models.named import split
from playground.remote.address import is_remote, parse

ENV_PREFIX = "PLAYGROUND_"
FIRST_PORT = 7860
HUGGING_FACE = "huggingface"
# Where a Space has its storage: attached by whoever owns it.
PERSISTENT = Path("/data")


def on_space() -> bool:
    """Whether this is a Hugging Face Space, which sets `SPACE_ID` for every app it runs."""
    return bool(os.environ.get("SPACE_ID"))


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only. A name other than `localhost` counts as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def default_db() -> Path:
    """The history file: in the user's data folder; on a Space in the folder that outlives a restart, if there is one,
    else in one that goes with it."""
    if on_space() and os.access(PERSISTENT, os.W_OK):
        return PERSISTENT / "rerank-playground" / "history.db"
    if on_space():
        return Path(tempfile.gettempdir()) / "rerank-playground" / "history.db"
    return platformdirs.user_data_path("rerank-playground", appauthor=False) / "history.db"


class Settings(BaseSettings):
    """Every flag of `launch.py`. Field names are flag names; descriptions become `--help` and the README's table."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, populate_by_name=True
    )

    models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias="PLAYGROUND_MODEL",
        description="Hub id (`owner/name`, or `owner/name@revision`), local folder or address of a server "
        "(`tei://host:8080`) to offer first; may be given several times. In the variable, put commas between them.",
        json_schema_extra={"flag": "model", "metavar": "ID", "shown_default": "the built-in reranker"},
    )
    device: DeviceName = Field(
        default="auto", description="Where models run. `auto` takes CUDA, then MPS, then the CPU."
    )
    precision: PrecisionName = Field(
        default="auto",
        description="Number format of the weights. `auto` takes fp16 on CUDA; on a CPU bf16 where it "
        "computes it natively, or int8 where that is faster and keeps the order of example texts; else fp32.",
    )
    db: Path = Field(
        default_factory=default_db,
        description="SQLite file that keeps the history.",
        json_schema_extra={"metavar": "FILE", "shown_default": "in your data folder"},
    )
    host: str = Field(
        default_factory=lambda: "0.0.0.0" if on_space() else "127.0.0.1",  # noqa: S104 - a Space is reached from outside
        description="Address to listen on. Any but a loopback address lets other machines in.",
        json_schema_extra={"metavar": "ADDRESS", "shown_default": "127.0.0.1"},
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port to listen on, and no other.",
        json_schema_extra={"metavar": "PORT", "shown_default": f"the first free one from {FIRST_PORT}"},
    )
    share: bool = Field(
        default=False,
        description="Open a public link through Gradio's relay. Everything typed on the page then passes through a "
        "server of a third party.",
    )
    no_browser: bool = Field(default=False, description="Do not open a browser window.")
    offline: bool = Field(
        default=False, description="Never reach for the network: built-in, cached and local models only."
    )
    public: bool = Field(
        default_factory=on_space,
        description="Serve strangers: a link opens a run only for the visitor who made it, limits are smaller, and no "
        "folder of this machine can be opened as a model.",
        json_schema_extra={"shown_default": "off; on for a Space"},
    )
    api: bool = Field(
        default=False,
        description="Answer programs too, on the same port: REST in the shapes of Cohere, Jina, TEI and OpenAI, and "
        "MCP. `/docs` lists the endpoints.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="What programs must send as a bearer token. Better in the variable: other users of this machine "
        "can read flags.",
        json_schema_extra={"metavar": "KEY", "shown_default": "none: no key is asked for"},
    )

    worker: bool = Field(
        default_factory=lambda found: bool(found["public"]),
        description="Run models in a process of their own: one that crashes or takes all memory then ends its own run, "
        "and not the page.",
        json_schema_extra={"shown_default": "off; on with `--public`"},
    )
    train: bool = Field(
        default_factory=lambda found: not found["public"],
        description="Let visitors train models on their labels, one at a time. They are kept beside the history.",
        json_schema_extra={"shown_default": "on; off with `--public`"},
    )
    auth: str | None = Field(
        default=None,
        description="Who may use the page: a file of users that `python -m playground.users` writes, or the word "
        "`huggingface` on a Space with `hf_oauth: true`, where visitors sign in before a run.",
        json_schema_extra={"metavar": "FILE", "shown_default": "everyone"},
    )
    runs_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="Runs that one visitor may begin within a minute; 0 sets no limit.",
        json_schema_extra={"metavar": "N", "shown_default": f"no limit; {PUBLIC_RUNS_PER_MINUTE} with `--public`"},
    )
    runs_at_once: int | None = Field(
        default=None,
        ge=0,
        description="Runs of one visitor that may go on at the same time; 0 sets no limit.",
        json_schema_extra={"metavar": "N", "shown_default": f"no limit; {PUBLIC_RUNS_AT_ONCE} with `--public`"},
    )
    visitor_mb: int | None = Field(
        default=None,
        ge=0,
        description="Megabytes that one visitor may keep in the history, and as many in trained models; 0 sets no "
        "limit.",
        json_schema_extra={
            "metavar": "N",
            "shown_default": f"no limit; {PUBLIC_MAX_KEPT_BYTES // 1_000_000} with `--public`",
        },
    )

    @field_validator("auth")
    @classmethod
    def _users_can_be_read(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if info.data.get("api") and info.data.get("api_key") is None:
            raise ValueError("programs do not sign in, so `--api` needs a key beside it: set PLAYGROUND_API_KEY")
        if value == HUGGING_FACE:
            if not os.environ.get("OAUTH_CLIENT_ID"):
                raise ValueError("signing in with Hugging Face needs a Space with hf_oauth: true in its README")
            if find_spec("authlib") is None:
                raise ValueError("signing in with Hugging Face needs a library; try: pip install 'gradio[oauth]'")
            return value
        try:
            users.read(Path(value).expanduser())
        except users.UsersError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        if isinstance(value, str):
            # A comma before key= goes on with the options of an id: owner/name#layer=24,ratio=2.
            return tuple(part.strip() for part in re.split(r",(?!\w+=)", value) if part.strip())
        return value

    @field_validator("models")
    @classmethod
    def _folders_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for model in value:
            if not model.strip():
                raise ValueError("a model needs a name: a Hub id such as BAAI/bge-reranker-base, or a folder")
            if is_remote(model):
                try:
                    parse(model)
                except InvalidInput as error:
                    raise ValueError(str(error)) from error
            is_path = model.startswith((".", "~", "/", "\\")) or Path(model).is_absolute()
            if is_path and not Path(split(model).name).expanduser().is_dir():
                raise ValueError(f"there is no folder {model}; check the path, or give a Hub id")
        return value

    @field_validator("db")
    @classmethod
    def _db_is_a_file(cls, value: Path) -> Path:
        path = value.expanduser()
        if path.is_dir():
            raise ValueError(f"{value} is a folder; give a file in it, such as {value / 'history.db'}")
        if not path.parent.exists() and path.parent.parent.is_file():
            raise ValueError(f"{path.parent.parent} is a file, so nothing can be kept under it; choose another place")
        return path.absolute()

    @field_validator("host")
    @classmethod
    def _host_has_no_port(cls, value: str) -> str:
        host = value.strip().strip("[]")
        if not host or "/" in host or any(letter.isspace() for letter in host):
            raise ValueError(f"{value!r} is not an address; give one such as 127.0.0.1, without http:// or a port")
        return host

    @field_validator("api_key")
    @classmethod
    def _key_can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        key = None if value is None else value.get_secret_value()
        if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
            raise ValueError("a key is letters, digits and signs without spaces, so that a header can carry it")
        return value

    @property
    def users(self) -> users.Users | None:
        """Who may sign in; None where that is everyone, or who has an account elsewhere."""
        if self.auth in (None, HUGGING_FACE):
            return None
        return users.Users(users.read(Path(str(self.auth)).expanduser()))

    @property
    def most_runs_per_minute(self) -> int | None:
        """Of one visitor; None for no limit."""
        return self._limit(self.runs_per_minute, PUBLIC_RUNS_PER_MINUTE)

    @property
    def most_runs_at_once(self) -> int | None:
        """Of one visitor; None for no limit."""
        return self._limit(self.runs_at_once, PUBLIC_RUNS_AT_ONCE)

    @property
    def most_kept_bytes(self) -> int | None:
        """Of one visitor in the history; None for no limit."""
        most = self._limit(self.visitor_mb, PUBLIC_MAX_KEPT_BYTES // 1_000_000)
        return None if most is None else most * 1_000_000

    def _limit(self, given: int | None, public: int) -> int | None:
        return (public if self.public else None) if given is None else given or None

    @property
    def trained(self) -> Path:
        """Where trained models are kept."""
        return self.db.parent / "trained"

    @property
    def folders(self) -> bool | Path:
        """Whether folders of this machine may be opened as models; on a public page those that were trained there."""
        return (self.trained if self.train else False) if self.public else True

    @property
    def browser(self) -> bool:
        """Whether to open a browser window: never on a Space, which has none."""
        return not self.no_browser and not on_space()

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the page."""
        return is_loopback(self.host) and not self.share

    @property
    def allowed_hosts(self) -> list[str]:
        """Host headers to answer, for `TrustedHostMiddleware`; the loopback names stay, since Gradio probes itself.

        A page bound to one address answers only to that address's names: without this, a web site that rebinds its
        DNS name to 127.0.0.1 could read a local page.
        """
        names = ["localhost", "127.0.0.1", "::1", "[::1]"]
        if on_space():
            return [*names, *filter(None, os.environ.get("SPACE_HOST", "").split(","))]
        if self.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            return ["*"]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return [*dict.fromkeys([*names, self.host, host]), *(["*.gradio.live"] if self.share else [])]
