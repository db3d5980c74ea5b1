"""The steps of a partition's cycle, in one table that Airflow and the command line both run."""
