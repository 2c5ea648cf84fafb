"""The link lab: one voice through several codecs and one thin link, side by side. No I/O, no clock but where said.

In reading order: codecs.py (codecs, a unit of speech at a time), framing.py (units in frames and out again), lane.py
(one codec's way from mouth to ear), bench.py (the lanes side by side, on a link or on a radio
that fades), crowd.py (how many conversations fit), report.py (facts and tables), live.py (what a screen wants and
shows). They perform: speech.py (what is said), session.py (all of it in real time), borrowed.py (a station's sound).
"""
