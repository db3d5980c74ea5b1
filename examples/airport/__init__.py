"""A database and an API as an airport might run them: no part of the factory, but what it reads."""
