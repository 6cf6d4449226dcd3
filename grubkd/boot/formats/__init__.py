"""The formats, one module each. FORMATS is the one list that names them."""
