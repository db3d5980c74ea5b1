"""Monitor: drift, late performance and freshness of a partition; metrics, a report and alerts."""

from mlfactory.monitor.stage import MonitorResult, run

__all__ = ["MonitorResult", "run"]
