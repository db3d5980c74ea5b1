"""Databases as sources: one question asked, its answer streamed as tables of bounded size."""

from mlfactory.ingest.databases.addresses import Place, place_of
from mlfactory.ingest.databases.asking import Answer, answer, query_digest

__all__ = ["Answer", "Place", "answer", "place_of", "query_digest"]
