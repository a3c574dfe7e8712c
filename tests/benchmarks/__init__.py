"""Benchmarks: what the project has to reach, measured on the artifacts of the store.

``make bench`` runs all of them, ``make bench ONLY=stepper`` those of one file. Stages that the store lacks are
computed first. The table is printed and left in ``benchmarks.md``; a missed bar fails the run after the last
benchmark. Environment variables:

- ``CARRYOVER_BENCH_COLD=1`` also measures a whole ``make run`` on an empty store, which takes as long as it takes.
- ``CARRYOVER_BENCH_PROFILE=tiny`` tries the benchmarks themselves out in minutes; bars of training are then missed.

The files are named ``bench_*.py`` so that ``make test`` does not collect them.
"""
