"""The pod's half of the seal: what must hold before a byte of an artefact is believed."""
