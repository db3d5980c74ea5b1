"""What partitions hold, at a glance: summaries kept as rows go by, and the page made of them."""
