"""Brings synthesized stacks to an AWS account, through CloudFormation: compare, deploy, look, delete."""
