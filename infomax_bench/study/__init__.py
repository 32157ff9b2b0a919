"""What is asked: cells, suites, benchmarks, plug-ins, presets, and the plan with its keys. Nothing is computed here.

May import `evaluations` and below.
"""
