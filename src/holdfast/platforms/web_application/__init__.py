"""A highly available application in one region: load balancer, containers, database, sessions, storage, backup."""
