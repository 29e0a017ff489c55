"""Pay for who worked and could not hand in: the marketplace gives bonuses only to who handed something in."""
