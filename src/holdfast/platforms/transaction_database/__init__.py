"""The platform `transaction-database`: one CloudFormation file, deployable without the CDK.

Its modules say the template in CloudFormation's own words, as plain dictionaries: the file is the product, its logical
ids and parameters are what operators rely on. `docs/requirements/transaction-database.md` has it line by line.
"""
