"""Pay for workers who could not submit: the marketplace allows bonuses only for submitted assignments."""
