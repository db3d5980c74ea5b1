"""The shop whose orders validation judges, and what the tests ask of its quarantine."""

from __future__ import annotations

from tests.integration.validate.conftest import judged as judged
