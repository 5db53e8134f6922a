"""What crosses between the two sides: values as bytes, frames, messages.

Runs in both processes. Imports nothing else of the engine.
"""
