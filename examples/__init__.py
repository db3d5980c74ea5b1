"""What the demonstration brings along: a product, and the services outside that it reads."""
