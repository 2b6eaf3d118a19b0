"""A policy as it is shipped: ONNX graphs and a manifest that says what they are."""

import os

# onnxruntime otherwise keeps a device id and sends usage data to its maker (its Privacy.md); to do
# so it starts threads in the middle of a motion. It reads this once, when it is imported.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
