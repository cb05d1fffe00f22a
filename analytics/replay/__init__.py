"""The record again, step by step, each as known at its time.

``record_steps`` yields what a query answered at each step; ``window`` reads half an hour of the
record ahead into memory, so that a step does not read files.
"""
