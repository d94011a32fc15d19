"""What a diagnosis reads of a cluster: small frozen values, made from the API's own JSON."""
