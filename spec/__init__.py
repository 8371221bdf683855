"""The written standard and its data: no code.

This module lets `importlib.resources` find the vectors and schemas, in a clone as in a wheel.
"""
