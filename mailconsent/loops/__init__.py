"""What the worker does side by side, each on a thread of its own, until it is told to stop."""
