"""Pieces that several pages draw. Given data; they load nothing."""
