"""What must fit together within a source that is a database or an API."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlfactory.product.mistakes import Found
from mlfactory.product.services import CursorPaging, HttpSource, LinkPaging, OffsetPaging, SqlSource
from mlfactory.product.spec import ProductSpec

BOUNDS = ("start", "end")

_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""As SQLAlchemy finds them: `::date` is a cast, and `\\:word` a colon."""


def service_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every part of a source that is a service which does not fit the others."""
    for name, source in spec.sources.items():
        if isinstance(source, SqlSource):
            yield from _of_sql(name, source)
        elif isinstance(source, HttpSource):
            yield from _of_http(name, source)


def _of_sql(name: str, source: SqlSource) -> Iterator[Found]:
    if source.url is None and source.connection is None:
        yield ("sources", name), "needs url, or connection: the name of one of Airflow's"
    if source.url is not None and source.connection is not None:
        yield ("sources", name, "connection"), "says where the database is, and so does url"
    place = ("sources", name, "query")
    used = set(_PARAMETER.findall(source.query))
    for unknown in sorted(used - set(BOUNDS)):
        yield (
            place,
            f"':{unknown}' is no parameter; there are :start and :end, and a colon that is none "
            f"is written \\:{unknown}",
        )
    if source.event_time is None:
        for bound in BOUNDS:
            if bound in used:
                yield (
                    place,
                    f"':{bound}' is of a partition, and a source without event_time is of none",
                )
        return
    missing = [f":{bound}" for bound in BOUNDS if bound not in used]
    if missing:
        yield (
            place,
            f"lacks {' and '.join(missing)}; ask for the rows of the partition: WHERE "
            f"{source.event_time} >= :start AND {source.event_time} < :end",
        )


def _of_http(name: str, source: HttpSource) -> Iterator[Found]:
    place = ("sources", name)
    if source.url.startswith("/") and source.connection is None:
        yield (*place, "url"), "needs a host, or a connection that has it"
    if source.format == "json":
        return
    if source.rows is not None:
        yield (*place, "rows"), f"is of json, and the format is {source.format}"
    paging = source.paging
    if isinstance(paging, LinkPaging) and paging.field is not None:
        yield (*place, "paging", "field"), f"is of json, and the format is {source.format}"
    if isinstance(paging, CursorPaging | OffsetPaging):
        yield (
            (*place, "paging", "by"),
            f"is of json, and the format is {source.format}, whose pages go by link or page",
        )
    if paging is not None and paging.total is not None:
        yield (*place, "paging", "total"), f"is of json, and the format is {source.format}"
