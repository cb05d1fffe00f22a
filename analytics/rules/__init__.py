"""Rules: conditions that a user writes as SQL expressions, and what follows from them.

``rules_file`` reads a user's rules, ``expression`` checks and evaluates one condition, ``frames``
makes what they are evaluated on (``columns`` says what a rule may name), ``episode`` follows one
rule on one subject from inactive to resolved, and ``engine`` passes over all of them at a moment.
``history`` looks back at what rules would have done, ``messages`` says what happened.
"""
