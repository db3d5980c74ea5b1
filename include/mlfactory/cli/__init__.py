"""The command line: the stages of a product's life without Airflow, and the stack with it."""
