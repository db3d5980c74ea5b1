"""Summaries of tables that add up: of batches, of shards, of partitions, in any order."""
