"""Evidence bundles: a stretch of the record, rules and their firings in one file to be checked.

``write`` makes one from a lake. ``opened`` checks one, which may be a stranger's, and rebuilds a
lake from it; ``verify`` evaluates the rules on that lake and compares. ``manifest`` says what a
bundle holds, ``archive`` how it lies in the file, ``record`` which rows it needs, ``firings`` what
rules make of them.
"""
