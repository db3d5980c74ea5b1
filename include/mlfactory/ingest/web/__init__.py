"""APIs and web servers as sources: all pages of an answer, whole, before a row is used."""

from mlfactory.ingest.web.api import Api, api_of
from mlfactory.ingest.web.fetching import fingerprint
from mlfactory.ingest.web.gathering import Gathered, gathered

__all__ = ["Api", "Gathered", "api_of", "fingerprint", "gathered"]
