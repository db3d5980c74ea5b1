"""The one settings object: what differs between machines, from the environment or `.env`.

Every field is set by an environment variable `MLFACTORY_<FIELD>`; what neither says is read from
`environments/<name>.env` where `MLFACTORY_ENV` names one, and the rest has a default that works in
a fresh clone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mlfactory.environment_file import is_readable, mistakes

REPOSITORY = Path(__file__).resolve().parents[2]


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} is the home of no user that there is") from None


Absolute = Annotated[Path, AfterValidator(_absolute)]
"""A path that means the same in every process, wherever that was started."""


def _address(given: str) -> str:
    """Return `s3://bucket/prefix` as it is, and anything else as the absolute path of a folder."""
    scheme, mark, rest = given.partition("://")
    if not mark:
        return str(_absolute(Path(given)))
    if scheme == "file" and rest.startswith("/"):
        return str(Path(url2pathname(rest)))
    if scheme == "s3" and rest.strip("/"):
        return f"s3://{rest.rstrip('/')}"
    raise ValueError(
        f"'{without_login(given)}' is neither a folder nor an address like s3://bucket/prefix"
    )


Address = Annotated[str, AfterValidator(_address)]
"""A folder of this machine, or a place in an S3 bucket, where every machine finds it."""


def _plain_scheme(given: str) -> str:
    """Return an address with its scheme as all who look at it expect it, in small letters."""
    scheme, mark, rest = given.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else given


def _web_address(given: str) -> str:
    """Return an address, once it is known that its host and port can be read where it has them."""
    if not given.lower().startswith(("http://", "https://")):
        return given
    try:
        parts = urlsplit(given)
        if parts.hostname and parts.port != 0:
            return given
    except ValueError:
        # what it says may have a part of a password in it
        pass
    raise ValueError("it is no address like http://host:8080")


WebAddress = Annotated[str, AfterValidator(_web_address)]


_WITH_PATHS = frozenset({"http", "https", "s3"})
_WEB_HOST = re.compile(r"([^:/?#]*|\[[^]/]*\]?)(:\d*)?([/?#]|$)")


def without_login(address: str) -> str:
    """Return an address without the login that may stand in it or behind its `?`, for people.

    It need not be a right one: a message may be about just that. Where a `/`, `?` or `#` of a
    password was not written as `%2F`, `%3F` or `%23`, the login goes on to the last `@`.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    rest = re.sub(r"^[^/?#]*@", "", rest)
    # `/a@b` may well be a path of a web server or a bucket, and no database has such a name
    is_host = _WEB_HOST.match(rest) if scheme in _WITH_PATHS else rest.startswith("/")
    if not is_host:
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{rest.partition('?')[0]}"


def _file_of(
    settings_cls: type[BaseSettings], folder: str | Path, name: str
) -> DotEnvSettingsSource:
    # a name that leads out of the folder is refused as unknown, and read nowhere
    file = Path(folder, f"{Path(name).name}.env")
    return DotEnvSettingsSource(settings_cls, env_file=file if is_readable(file) else None)


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


