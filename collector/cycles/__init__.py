"""One venue's cycle: which instruments, which questions, and the rows and bars made of the answers.

``universe`` chooses the instruments, ``venue_collector`` asks, ``snapshot_builder`` puts a row
together, ``validation`` refuses impossible values, ``live_bars`` makes bars from snapshots.
When a cycle runs is decided in ``service.timetable``.
"""
