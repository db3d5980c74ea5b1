"""Whether everything that the settings name answers: one check each, none of which waits for long.

Nothing is imported here that takes long before the check that needs it runs.
"""
