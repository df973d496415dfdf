"""Keys, and the policies that let services use them."""
