"""The application of moto's server, for a faster server of its own than moto's development one.

It has no account of which backend an address belongs to, and looks through its own folders at every
request; of a thousand requests that is a tenth of the time.
"""

from __future__ import annotations

from functools import lru_cache

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

DomainDispatcherApplication.get_backend_for_host = lru_cache(  # type: ignore[method-assign]
    DomainDispatcherApplication.get_backend_for_host
)
app = DomainDispatcherApplication(create_backend_app)
