"""What a station's message costs, beside the usual Python stack."""
