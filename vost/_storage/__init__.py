"""Where objects and refs are kept: the two storage protocols and who fulfils them."""
