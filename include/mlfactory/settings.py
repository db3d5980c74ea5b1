"""The one settings object: what differs between machines, from the environment or `.env`.

Every field is set by an environment variable `MLFACTORY_<FIELD>`; what is not set has a default
that works in a fresh clone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from urllib.request import url2pathname

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[2]

Absolute = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
"""A path that means the same in every process, wherever that was started."""


def _address(given: str) -> str:
    """Return `s3://bucket/prefix` as it is, and anything else as the absolute path of a folder."""
    scheme, mark, rest = given.partition("://")
    if not mark:
        return str(Path(given).expanduser().absolute())
    if scheme == "file" and rest.startswith("/"):
        return str(Path(url2pathname(rest)))
    if scheme == "s3" and rest.strip("/"):
        return f"s3://{rest.rstrip('/')}"
    raise ValueError(f"'{given}' is neither a folder nor an address like s3://bucket/prefix")


Address = Annotated[str, AfterValidator(_address)]
"""A folder of this machine, or a place in an S3 bucket, where every machine finds it."""


def _plain_scheme(given: str) -> str:
    """Return an address with its scheme as all who look at it expect it, in small letters."""
    scheme, mark, rest = given.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else given


def without_login(address: str) -> str:
    """Return an address without the user and password that may stand in it, for whoever reads it.

    It need not be a right one: a message may be about just that.
    """
    return re.sub(r"^([^:/?#]+://)[^/?#]*@", r"\1", address)


class Settings(BaseSettings):
    """Where state lives and which services are used."""

    model_config = SettingsConfigDict(
        env_prefix="MLFACTORY_", env_file=REPOSITORY / ".env", extra="ignore", frozen=True
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
    artifacts: Address | None = Field(
        None,
        description="Where MLflow's artifacts are kept; <home>/mlflow/artifacts by default, or "
        "below a lake on S3",
    )
    versions_kept_days: int = Field(
        365, ge=7, description="How long a version of a table can be read after it was replaced"
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
    reconcile_minutes: int = Field(
        15, ge=1, le=59, description="How often Airflow looks for what is missing or stale"
    )
    reconcile_mends: bool = Field(
        True, description="Whether Airflow then starts the runs that would mend it"
    )
    airflow_parallelism: int = Field(4, ge=2, description="Tasks that run at once")

    @property
    def lake_uri(self) -> str:
        """Return the address that holds one folder a product."""
        return self.lake or str(self.home / "lake")

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
        """Return the address of the local Airflow."""
        return f"http://{self.host}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address at which a person opens the MLflow UI; with nobody's login in it."""
        if self.mlflow_ui:
            return without_login(self.mlflow_ui)
        if self.mlflow_uri and self.mlflow_uri.startswith("http"):
            return without_login(self.mlflow_uri)
        return self.local_mlflow


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once; `settings.cache_clear()` reads them again."""
    return Settings()
