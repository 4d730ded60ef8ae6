"""Predictive echo: what a key will do is shown before its echo has come over a slow link."""
