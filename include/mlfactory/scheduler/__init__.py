"""The way to a running Airflow: its REST API, and the login to it."""