class Settings(BaseSettings):
    """Where state lives and which services are used."""

    model_config = SettingsConfigDict(
        env_prefix="MLFACTORY_",
        env_file=REPOSITORY / ".env",
        # what nobody may read in a list of processes lies in files, one a field
        secrets_dir=os.environ.get("MLFACTORY_SECRETS") or None,
        # a variable that is passed on without a value says nothing
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    environments: Absolute = Field(
        REPOSITORY / "environments", description="Folder with the settings of each environment"
    )
    env: str | None = Field(
        None,
        description="Which environment this is: <environments>/<env>.env says what neither the "
        "environment's variables nor .env say; none by default",
    )
    home: Absolute = Field(
        REPOSITORY / "var", description="All state of a run lives below this folder"
    )
    products: Absolute = Field(
        REPOSITORY / "include" / "products", description="Folder with one folder a product"
    )
    lake: Address | None = Field(
        None,
        description="Where all that products leave is kept, a folder or s3://bucket/prefix; "
        "<home>/lake by default",
    )
    spool: Absolute | None = Field(
        None,
        description="Folder of this machine for what does not fit into memory while a stage works; "
        "<home>/spool by default",
    )
    artifacts: Address | None = Field(
        None,
        description="Where MLflow's artifacts are kept; <home>/mlflow/artifacts by default, or "
        "below a lake on S3",
    )
    versions_kept_days: int = Field(
        365,
        ge=7,
        le=36500,
        description="How long a version of a table can be read after it was replaced",
    )
    mlflow_uri: Annotated[str, AfterValidator(_plain_scheme)] | None = Field(
        None,
        description="MLflow tracking and registry, a server or a database; the SQLite file below "
        "<home> by default",
    )
    mlflow_ui: str | None = Field(
        None,
        description="Address of the MLflow UI for people's links, and for nothing else; "
        "mlflow_uri by default",
    )
    host: str = Field("127.0.0.1", description="Address the local Airflow and MLflow listen on")
    airflow_port: int = Field(8080, ge=1, le=65535)
    mlflow_port: int = Field(5000, ge=1, le=65535)
    airflow_user: str = "admin"
    airflow_password: SecretStr | None = Field(
        None, description="Password of the local Airflow; made at random on first start by default"
    )
    airflow_database: SecretStr | None = Field(
        None, description="SQLAlchemy address of Airflow's database; SQLite below <home> by default"
    )
    mlflow_database: SecretStr | None = Field(
        None, description="SQLAlchemy address of the MLflow server's database, where it is ours"
    )
    airflow_address: WebAddress | None = Field(
        None, description="Where Airflow answers, if it is not the local one"
    )
    airflow_ui: WebAddress | None = Field(
        None, description="Address at which people open Airflow; airflow_address by default"
    )
    executor: Literal["LocalExecutor", "CeleryExecutor"] = Field(
        "LocalExecutor", description="Whether tasks run beside the scheduler or on workers"
    )
    broker: SecretStr | None = Field(
        None, description="Address of the queue between scheduler and workers, redis://…"
    )
    queues: str = Field("default", description="The queues that a worker takes tasks from")
    fernet_key: SecretStr | None = Field(
        None, description="What Airflow encrypts connections with in its database"
    )
    pii_key: SecretStr | None = Field(
        None,
        description="Key with which columns with personal data are hashed; the same for good, on "
        "all machines of a lake",
    )
    jwt_secret: SecretStr | None = Field(
        None, description="What Airflow's parts and tasks sign their requests with"
    )
    session_secret: SecretStr | None = Field(
        None, description="What Airflow signs the sessions of people with"
    )
    reconcile_minutes: int = Field(
        15, ge=1, le=59, description="How often Airflow looks for what is missing or stale"
    )
    reconcile_mends: bool = Field(
        True, description="Whether Airflow then starts the runs that would mend it"
    )
    upkeep_hour: int = Field(
        3, ge=0, le=23, description="Hour of the day (UTC) at which Airflow does the upkeep"
    )
    pages_kept_days: int = Field(
        365,
        ge=1,
        description="How long reports, validation pages and Data Docs stay; the newest always do",
    )
    answers_kept_days: int = Field(
        90, ge=1, description="How long answers stay that somebody asked for in Airflow"
    )
    airflow_logs_kept_days: int = Field(30, ge=2, description="How long logs of tasks stay")
    airflow_runs_kept_days: int = Field(
        90, ge=7, description="How long Airflow's database remembers runs that are over"
    )
    airflow_parallelism: int = Field(
        4, ge=2, description="Tasks that the local Airflow runs at once, beside its scheduler"
    )
    tasks_at_once: int = Field(
        32, ge=2, description="Tasks given out at once, to all workers together"
    )
    worker_slots: int = Field(
        2, ge=1, description="Tasks that one worker runs at once, where tasks run on workers"
    )
    stack_name: str | None = Field(
        None,
        description="Name of this stack, whose lake no other may have; made at the first start by "
        "default",
    )
    trainings_at_once: int | None = Field(
        None,
        ge=1,
        description="Searches and fits that run at once, of all products; by default half of "
        "airflow_parallelism. On a server the scheduler's setting counts, for all workers together",
    )

    @field_validator("env")
    @classmethod
    def _is_known(cls, name: str | None, others: ValidationInfo) -> str | None:
        folder: Path = others.data["environments"]
        known = sorted(path.stem for path in folder.glob("*.env"))
        if name is not None and name not in known:
            told = f"there are {', '.join(known)}" if known else "there is none"
            raise ValueError(f"there is no such environment in {folder} ({told})")
        if name is not None:
            fields = Settings.model_fields
            wrong = mistakes(folder / f"{name}.env", fields, [*filter(_is_secret, fields)])
            if told := "; ".join(wrong):
                raise ValueError(told)
        return name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what an environment's own file says after what this process was told.

        `Settings(env="production")` is what production is, seen from elsewhere: what this process
        was told about itself does not count there, `MLFACTORY_PRODUCTION_<FIELD>` does.
        """
        asked = init_settings()
        own = (env_settings, dotenv_settings)
        told = {**dotenv_settings(), **env_settings(), **asked}
        name, folder = told.get("env"), told.get("environments", REPOSITORY / "environments")
        if not name:
            return init_settings, *own, file_secret_settings
        if asked.get("env"):
            prefix = f"MLFACTORY_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_"
            file = getattr(dotenv_settings, "env_file", None)
            own = (
                EnvSettingsSource(settings_cls, env_prefix=prefix),
                DotEnvSettingsSource(settings_cls, env_file=file, env_prefix=prefix),
            )
            return init_settings, *own, _file_of(settings_cls, folder, name)
        return init_settings, *own, _file_of(settings_cls, folder, name), file_secret_settings

    @property
    def lake_uri(self) -> str:
        """Return the address that holds one folder a product."""
        return self.lake or str(self.home / "lake")

    @property
    def spool_folder(self) -> Path:
        """Return the folder for what does not fit into memory; nothing in it outlives its run."""
        return self.spool or self.home / "spool"

    @property
    def searches_at_once(self) -> int:
        """Return how many searches and fits may run at once, so that others have room beside."""
        return self.trainings_at_once or self.airflow_parallelism // 2

    @property
    def artifacts_uri(self) -> str:
        """Return the address below which MLflow keeps artifacts."""
        if self.artifacts is None and self.lake_uri.startswith("s3://"):
            # no product can have this name
            return f"{self.lake_uri}/_mlflow"
        return self.artifacts or str(self.home / "mlflow" / "artifacts")

    @property
    def tracking_uri(self) -> str:
        """Return the MLflow tracking URI: the configured one, or the SQLite file below home."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @property
    def local_mlflow(self) -> str:
        """Return the address at which the MLflow of the local stack answers."""
        return f"http://{self.host}:{self.mlflow_port}"

    @property
    def airflow_url(self) -> str:
        """Return the address at which Airflow answers: the one that is set, or the local one."""
        return self.airflow_address or f"http://{self.host}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address at which a person opens the MLflow UI; with nobody's login in it."""
        if self.mlflow_ui:
            return without_login(self.mlflow_ui)
        if self.mlflow_uri and self.mlflow_uri.startswith("http"):
            return without_login(self.mlflow_uri)
        return self.local_mlflow


_instead: list[Settings] = []


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once; `settings.cache_clear()` reads them again."""
    return _instead[-1] if _instead else Settings()


@contextmanager
def settings_of(other: Settings) -> Iterator[None]:
    """Let this whole process work with other settings meanwhile, such as another environment's."""
    _instead.append(other)
    settings.cache_clear()
    try:
        yield
    finally:
        _instead.pop()
        settings.cache_clear()
