"""Prefect flows and deployments; the only room that knows Prefect."""
