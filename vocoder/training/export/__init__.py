"""From trained networks to ONNX graphs."""
