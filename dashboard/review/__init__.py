"""The tab Review: the reviews of a study, their classes, and the page of a class."""
