"""From the venues into the lake.

What asks venues, what they answered, and the long-running program around it.
Formulas belong to ``analytics``; nothing here is imported by the dashboard.
"""
