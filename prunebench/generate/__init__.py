"""Asks a language model for methods, one file per idea and attempt, and keeps all that came back."""
