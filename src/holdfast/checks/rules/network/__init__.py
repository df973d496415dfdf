"""Who can reach what: endpoints, routes, security groups, zones of gateways."""
