"""Load balancing and cutover: health checks, targets, weights."""
