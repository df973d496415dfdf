"""What survives the stack, and what must not."""
