"""ML Factory: from a spec to a model that is fed, checked, gated, watched and retrained."""

__version__ = "0.1.0"
