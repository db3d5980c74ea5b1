"""Plots and self-contained HTML pages that people read."""
