"""How good is it? Scenarios and recordings through the product and through its competitors."""
