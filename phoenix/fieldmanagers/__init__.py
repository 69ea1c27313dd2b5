"""Who set which field: field sets, structured merge, ownership of fields and its conflicts."""
