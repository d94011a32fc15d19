"""The operator's half of the seal: keys, signing, encryption, and checking what others sealed."""
