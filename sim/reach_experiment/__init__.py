"""The learning experiment on the arm: which agent learns what, and how fast."""
