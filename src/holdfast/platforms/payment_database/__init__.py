"""The platform `payment-database`: Aurora PostgreSQL for payments, a writer and two readers in three zones.

`docs/requirements/payment-database.md` says line by line what is required and how it is met.
"""
