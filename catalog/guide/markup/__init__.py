"""The light markup of the guide: paragraphs, headings, lists, bold and links."""
