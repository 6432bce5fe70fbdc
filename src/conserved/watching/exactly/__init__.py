"""Laws of an exact analysis along a run, those due to the data among them."""
