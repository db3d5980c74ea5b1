"""Where data lives: Delta tables, files, manifests and the ledger of a product."""
