"""Controls that good workers fail, and photographs on which all agree."""
