"""A scratch lake built of a stranger's files, for one session of Studio.

    preview = reading.read(files, work)             # in a process of its own, under limits
    mapping = questions.suggested(preview)          # what each column is taken for
    open_ = questions.unanswered(preview, mapping)  # what only a person can know
    building.build(preview, mapping, folder, progress)

Nothing is guessed silently: a unit, a time zone or an exchange that the file does not say is
asked for, and what a person says wins over every guess.
"""
