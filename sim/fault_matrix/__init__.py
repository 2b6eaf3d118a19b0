"""The fault matrix: named faults through the whole stack, judged by a witness of its own."""
