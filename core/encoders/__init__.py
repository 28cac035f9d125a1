"""Encoders: pictures in, vectors of L2 norm 1 out."""

from core.encoders.base import BackEnd, EncoderInfo, PictureEncoder, Preparation
from core.encoders.registry import default_encoder, describe, load, names

__all__ = ["BackEnd", "EncoderInfo", "PictureEncoder", "Preparation", "default_encoder", "describe", "load", "names"]
