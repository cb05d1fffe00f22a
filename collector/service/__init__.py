"""The long-running collector: ``perpscope collect``.

``app`` opens its parts and closes them, ``runner`` runs them, ``timetable`` says when each job
runs and ``scheduler`` starts it then; ``write_queue`` stores, ``health_server`` answers /healthz
and /metrics, ``control`` takes work from other commands.
"""
