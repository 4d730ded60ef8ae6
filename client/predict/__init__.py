"""Predictive echo: the effect of a key is shown before its echo has come over a slow link."""
