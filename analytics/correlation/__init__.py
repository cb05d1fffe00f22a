"""What moves together: matrices of correlation, their order on a page, and who moves first.

``pearson`` and ``spearman`` are arithmetic on arrays; ``matrix`` and ``lead_lag`` are of
returns; ``clustering`` and ``ranking`` order pairs; ``view`` is what the Correlation page
shows. Nothing here reads a lake: panels come in, matrices go out.
"""
