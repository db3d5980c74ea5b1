"""What a product is: its spec, its partitions, and the errors its files and data can cause."""
