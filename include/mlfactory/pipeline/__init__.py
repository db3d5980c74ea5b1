"""The Airflow side: the only place that imports airflow. Everything heavy happens inside tasks."""
