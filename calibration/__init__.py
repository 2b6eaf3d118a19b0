"""Calibration of one arm: schema, procedures, and a folder of results per robot."""
