"""Pure functions: metrics, their uncertainty, and drift. Arrays in, numbers out."""
