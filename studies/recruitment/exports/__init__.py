"""Files of submissions that recruitment platforms export."""
