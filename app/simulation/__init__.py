"""Codecs on a simulated link, in virtual time. No I/O, no clock: every time is passed in.

In reading order: framing.py (codec frames in the frames of a link, and out again), one_way.py (frames over an impaired
link into a station's play-out), lane.py (one codec from mouth to ear, in blocks as a microphone delivers them),
bench.py (lanes side by side), journey.py (one recording over a link), capacity.py (how many conversations fit on one).
"""
