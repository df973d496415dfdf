"""The ports on AWS: objects in S3, the chunk index and the ledger in DynamoDB, the master key wrapped by KMS."""
