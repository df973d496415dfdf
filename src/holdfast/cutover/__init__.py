"""Blue-green switching: traffic in steps, then the writes once; resumable, locked, and never on an assumption."""
