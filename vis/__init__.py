"""Figures from stored artifacts: pure functions of tables, each with a command."""
