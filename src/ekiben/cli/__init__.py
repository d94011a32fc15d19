"""argv -> one function of one room -> lines or JSON -> exit code; one file per station."""
