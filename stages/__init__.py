"""Stages of the DAG, the store of their artifacts, and what runs them."""
