"""Promote: register a candidate, put it through the gates, and let it serve if it passes."""

from mlfactory.promote.stage import JudgeResult, SettleResult, judge, run, settle, settle_anew

__all__ = ["JudgeResult", "SettleResult", "judge", "run", "settle", "settle_anew"]
