"""Breaking what runs, on purpose, and measuring how long it takes to come back and what is lost."""
