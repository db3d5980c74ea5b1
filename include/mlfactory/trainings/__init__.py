"""What every training leaves behind, typed: pinned, searched, fitted, held out, and judged.

Whoever needs the past of a model (the gates, the monitor, a person) finds it here, so that the
tables of the lake can be vacuumed.
"""
