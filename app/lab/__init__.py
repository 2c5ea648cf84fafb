"""The link lab: one voice through several codecs and one thin link, side by side; I/O and clock only in session.py.

In reading order: voices.py (codecs, a unit of speech at a time), framing.py (units in frames and out again), lane.py
(one codec's way from mouth to ear), bench.py (the lanes side by side on one kind of link), signal.py (the same on a
radio that fades), crowd.py (how many conversations fit), report.py (tables without a screen), session.py (in real time,
with devices). app/tui/lab_screen.py shows it.
"""
