"""The platform `serverless-database`: Aurora MySQL Serverless v2, isolated, exported to a bucket every day.

`docs/requirements/serverless-database.md` says line by line what is required and how it is met.
"""
