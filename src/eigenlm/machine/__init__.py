"""The machine a run finds itself on: its memory, and the processes that share the run."""
