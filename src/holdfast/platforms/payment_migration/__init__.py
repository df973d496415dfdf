"""The platform `payment-migration`: blue and green behind one load balancer, and the cutover between them.

`docs/requirements/payment-migration.md` says line by line what is required and how it is met.
"""
