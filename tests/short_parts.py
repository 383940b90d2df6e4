"""Loaded by the worker of a flow: speech is written down in stretches of seconds instead of ten minutes."""

from journal import audio

audio.PART_MS = 2_000
audio.PAUSE_WITHIN_MS = 500
