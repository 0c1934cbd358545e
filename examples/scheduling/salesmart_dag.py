"""Runs salesmart every day at 6:00. Airflow does the retries and says when a run failed.

Exit code 0: done. 1: a foreseen failure; whether a retry helps is in the log. 2: a wrong command line, or a fault.
"""

from datetime import datetime, timedelta

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

with DAG(
    dag_id="salesmart",
    schedule="0 6 * * *",
    start_date=datetime(2024, 1, 1),
    # Every run takes all files that are there, so one is enough for all days that were missed.
    catchup=False,
    # Two runs would wait for each other.
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
    },
) as dag:
    BashOperator(
        task_id="run",
        # DATABASE_URL comes from the worker's environment. --no-wait: if somebody else's sync is at work, Airflow tries again later.
        bash_command="salesmart run --no-wait --log-format json",
        cwd="/srv/salesmart",
        append_env=True,
        execution_timeout=timedelta(hours=1),
    )
