"""What is asked: cells, suites, benchmarks, plug-ins, presets, and the plan with its keys; how claims are decided and
told. Nothing is trained or measured here.

May import `evaluations` and below.
"""
