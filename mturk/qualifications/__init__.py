"""Who is not offered which HITs on the marketplace, by qualifications that HITs ask people not to have."""
