"""What charts of several pages share: colour scales, cells, and the frame of a figure.

Figures in, chart out: nothing here loads, and what one page draws is in that page's folder.
"""
