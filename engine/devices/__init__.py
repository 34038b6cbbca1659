"""What a process computes on: what there is, whether it computes rightly, and which is the fastest."""
