"""A factory whose parts run apart from each other, in containers or on several machines."""
