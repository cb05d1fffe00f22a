"""One venue's cycle: which instruments, which questions, and the rows and bars made of the answers.

``universe`` chooses the instruments, ``venue_collector`` asks, ``snapshot_builder`` puts a row
together, ``validation`` refuses impossible values, ``bars_from_snapshots`` makes the 5-minute bars.
When a cycle runs is decided in ``service.timetable``.
"""
