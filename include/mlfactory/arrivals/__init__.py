"""Arrivals: what has come into the places of a product's files, and which partitions it is of.

A look lists a place and opens nothing. What was looked into, and what of it is still to be landed,
is noted in the lake: whoever looks next, and wherever, goes on from there.
"""
