"""What costs and serves nobody."""
