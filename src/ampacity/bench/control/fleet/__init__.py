"""Many random sites for a day: the product's law over slow meters, slow stations and lost messages."""
