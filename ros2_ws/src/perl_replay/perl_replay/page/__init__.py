"""The report as one HTML file: figures, pictures and where they come from, without a network."""
