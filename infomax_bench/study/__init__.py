"""What is asked: cells, suites, benchmarks, plug-ins, presets, and the plan with its keys.

Imports `evaluations` and below.
"""
