"""The link lab: one voice through several codecs over one thin link, side by side.

In reading order: state.py (what a user has chosen, and what a screen shows), session.py (the lab in real time),
shared_audio.py (the devices of a running station, shared with the lab), report.py (the lab without a screen, as tables
and JSON). The lanes themselves are in app/simulation, the codecs in app/codecs.
"""
