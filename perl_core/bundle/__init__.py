"""A policy as it is shipped: ONNX graphs and a manifest that says what they are."""
