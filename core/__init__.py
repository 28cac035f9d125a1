"""Pentimento's library: data sets, encoders, indexes, codec, map, training and evaluation."""

__version__ = "0.1.0"
