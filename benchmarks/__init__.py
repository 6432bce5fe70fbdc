"""Benchmarks of `conserved`: ``python -m benchmarks [NAME …] [--quick]``, see docs/benchmarks.md.

Every sample is taken in a fresh process after one warm-up call (``worker``). Each benchmark is a
module with ``run(repetitions) -> Result``; its file in ``results/`` says on which machine, at
which commit and under which load the samples were taken.
"""
