"""What everything in the collector runs on: time, waiting, tasks that go on, HTTP, rate budgets.

Belongs here: what is the same whoever is asked and whatever about. Knows no venue; of the
lake only how the clock is written down in it.
"""
