"""Diagnostics: summaries, comparison and checks of fits, and one verdict on them all."""
