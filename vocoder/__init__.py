"""Features to speech: a neural vocoder in ONNX and a plain synthesiser without a network."""
