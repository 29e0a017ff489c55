"""Characters that no text contains: control characters, and halves of characters. Postgres stores some of neither."""

import re

# An address has one line, other texts several.
NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
NOT_IN_A_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Django shows the bytes of a header as Latin-1.
NOT_IN_A_HEADER = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
