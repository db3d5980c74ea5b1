"""The one settings object: what differs between machines, from the environment or `.env`.

Every field is set by an environment variable `MLFACTORY_<FIELD>`; what is not set has a default
that works in a fresh clone.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[2]

Absolute = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
"""A path that means the same in every process, wherever that was started."""


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
    lake: Absolute | None = Field(
        None, description="Root of the Delta tables; <home>/lake by default"
    )
    mlflow_uri: str | None = Field(
        None, description="MLflow tracking and registry; the SQLite file below <home> by default"
    )
    mlflow_ui: str | None = Field(
        None, description="Address of the MLflow UI for links; mlflow_uri by default"
    )
    host: str = Field("127.0.0.1", description="Address the local Airflow and MLflow listen on")
    airflow_port: int = Field(8080, ge=1, le=65535)
    mlflow_port: int = Field(5000, ge=1, le=65535)
    airflow_user: str = "admin"
    airflow_password: SecretStr | None = Field(
        None, description="Password of the local Airflow; made at random on first start by default"
    )
    airflow_parallelism: int = Field(4, ge=2, description="Tasks that run at once")

    @property
    def lake_root(self) -> Path:
        """Return the folder that holds one folder a product."""
        return self.lake or self.home / "lake"

    @property
    def tracking_uri(self) -> str:
        """Return the MLflow tracking URI: the configured one, or the SQLite file below home."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @property
    def artifact_root(self) -> Path:
        """Return the folder in which MLflow keeps artifacts when it runs on this machine."""
        return self.home / "mlflow" / "artifacts"

    @property
    def airflow_url(self) -> str:
        """Return the address of the local Airflow."""
        return f"http://{self.host}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Return the address at which a person opens the MLflow UI."""
        if self.mlflow_ui:
            return self.mlflow_ui
        if self.mlflow_uri and self.mlflow_uri.startswith("http"):
            return self.mlflow_uri
        return f"http://{self.host}:{self.mlflow_port}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once; `settings.cache_clear()` reads them again."""
    return Settings()
