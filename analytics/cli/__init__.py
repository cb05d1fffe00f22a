"""What commands of ``perpscope`` print: text of a command line in, rows and sentences out.

A file for each command that reads the lake: ``query``, ``replay``, ``bundle`` and ``verify``,
``alerts``, ``score`` and ``sweep``, ``simulate-trades``. ``perpscope.py`` states their options;
commands that run a program are in ``collector.commands``.
"""
