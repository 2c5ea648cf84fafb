"""Speech to 32-byte packets and back to features: format, analysis, encoder, decoder."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# onnxruntime 1.32 reports its use to its vendor unless this is set before it is first imported; calling its
# `disable_telemetry_events()` afterwards is too late. Every module that loads it comes after this one.
